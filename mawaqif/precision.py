"""What 8-bit products cost a model in accuracy, and whether they become its default."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mawaqif.eval import evaluate
from mawaqif.inference.tagger import load
from mawaqif.jsonl import read_articles
from mawaqif.saved import PRECISIONS, Precision, open_model, store_settings

MOST = 0.005  # that a headline score may fall


@dataclass(frozen=True)
class Choice:
    """The chosen precision, and each headline score by precision."""

    precision: Precision
    scores: dict[str, dict[Precision, float]]


def choose_precision(model: Path, gold: Path) -> Choice:
    """Scores a model on gold articles in each precision and stores the default: int8 unless it costs too much."""
    articles = list(read_articles(gold))
    scores: dict[str, dict[Precision, float]] = {}
    for precision in PRECISIONS:
        tagger = load(model, engine="onnx", precision=precision)
        predicted = list(tagger.pipe([article.clean() for article in articles]))
        report = evaluate(
            articles, predicted, labels=tagger.labels, predicted_given_gold=list(tagger.stances(articles))
        )
        for name, interval in report.headline.items():
            scores.setdefault(name, {})[precision] = interval.value
    lost = max(each["fp32"] - each["int8"] for each in scores.values())
    choice = Choice("fp32" if lost > MOST else "int8", scores)
    store_settings(open_model(model), precision=choice.precision)
    return choice
