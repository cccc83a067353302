"""The command line: thin commands over the plain functions of the rooms. Nothing here needs torch until a command does.

Errors go to standard error, one line each. Exit status: 0 all right, 1 some input could not be used (the rest was
processed), 2 the command could not run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mawaqif import __version__
from mawaqif.cli_data import app as data_app
from mawaqif.cli_eval import app as eval_app
from mawaqif.cli_train import app as train_app
from mawaqif.console import EngineOption, MinScoreOption, ModelOption, Skipped, ThreadsOption, complain
from mawaqif.errors import InputError, MawaqifError

if TYPE_CHECKING:
    from mawaqif.article import Article

app = typer.Typer(
    name="mawaqif",
    help="Who is named in Arabic political news, and who stands where.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(train_app)
app.add_typer(eval_app)
app.add_typer(data_app)


def main() -> None:
    """Runs the command line, with one line on standard error for every error that mawaqif foresees."""
    try:
        app()
    except MawaqifError as error:
        complain("error", error)
        sys.exit(2)
    except OSError as error:  # no room, no right, no such folder to write to
        complain("error", f"{error.filename}: {error.strerror}" if error.filename else error)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(f"mawaqif {__version__}")
        raise typer.Exit


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
    min_score: MinScoreOption = None,
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


if __name__ == "__main__":
    main()
