"""The command line over tagged corpora: graph and query."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mawaqif.console import Skipped, complain, drop_output, errors
from mawaqif.errors import ConfigError, require

if TYPE_CHECKING:
    from mawaqif.inference.graph.build import Graph
    from mawaqif.inference.graph.corpus import Corpus

app = typer.Typer()

TaggedFiles = Annotated[
    list[str], typer.Argument(metavar="TAGGED…", help="Tagged articles: JSON lines, Parquet, directories; - is stdin.")
]
AliasesOption = Annotated[
    Path | None, typer.Option(help="Names of one thing, as in mawaqif's own table (YAML: - [name, other name, …]).")
]


@app.command()
def graph(
    tagged: TaggedFiles,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write here: .html, .json, .csv, .parquet or .graphml.")
    ],
    aliases: AliasesOption = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Least score; a stance without one passes.")] = 0.0,
    min_articles: Annotated[int, typer.Option(min=1, help="An edge needs so many articles.")] = 1,
    types: Annotated[str | None, typer.Option(help="Entity types of both ends, with commas: PERS,ORG,GPE.")] = None,
    since: Annotated[str | None, typer.Option(help="First day: YYYY, YYYY-MM or YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day.")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only the edges of the N entities with most stances.")] = None,
    evidence: Annotated[int, typer.Option(min=0, help="Evidence kept at an edge, of each stance.")] = 5,
) -> None:
    """Who stands where on whom in a tagged corpus: a page with network, timeline and table, or a list of edges."""
    from mawaqif.inference.graph.build import Filters, build
    from mawaqif.inference.graph.outputs import check_suffix, write

    check_suffix(output)
    wanted = frozenset(filter(None, (name.strip() for name in (types or "").split(","))))
    filters = Filters(min_score, min_articles, wanted, since, until, top)
    filters.days()  # before the corpus is read
    skipped = Skipped()
    with _corpus(tagged, aliases, skipped, exclude=output) as corpus:
        _known_types(wanted, corpus)
        found = build(corpus, filters, evidence=evidence)
        write(found, output)
    _tell(found)
    skipped.exit()


@app.command()
def query(
    tagged: Annotated[
        list[str], typer.Argument(metavar="TAGGED… QUERY", help="Tagged articles, and last the query (not with --sql).")
    ],
    sql: Annotated[
        str | None, typer.Option(help="A SELECT over the views articles, mentions, entities, stances (extra graph).")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here: .jsonl, .csv or .parquet.")] = None,
    aliases: AliasesOption = None,
    json_lines: Annotated[bool, typer.Option("--json", help="JSON lines even in a terminal.")] = False,
) -> None:
    """Single stances of a tagged corpus: mawaqif query tagged.jsonl 'holder=… target~… stance=against since=2015'.

    Keys: holder, target, entity, stance, type, voice, since, until, source, min_score; = is equal, ~ contains.
    """
    from mawaqif.inference.graph import rows
    from mawaqif.inference.graph.query import COLUMNS, parse, select

    if output:
        rows.check_suffix(output)
    skipped = Skipped()
    if sql is not None:
        require("duckdb", "graph")
        conditions = None
    else:
        *tagged, last = tagged
        if not tagged:
            raise ConfigError(f"{last!r} is the query or the corpus, and the other is missing; give the query last")
        conditions = parse(last)
    with _corpus(tagged, aliases, skipped, exclude=output, everything=sql is not None) as corpus:
        columns: Iterable[str] = COLUMNS
        if conditions is None:
            from mawaqif.inference.graph.sql import query as run

            answer = run(corpus, sql or "")
            columns, found = answer.columns, iter(answer)
        else:
            selection = select(corpus, conditions)
            found = selection.rows
            for name, near in selection.unknown.items():
                complain("unknown", f"no entity is called {name!r}" + (f"; the nearest is {near!r}" if near else ""))
        _write(list(columns), found, output, sql is None, json_lines=json_lines)
    skipped.exit()


def _write(columns: list[str], found: Any, output: Path | None, named: bool, *, json_lines: bool) -> None:
    from mawaqif.inference.graph import rows

    if output:
        errors.print(f"{rows.write(columns, found, output):,} rows in {output}")
    elif json_lines or not sys.stdout.isatty():
        try:
            for line in rows.json_lines(found):
                sys.stdout.write(line)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read standard output has seen enough
            drop_output()
    else:
        shown = ["date", "source", "holder", "stance", "target", "voice", "score", "evidence"] if named else columns
        rows.show(shown, found, Console())


def _corpus(
    tagged: list[str], aliases: Path | None, skipped: Skipped, *, exclude: Path | None, everything: bool = False
) -> Corpus:
    from mawaqif.inference.files import Inputs
    from mawaqif.inference.graph.corpus import Corpus
    from mawaqif.inference.graph.names import read_aliases
    from mawaqif.labels import LabelSet

    table = read_aliases(aliases)
    items = Inputs(tagged, tagged=True, exclude=[exclude.resolve()] if exclude else [])
    corpus = Corpus(items, LabelSet.default(), table, skipped, everything=everything)
    if corpus.articles and not corpus.tagged:
        complain("warning", "no article has entities or stances; tag the articles first: mawaqif tag")
    return corpus


def _known_types(wanted: frozenset[str], corpus: Corpus) -> None:
    known = {*corpus.labels.type_names, corpus.labels.author, *(entity.type for entity in corpus.entities)}
    if unknown := sorted(wanted - known):
        corpus.close()
        raise ConfigError(f"--types: {', '.join(unknown)} is no type; there are {', '.join(sorted(known))}")


def _tell(found: Graph) -> None:
    errors.print(
        f"{found.articles:,} articles ({found.dated:,} with a date), {found.stances:,} stances, "
        f"{len(found.entities):,} entities, {len(found.edges):,} edges"
    )
    for reason, count in found.left_out.items():
        errors.print(f"{count:,} stances left out by {reason}")
