"""The command line: thin commands over the plain functions of the rooms. Nothing here needs torch until a command does.

Errors go to standard error, one line each. Exit status: 0 all right, 1 some input could not be used (the rest was
processed), 2 the command could not run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mawaqif import __version__
from mawaqif.cli_data import app as data_app
from mawaqif.cli_tag import app as tag_app
from mawaqif.cli_train import app as train_app
from mawaqif.console import EngineOption, Skipped, complain
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
app.add_typer(tag_app)
app.add_typer(train_app)
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
