"""The command line of the data room: `mawaqif data …`."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mawaqif.console import Skipped, complain
from mawaqif.errors import InputError, require

if TYPE_CHECKING:
    from mawaqif.article import Article

app = typer.Typer(name="data", help="Make and check annotated articles.", no_args_is_help=True)

Inputs = Annotated[list[Path], typer.Argument(metavar="FILE", help="Text files, plain or xz.")]
AnnotatedFiles = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Annotated articles in any format.")]
LabelsOption = Annotated[Path | None, typer.Option(help="Label set (.yaml or .json); default: mawaqif's.")]
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
    labels: LabelsOption = None,
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


def _read_all(files: list[Path], skipped: Skipped) -> list[Article]:
    from mawaqif.data.formats import read
    from mawaqif.data.validate import annotated_files

    articles = [
        article
        for file in annotated_files(files)
        for article in read(file, on_error=skipped, warn=lambda what: complain("warning", what))
    ]
    if not articles:
        raise InputError("holds no usable article", path=", ".join(map(str, files)))
    return articles


@app.command()
def split(
    files: AnnotatedFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory for <part>.jsonl.")],
    parts: Annotated[str, typer.Option(help="Names and shares of the parts.")] = "train=0.8,dev=0.1,test=0.1",
    seed: Annotated[int, typer.Option(help="Another seed gives another split.")] = 0,
    by: Annotated[str, typer.Option(help="Fields of the articles to balance too.")] = "source,topic",
) -> None:
    """Cut articles into parts that are alike, near duplicates kept together (needs the extra `data`)."""
    require("datasketch", "data")
    from mawaqif.data.split import parse_parts
    from mawaqif.data.split import split as run
    from mawaqif.jsonl import write_articles

    shares, skipped = parse_parts(parts), Skipped()
    targets = {name: output / f"{name}.jsonl" for name in shares}
    for path in targets.values():
        if path.exists():
            raise InputError("is there already; write to another directory", path=str(path))
    chosen = run(_read_all(files, skipped), shares, seed=seed, by=by.split(","))
    output.mkdir(parents=True, exist_ok=True)
    for name, articles in chosen.items():
        stances = sum(len(article.stances) for article in articles)
        print(f"{targets[name]}: {write_articles(articles, targets[name])} articles, {stances} stances")
    skipped.exit()


@app.command()
def stats(
    files: AnnotatedFiles,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with plots.")] = None,
    top: Annotated[int, typer.Option(min=1, help="So many names at most.")] = 20,
    labels: LabelsOption = None,
) -> None:
    """Count what articles hold: labels, lengths, stances an article, the names in most articles."""
    from mawaqif.data.stats import statistics
    from mawaqif.labels import LabelSet

    skipped = Skipped()
    label_set = LabelSet.load(labels) if labels else LabelSet.default()
    found = statistics(_read_all(files, skipped), label_set, top=top)
    if html:
        from mawaqif.data.stats_page import write_html

        write_html(found, html, label_set)
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        import yaml

        print(yaml.safe_dump(found.to_dict(), allow_unicode=True, sort_keys=False, default_flow_style=None), end="")
    skipped.exit()


@app.command()
def agreement(
    first: Annotated[Path, typer.Argument(metavar="A", help="One annotation, in any format.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one of the same articles.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    differences: Annotated[Path | None, typer.Option(help="Write every difference here, JSON lines.")] = None,
) -> None:
    """How far two annotations of the same articles agree (needs the extra `eval`)."""
    for module in ("krippendorff", "seqeval", "scipy"):
        require(module, "eval")
    from mawaqif.eval.agreement import agreement as measure
    from mawaqif.eval.agreement import differences as differing
    from mawaqif.eval.agreement import render_agreement
    from mawaqif.labels import LabelSet

    skipped = Skipped()
    one, other = _read_all([first], skipped), _read_all([second], skipped)
    found = measure(one, other, labels=LabelSet.default())
    if differences:
        lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in differing(one, other)]
        differences.write_text("".join(lines), encoding="utf-8")
    if as_json:
        print(json.dumps(found.to_dict(), indent=2))
    else:
        Console().print(render_agreement(found))
    skipped.exit()


@app.command()
def sample(
    tagged: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Tagged articles with scores, JSON lines.")],
    output: Output,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="So many articles.")] = 50,
    diversity: Annotated[float, typer.Option(min=0, max=1, help="0: only doubt counts; 1: only variety.")] = 0.5,
    exclude: Annotated[list[Path] | None, typer.Option(help="Articles that are annotated already.")] = None,
    clean: Annotated[bool, typer.Option("--clean", help="Write them without their tags.")] = False,
) -> None:
    """Pick the articles that a model is least sure of, and not all alike, to annotate next (needs the extra `data`)."""
    require("scipy", "data")
    from mawaqif.data.sample import sample as run
    from mawaqif.jsonl import write_articles

    skipped = Skipped()
    done = {article.id for article in _read_all(exclude, skipped)} if exclude else set()
    given = [article for article in _read_all(tagged, skipped) if article.id not in done]
    picked = run(given, count, diversity=diversity)
    print(f"{write_articles([a.clean() for a in picked] if clean else picked, output)} articles")
    skipped.exit()


@app.command()
def detach(
    files: AnnotatedFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Write here, JSON lines.")],
) -> None:
    """Write the annotation of articles without a word of their text, to publish it where the text may not be."""
    from mawaqif.data.standoff import write_standoff

    skipped = Skipped()
    print(f"{write_standoff(_read_all(files, skipped), output)} articles")
    skipped.exit()


@app.command()
def attach(
    annotation: Annotated[Path, typer.Argument(metavar="ANNOTATION", help="What `mawaqif data detach` wrote.")],
    texts: Annotated[list[Path], typer.Argument(metavar="TEXT…", help="The texts: .txt, .txt.xz or articles.")],
    output: Output,
) -> None:
    """Put annotation back on its texts, for those who have them."""
    from itertools import chain

    from mawaqif.data.standoff import attach as run
    from mawaqif.data.standoff import read_texts
    from mawaqif.jsonl import write_articles

    skipped = Skipped()
    articles = run(annotation, chain.from_iterable(map(read_texts, texts)), skipped)
    print(f"{write_articles(articles, output)} articles")
    skipped.exit()


@app.command()
def annotate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Articles in any format, annotated or not.")],
    output: Output,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Tag with this model first: a directory, a hub id, or 'embedded'."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Correct tags and stances on a local page in the browser; every saved article is in the output at once."""
    from mawaqif.data.annotation import Annotation
    from mawaqif.data.annotation_server import AnnotationServer
    from mawaqif.labels import LabelSet

    skipped, labels, tag = Skipped(), LabelSet.default(), None
    if model:
        from mawaqif.inference.tagger import load

        tag = load(None if model == "embedded" else model)
        labels = tag.labels
    annotation = Annotation(_read_all(files, skipped), output, labels, tag)
    with AnnotationServer(annotation, port) as server:
        print(server.url, flush=True)
        if browser:
            typer.launch(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    print(f"{sum(article['done'] for article in annotation.overview())} articles in {output}")
    skipped.exit()
