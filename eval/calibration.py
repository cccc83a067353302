"""Whether a score means what it says: reliability of the stance scores, and the temperature that mends them.

Knows no model: the temperature is fitted on the probabilities that one gives to none and to each stance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.eval.entities import carry
from mawaqif.eval.pairs import pair

__all__ = ["Bin", "Reliability", "TemperatureFit", "fit_temperature", "gold_classes", "reliability"]

Array = NDArray[Any]
_RANGE = (0.05, 20.0)  # of temperatures; a fit at an end says that the scores tell nothing
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
class TemperatureFit:
    """The temperature with the least mean negative log-likelihood over `pairs`: `after`; `before` is that at 1."""

    temperature: float
    before: float
    after: float
    pairs: int


def fit_temperature(probabilities: Array, classes: Array) -> TemperatureFit:
    """Temperature scaling (Guo et al. 2017): one number that divides all logits, fitted by maximum likelihood.

    probabilities [pairs, classes] at temperature 1, classes [pairs] the true ones. The logarithm of a probability is
    its logit up to a constant of the row, which the softmax takes out again. Raises InputError without pairs.
    """
    if not len(classes):
        raise InputError("there are no pairs of entities to fit a temperature on; give articles with entities")
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), _LEAST))
    rows = np.arange(len(classes))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((total - scaled[rows, classes]).mean())

    best = minimize_scalar(loss, bounds=tuple(np.log(_RANGE)), method="bounded", options={"xatol": 1e-4})
    return TemperatureFit(round(float(np.exp(best.x)), 4), loss(0.0), float(best.fun), len(classes))


def gold_classes(
    gold: Iterable[Article],
    scored: Iterable[tuple[Article, Mapping[tuple[str, str], Array]]],
    stances: Sequence[str],
) -> tuple[Array, Array]:
    """Probabilities [pairs, 1 + stances] and the true class of each pair: 0 for none, then the stances in order.

    `scored` are articles as found, each with the probabilities of its ordered pairs. What is true of entities as found
    is what gold says of the entities that they stand for (`mawaqif.eval.carry`), so the fit is about what users see.
    """
    found = {article.id: (article, pairs) for article, pairs in scored}
    rows: list[Array] = []
    classes: list[int] = []
    for both in pair(gold, [article for article, _ in found.values()]):
        _, pairs = found.get(both.gold.id, (None, {}))
        truth = {(s.holder, s.target): 1 + stances.index(s.stance) for s in carry(both.gold, both.predicted).stances}
        for ends, probabilities in pairs.items():
            rows.append(probabilities)
            classes.append(truth.get(ends, 0))
    return np.array(rows).reshape(-1, 1 + len(stances)), np.array(classes, dtype=np.int64)
