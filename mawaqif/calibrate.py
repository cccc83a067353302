"""Fits how a model's scores are read, and from where on it reports, to gold articles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mawaqif.eval import best_min_score, fit_scaling
from mawaqif.eval.calibration import ScalingFit, gold_classes
from mawaqif.inference.tagger import load
from mawaqif.jsonl import read_articles
from mawaqif.saved import store_settings

_PHRASE_BIASES = (0.0, 0.5, 1.0, 1.5, 2.0)
_LOWEST = 0.02  # no best threshold is as low


@dataclass(frozen=True)
class Calibration:
    """The scaling of stance scores and the threshold that were fitted with one bias of phrases, and the stance F1 end
    to end with all three."""

    phrase_bias: float
    fit: ScalingFit
    min_score: float
    f1: float


def calibrate(model: Path, gold: Path) -> list[Calibration]:
    """Fits the settings temperature, none_bias and min_score with each phrase_bias, and stores the four with which the
    stance F1 end to end is best. Returns all, the best first."""
    articles = sorted(read_articles(gold), key=lambda article: article.id)
    bare = [article.clean() for article in articles]
    tagger = load(model)
    tried = []
    for bias in _PHRASE_BIASES if tagger.labels.only_in_stances else _PHRASE_BIASES[:1]:
        tagger.scaling = replace(tagger.scaling, temperature=1.0, none_bias=0.0, phrase_bias=bias)
        fit = fit_scaling(*gold_classes(articles, tagger.pair_probabilities(bare), tagger.labels.stance_names))
        tagger.scaling = replace(tagger.scaling, temperature=fit.temperature, none_bias=fit.none_bias)
        tried.append(Calibration(bias, fit, *best_min_score(articles, list(tagger.pipe(bare, min_score=_LOWEST)))))
    tried.sort(key=lambda each: -each.f1)  # of equal ones the least bias is first
    best, scaling = tried[0], {"temperature": tried[0].fit.temperature, "none_bias": tried[0].fit.none_bias}
    store_settings(tagger.saved, **scaling, phrase_bias=best.phrase_bias, min_score=best.min_score)
    return tried
