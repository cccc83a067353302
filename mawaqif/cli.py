"""The command line: thin commands over the plain functions of the rooms. Nothing here needs torch until a command does.

Errors go to standard error, one line each. Exit status: 0 all right, 1 some input could not be used (the rest was
processed), 2 the command could not run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from mawaqif import __version__
from mawaqif.cli_data import app as data_app
from mawaqif.cli_errors import Skipped, complain
from mawaqif.cli_train import app as train_app
from mawaqif.errors import InputError, MawaqifError, require

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
app.add_typer(data_app)

ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Model directory or hub id; default: embedded.")]
EngineOption = Annotated[Literal["auto", "onnx", "torch"], typer.Option(help="What runs the model.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Processor threads; default: all.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="Overrides, e.g. training.epochs=3")]


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


def _require_evaluation() -> None:
    for module in ("seqeval", "scipy"):
        require(module, "eval")


@app.command()
def evaluate(
    model: Annotated[
        str, typer.Argument(help="Model directory or hub id, 'embedded', or tagged articles (.jsonl or .jsonl.gz).")
    ],
    gold: Annotated[Path, typer.Argument(help="Annotated articles, JSON lines.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    engine: EngineOption = "auto",
    min_score: Annotated[float | None, typer.Option(min=0, max=1, help="Least probability of a stance.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Also write the tagged articles here.")] = None,
) -> None:
    """Score a model, or tagged articles, on gold articles with 95 % confidence intervals (needs the extra `eval`)."""
    _require_evaluation()
    from mawaqif.eval import evaluate as score
    from mawaqif.eval import render
    from mawaqif.jsonl import read_articles, write_articles
    from mawaqif.labels import LabelSet

    skipped = Skipped()
    articles = list(read_articles(gold, on_error=skipped))
    if not articles:
        raise InputError("holds no usable article", path=str(gold))
    given_gold: list[Article] | None = None
    if model.endswith((".jsonl", ".jsonl.gz")):
        predicted, labels = list(read_articles(model, on_error=skipped)), LabelSet.default()
    else:
        from mawaqif.inference.tagger import load

        tagger = load(None if model == "embedded" else model, engine=engine)
        predicted, labels = list(tagger.pipe([a.clean() for a in articles], min_score=min_score)), tagger.labels
        given_gold = list(tagger.stances(articles, min_score=min_score))
    if predictions:
        write_articles(predicted, predictions)
    report = score(articles, predicted, labels=labels, predicted_given_gold=given_gold)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        Console().print(render(report))
    skipped.exit()


@app.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="Model directory; its default threshold is set.")],
    gold: Annotated[Path, typer.Argument(help="Annotated dev articles, JSON lines; not the test set.")],
) -> None:
    """Set a model's default --min-score to the best by stance F1 on gold articles (needs the extra `eval`)."""
    _require_evaluation()
    from mawaqif.eval import best_min_score
    from mawaqif.inference.tagger import load
    from mawaqif.jsonl import read_articles
    from mawaqif.saved import store_setting

    articles = list(read_articles(gold))
    tagger = load(model)
    predicted = list(tagger.pipe([article.clean() for article in articles], min_score=0.05))
    min_score, f1 = best_min_score(articles, predicted)
    store_setting(tagger.saved, "min_score", min_score)
    print(f"min_score {min_score:.2f}: stance F1 {f1:.3f} end to end")


if __name__ == "__main__":
    main()
