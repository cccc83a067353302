"""The command line of the data room: `mawaqif data …`."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from mawaqif.cli_errors import Skipped, complain
from mawaqif.errors import require

app = typer.Typer(name="data", help="Make and check annotated articles.", no_args_is_help=True)

Inputs = Annotated[list[Path], typer.Argument(metavar="FILE", help="Text files, plain or xz.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Write here: .jsonl or .jsonl.gz.")]


@app.command()
def documents(
    files: Inputs,
    output: Output,
    min_cues: Annotated[int, typer.Option(help="Least number of stance cues in an article.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="So many articles of each file at most.")] = None,
    terms: Annotated[str | None, typer.Option(help="Value of the articles' field `terms`.")] = None,
) -> None:
    """Pick from unlabelled text the articles that are about who stands where."""
    from mawaqif.data.silver import pick_documents
    from mawaqif.jsonl import write_articles

    picked = (
        article for file in files for article in islice(pick_documents(file, min_cues=min_cues, terms=terms), limit)
    )
    print(f"{write_articles(picked, output)} articles")


@app.command()
def silver(
    tagged: Annotated[Path, typer.Argument(help="Tagged articles, JSON lines.")],
    output: Output,
    min_stances: Annotated[int, typer.Option(min=0, help="Leave out articles with fewer stances.")] = 1,
) -> None:
    """Replace the stances of tagged articles by those that a cue lexicon finds: weak supervision for training."""
    from mawaqif.data.silver import silver as silver_articles
    from mawaqif.jsonl import read_articles, write_articles
    from mawaqif.labels import LabelSet

    articles = silver_articles(read_articles(tagged), LabelSet.default(), min_stances)
    print(f"{write_articles(articles, output)} articles")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A file, or a directory of brat files.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Write here; a directory for brat.")],
    source_format: Annotated[
        str | None, typer.Option("--from", help="Format of IN; default: by name and content.")
    ] = None,
    target_format: Annotated[str | None, typer.Option("--to", help="Format of OUT; default: by name.")] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Write the bare format; what it has no place for is lost.")
    ] = False,
) -> None:
    """Convert articles: jsonl, conll, conll-columns, brat, doccano, label-studio, prodigy (also spaCy's), parquet."""
    from mawaqif.data.convert import convert as run

    skipped = Skipped()
    count = run(
        source,
        target,
        source_format=source_format,
        target_format=target_format,
        plain=plain,
        on_error=skipped,
        warn=lambda what: complain("warning", what),
    )
    print(f"{count} articles")
    skipped.exit()


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Annotated files, or directories of them.")],
    format: Annotated[str | None, typer.Option(help="Format of the files; default: by name and content.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Label set (.yaml or .json); default: mawaqif's.")] = None,
    min_examples: Annotated[int, typer.Option(min=0, help="A label with fewer examples is a problem.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page of the articles with their problems.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors for the exit status.")] = False,
) -> None:
    """Find every problem of annotated articles (needs the extra `data`). Exit status 1 where there are errors."""
    require("datasketch", "data")
    from mawaqif.data.validate import validate as run
    from mawaqif.labels import LabelSet

    label_set = LabelSet.load(labels) if labels else LabelSet.default()
    report = run(paths, label_set, format=format, min_examples=min_examples)
    if html:
        from mawaqif.data.validation_page import write_html

        write_html(report, html, label_set)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        for problem in report.problems:
            print(f"{problem.severity} {problem}")
        print(f"{len(report.sources)} articles: {report.errors} errors, {report.warnings} warnings")
    if report.errors or (strict and report.warnings):
        raise typer.Exit(1)
