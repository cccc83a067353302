"""The command line of the inference room: tag."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mawaqif.console import EngineOption, ModelOption, Skipped, ThreadsOption
from mawaqif.errors import InputError

if TYPE_CHECKING:
    from mawaqif.article import Article

app = typer.Typer()


@app.command()
def tag(
    inputs: Annotated[list[str], typer.Argument(metavar="FILE|DIR|-", help="Text or JSON lines; - is standard input.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here: .jsonl, .jsonl.gz or .html.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write one HTML page.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="JSON lines even in a terminal.")] = False,
    model: ModelOption = None,
    engine: EngineOption = "auto",
    min_score: Annotated[float | None, typer.Option(min=0, max=1, help="Least probability of a stance.")] = None,
    threads: ThreadsOption = None,
) -> None:
    """Tag articles: entities and stances with their evidence."""
    from mawaqif.inference.files import read_inputs
    from mawaqif.inference.tagger import load
    from mawaqif.jsonl import write_articles

    skipped = Skipped()
    written = [path for path in (output, html) if path]
    _check_outputs(inputs, output, written)
    tagger = load(model, engine=engine, threads=threads)
    given = read_inputs(inputs, skipped, exclude=[path.resolve() for path in written])
    articles: Iterable[Article] = tagger.pipe(given, min_score=min_score)
    pages = [path for path in written if path is html or path.suffix == ".html"]
    if pages:
        from mawaqif.inference.pages import write_html

        articles = list(articles)
        for page in pages:
            write_html(articles, page, tagger.labels)
    if output and output.suffix != ".html":
        write_articles(articles, output)
    elif not pages or (html and not output):
        if sys.stdout.isatty() and not json_lines:
            _show(articles, tagger.labels)
        else:
            sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
            write_articles(articles, sys.stdout)
    skipped.exit()


def _check_outputs(inputs: list[str], output: Path | None, written: list[Path]) -> None:
    """Refuses to write over an input, and to write what the name of `output` does not promise."""
    if output and output.suffix and not output.name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".json", ".html")):
        raise InputError("cannot be written; choose a name that ends in .jsonl, .jsonl.gz or .html", path=str(output))
    sources = {Path(path).resolve() for path in inputs}
    for path in written:
        if path.resolve() in sources:
            raise InputError("is to be read and to be written; write to another file", path=str(path))


def _show(articles: Iterable[Article], labels: Any) -> None:
    from mawaqif.inference.terminal import render

    console = Console()
    for article in articles:
        console.print(render(article, labels))
