"""The command line of the evaluation room: evaluate, compare, calibrate."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer
from rich.console import Console

from mawaqif.console import EngineOption, MinScoreOption, PrecisionOption, Skipped, ThreadsOption
from mawaqif.errors import InputError, require

if TYPE_CHECKING:
    from mawaqif.article import Article
    from mawaqif.eval.report import Report
    from mawaqif.eval.robustness import Robustness
    from mawaqif.inference.tagger import Tagger
    from mawaqif.labels import LabelSet
    from mawaqif.saved import Precision

app = typer.Typer()


def _require_evaluation() -> None:
    for module in ("seqeval", "scipy"):
        require(module, "eval")


def _console() -> Console:
    """Standard output; wide enough for the names of scores where it goes to a file."""
    return Console(width=None if sys.stdout.isatty() else 120)


TaggedBy = Annotated[
    str, typer.Argument(help="Model directory or hub id, 'embedded', or tagged articles (JSON lines, CoNLL).")
]
TrainOption = Annotated[
    Path | None,
    typer.Option(help="What the model learned from: for the gazetteer baseline and the slices by what was seen."),
]


@app.command()
def evaluate(
    model: TaggedBy,
    gold: Annotated[Path, typer.Argument(help="Annotated articles, JSON lines.")],
    train: TrainOption = None,
    coarse: Annotated[
        bool, typer.Option("--coarse", help="Score mentions alone, as PER, LOC, ORG and MISC (gold may be CoNLL).")
    ] = False,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also tag the articles misspelt, with page furniture, … (10 times).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with plots and a browser of errors.")] = None,
    engine: EngineOption = "auto",
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    min_score: MinScoreOption = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", "--output", "-o", help="Also write the tagged articles here.")
    ] = None,
) -> None:
    """Score a model, or tagged articles, on gold articles with 95 % confidence intervals (needs the extra `eval`)."""
    _require_evaluation()
    from mawaqif.eval import evaluate as score
    from mawaqif.eval import render
    from mawaqif.eval.report import plain
    from mawaqif.eval.robustness import render_robustness
    from mawaqif.jsonl import write_articles

    if coarse and robustness:
        raise InputError("--robustness scores entities and stances, which --coarse leaves out; give one of the two")
    skipped = Skipped()
    articles = _read(gold, skipped)
    tagged = _tagged(
        model,
        articles,
        skipped,
        engine=engine,
        precision=precision,
        threads=threads,
        min_score=min_score,
        given_gold=not coarse,
    )
    if predictions:
        write_articles(tagged.articles, predictions)
    if coarse:
        tagged, articles = _coarse(tagged, articles)
    report = score(
        articles,
        tagged.articles,
        labels=tagged.labels,
        predicted_given_gold=tagged.given_gold,
        train=None if train is None else _read(train, skipped),
        with_baselines=not coarse,
    )
    drops = _robustness(articles, report, tagged, min_score) if robustness else None
    mentions_only = not any(article.entities for article in articles)
    if html:
        from mawaqif.eval.page import report_page, write_page

        title = f"{Path(model).name} on {gold.name}"
        sides = articles, tagged.articles
        page = report_page(report, *sides, tagged.labels, title=title, robustness=drops, mentions_only=mentions_only)
        write_page(page, html)
    if as_json:
        told = report.to_dict() | ({} if drops is None else {"robustness": plain(drops)})
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _console().print(render(report, mentions_only=mentions_only))
        if drops is not None:
            _console().print(render_robustness(drops))
    skipped.exit()


def _coarse(tagged: _Tagged, gold: list[Article]) -> tuple[_Tagged, list[Article]]:
    """Both sides with their mentions alone under coarser types, and nothing that gold without entities cannot judge."""
    from mawaqif.eval.tokens import coarse, coarse_types

    types = coarse_types()
    return tagged._replace(articles=coarse(tagged.articles, types), given_gold=None), coarse(gold, types)


def _robustness(gold: list[Article], report: Report, tagged: _Tagged, min_score: float | None) -> Robustness:
    from mawaqif.eval.robustness import robustness

    tagger = tagged.tagger
    if tagger is None:
        raise InputError("--robustness tags the articles anew, so it needs a model, not tagged articles")
    return robustness(gold, report, lambda bare: tagger.pipe(bare, min_score=min_score), labels=tagged.labels)


@app.command()
def compare(
    a: TaggedBy,
    b: TaggedBy,
    gold: Annotated[Path, typer.Argument(help="Annotated articles, JSON lines.")],
    train: TrainOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    engine: EngineOption = "auto",
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Tell whether B is better than A on gold articles: paired tests, slices, changes (needs the extra `eval`)."""
    _require_evaluation()
    from mawaqif.eval import compare as compare_articles
    from mawaqif.eval.comparison import render_comparison

    skipped = Skipped()
    articles = _read(gold, skipped)
    first, second = (
        _tagged(model, articles, skipped, engine=engine, threads=threads, precision=precision) for model in (a, b)
    )
    given = None
    if first.given_gold is not None and second.given_gold is not None:
        given = first.given_gold, second.given_gold
    found = compare_articles(
        articles,
        first.articles,
        second.articles,
        labels=first.labels if first.tagger else second.labels,
        given_gold=given,
        train=None if train is None else _read(train, skipped),
    )
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        _console().print(render_comparison(found))
    skipped.exit()


class _Tagged(NamedTuple):
    """Articles as found, and with the gold entities given where there is a model (`tagger`) to give them to."""

    articles: list[Article]
    given_gold: list[Article] | None
    labels: LabelSet
    tagger: Tagger | None


def _read(path: Path, skipped: Skipped) -> list[Article]:
    from mawaqif.eval.tokens import holds_tokens, read_tokens
    from mawaqif.jsonl import read_articles

    if holds_tokens(path):
        return read_tokens(path)
    articles = list(read_articles(path, on_error=skipped))
    if not articles:
        raise InputError("holds no usable article", path=str(path))
    return articles


def _tagged(
    model: str,
    gold: list[Article],
    skipped: Skipped,
    *,
    engine: Literal["auto", "onnx", "torch"] = "auto",
    precision: Precision | None = None,
    threads: int | None = None,
    min_score: float | None = None,
    given_gold: bool = True,
) -> _Tagged:
    """What a file of tagged articles holds, or what a model makes of the gold articles, also given their entities."""
    from mawaqif.eval.tokens import COLUMNS
    from mawaqif.labels import LabelSet

    if model.endswith((".jsonl", ".jsonl.gz", *COLUMNS)):
        return _Tagged(_read(Path(model), skipped), None, LabelSet.default(), None)
    from mawaqif.inference.tagger import load

    tagger = load(None if model == "embedded" else model, engine=engine, threads=threads, precision=precision)
    articles = list(tagger.pipe([article.clean() for article in gold], min_score=min_score))
    given = tagger.stances(gold, min_score=min_score) if given_gold else None
    return _Tagged(articles, given, tagger.labels, tagger)


@app.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="Model directory; four of its settings are set.")],
    gold: Annotated[Path, typer.Argument(help="Annotated dev articles, JSON lines; not the test set.")],
) -> None:
    """Fit how a model's scores are read, then its default --min-score, on gold articles (needs the extra `eval`).

    Temperature and none_bias make a stance's score the share of such stances that are right; the threshold is the best
    by end-to-end stance F1 under them; phrase_bias, which finds more issues and unnamed actors, the best of five by it.
    """
    _require_evaluation()
    from mawaqif.calibrate import calibrate as run

    tried = run(model, gold)
    for each in tried[::-1]:
        fit = each.fit
        told = f"phrase_bias {each.phrase_bias}: temperature {fit.temperature:.3f}, none_bias {fit.none_bias:+.3f}"
        likelihood = f"NLL {fit.before:.4f} to {fit.after:.4f} on {fit.pairs} pairs"
        print(f"{told}, {likelihood}; min_score {each.min_score:.2f}, stance F1 {each.f1:.3f} end to end")
    print(f"chosen: phrase_bias {tried[0].phrase_bias}, min_score {tried[0].min_score:.2f}")
