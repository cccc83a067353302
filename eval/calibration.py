"""Whether a score means what it says: reliability of the stance scores, and the scaling that mends them.

Knows no model: it is fitted on the probabilities that one gives to none and to each stance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.eval.entities import carry
from mawaqif.eval.pairs import pair

__all__ = ["Bin", "Reliability", "ScalingFit", "fit_scaling", "gold_classes", "reliability"]

Array = NDArray[Any]
_TEMPERATURES = (0.05, 20.0)  # a fit at an end of these says that the scores tell nothing
_BIASES = (-6.0, 6.0)
_LEAST = 1e-38  # smallest probability that has a logarithm in single precision


@dataclass(frozen=True)
class Bin:
    """Predictions whose score lies in [low, high): how many, their mean score, and the share that is right.

    The last bin holds score 1 too. Score and share are None in an empty bin.
    """

    low: float
    high: float
    count: int
    score: float | None
    right: float | None


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram and its summary.

    `ece`: expected calibration error, the mean distance of score and share right over bins, weighted by their counts
    (Naeini et al. 2015; Guo et al. 2017, https://arxiv.org/abs/1706.04599). `brier`: mean squared distance of score and
    outcome (Brier 1950). None without predictions.
    """

    bins: list[Bin]
    count: int
    ece: float | None
    brier: float | None


def reliability(scores: Sequence[float], right: Sequence[bool], bins: int = 10) -> Reliability:
    """Reliability of scored predictions over `bins` bins of equal width.

    >>> found = reliability([0.9, 0.9, 0.2], [True, False, False])
    >>> round(found.ece, 3)  # (2 · |0.9 − 0.5| + 1 · |0.2 − 0|) / 3
    0.333
    """
    values, outcomes = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.float64)
    place = np.minimum((values * bins).astype(np.int64), bins - 1)
    found, gap = [], 0.0
    for number in range(bins):
        here = place == number
        count = int(here.sum())
        score, share = (float(values[here].mean()), float(outcomes[here].mean())) if count else (None, None)
        found.append(Bin(number / bins, (number + 1) / bins, count, score, share))
        if score is not None and share is not None:
            gap += count * abs(score - share)
    if not len(values):
        return Reliability(found, 0, None, None)
    return Reliability(found, len(values), gap / len(values), float(((values - outcomes) ** 2).mean()))


@dataclass(frozen=True)
class ScalingFit:
    """The temperature and the bias of none with the least mean negative log-likelihood over `pairs`, which is `after`;
    `before` is that of temperature 1 and bias 0."""

    temperature: float
    none_bias: float
    before: float
    after: float
    pairs: int


def fit_scaling(probabilities: Array, classes: Array, sure: Array) -> ScalingFit:
    """Bias-corrected temperature scaling (Alexandari et al. 2020), fitted by maximum likelihood.

    One number divides all logits (Guo et al. 2017), another is added to that of none: a model trained with more
    weight on stances, or on gold entities, believes too much in stances, which no temperature can mend.

    probabilities [pairs, classes] at temperature 1 and bias 0, class 0 being none; classes [pairs] the true ones; sure
    [pairs] the probability that both ends are right, without which the pair has no stance. The logarithm of a
    probability is its logit up to a constant of the row, which the softmax takes out again. Raises InputError without
    pairs.
    """
    if not len(classes):
        raise InputError("there are no pairs of entities to fit a temperature on; give articles with entities")
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), _LEAST))
    rows = np.arange(len(classes))

    def loss(parameters: Array) -> float:
        scaled = logits / np.exp(parameters[0])
        scaled[:, 0] += parameters[1]
        top = scaled.max(axis=1)
        scaled -= top[:, None] + np.log(np.exp(scaled - top[:, None]).sum(axis=1))[:, None]
        likely = sure * np.exp(scaled[rows, classes])
        return -float(np.log(np.maximum(np.where(classes == 0, 1 - sure + likely, likely), _LEAST)).mean())

    start = np.zeros(2)
    best = minimize(loss, start, method="L-BFGS-B", bounds=[tuple(np.log(_TEMPERATURES)), _BIASES])
    temperature, none_bias = round(float(np.exp(best.x[0])), 4), round(float(best.x[1]), 4)
    return ScalingFit(temperature, none_bias, loss(start), float(best.fun), len(classes))


def gold_classes(
    gold: Iterable[Article],
    scored: Iterable[tuple[Article, Mapping[tuple[str, str], Array]]],
    stances: Sequence[str],
) -> tuple[Array, Array, Array]:
    """Probabilities [pairs, 1 + stances], the true class of each pair (0 for none, then the stances in order), and how
    sure its ends are (`Article.entity_scores`).

    `scored` are articles as found, each with the probabilities of its ordered pairs. What is true of entities as found
    is what gold says of the entities that they stand for (`mawaqif.eval.carry`), so the fit is about what users see.
    """
    found = {article.id: (article, pairs) for article, pairs in scored}
    rows: list[Array] = []
    classes: list[int] = []
    sure: list[float] = []
    for both in pair(gold, [article for article, _ in found.values()]):
        _, pairs = found.get(both.gold.id, (None, {}))
        scores = both.predicted.entity_scores()
        truth = {(s.holder, s.target): 1 + stances.index(s.stance) for s in carry(both.gold, both.predicted).stances}
        for (holder, target), probabilities in pairs.items():
            rows.append(probabilities)
            classes.append(truth.get((holder, target), 0))
            sure.append(scores[holder] * scores[target])
    return np.array(rows).reshape(-1, 1 + len(stances)), np.array(classes, dtype=np.int64), np.array(sure)
