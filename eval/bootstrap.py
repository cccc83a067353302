"""Scores as functions of counts, and how sure we may be of them. Each article yields a short vector of counts (right,
predicted, gold, …); a score is a function of the sum of these vectors. So a resample of the articles costs one row of
a matrix product, and a thousand of them some milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mawaqif.errors import InputError

__all__ = [
    "PRF",
    "Counted",
    "Counts",
    "Interval",
    "Rate",
    "bootstrap",
    "divide",
    "draws",
    "f1",
    "macro_f1",
    "prf",
    "rate",
    "ratio_f1",
    "ratio_prf",
]

Counts = NDArray[np.float64]
"""Counts, the measured things along the last axis; all axes before it are articles or resamples."""


@dataclass(frozen=True)
class PRF:
    """Precision, recall and their harmonic mean. `right`, `predicted` and `gold` are the counts they come from.

    A score that would divide by zero is 0 (seqeval's and scikit-learn's `zero_division=0`). `right` is None where
    the measure has no such count.
    """

    precision: float
    recall: float
    f1: float
    predicted: int
    gold: int
    right: int | None = None


@dataclass(frozen=True)
class Rate:
    """`hits / of`; the value is None where there was nothing to count."""

    value: float | None
    hits: float
    of: int


@dataclass(frozen=True)
class Interval:
    """A score of all articles, with the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Counted:
    """A score that can be resampled: `rows` (articles × counts), and `score`, from (…, counts) to (…)."""

    rows: Counts
    score: Callable[[Counts], Counts]

    @property
    def value(self) -> float:
        """The score of all articles together."""
        return float(self.score(self.rows.sum(axis=0)))


def prf(right: int, predicted: int, gold: int) -> PRF:
    """Precision `right / predicted`, recall `right / gold`, F1 = 2 · right / (predicted + gold) (van Rijsbergen 1979).

    >>> prf(1, 2, 4)
    PRF(precision=0.5, recall=0.25, f1=0.3333333333333333, predicted=2, gold=4, right=1)
    """
    precision = right / predicted if predicted else 0.0
    recall = right / gold if gold else 0.0
    both = predicted + gold
    return PRF(precision, recall, 2 * right / both if both else 0.0, predicted, gold, right)


def rate(hits: float, of: int) -> Rate:
    """The share of `hits` in `of`."""
    return Rate(hits / of if of else None, hits, of)


def f1(counts: Counts) -> Counts:
    """Micro-F1 of (…, 3): right, predicted, gold. Shape (…)."""
    return divide(2 * counts[..., 0], counts[..., 1] + counts[..., 2])


def macro_f1(counts: Counts) -> Counts:
    """Macro-F1 of (…, 3 · labels): right, predicted, gold of the first label, then of the second, … Shape (…).

    The mean is over the labels that gold or prediction holds, as in seqeval; without any it is 0.
    """
    by_label = counts.reshape(*counts.shape[:-1], -1, 3)
    present = by_label[..., 1:].any(axis=-1)
    return divide(f1(by_label).sum(axis=-1), present.sum(axis=-1))


def ratio_f1(counts: Counts) -> Counts:
    """F1 of (…, 4): sum over the predicted, how many they are, sum over gold, how many. Shape (…).

    For measures in which a thing is right by degrees, and by other degrees seen from the other side.
    """
    precision, recall = divide(counts[..., 0], counts[..., 1]), divide(counts[..., 2], counts[..., 3])
    return divide(2 * precision * recall, precision + recall)


def ratio_prf(rows: Counts) -> PRF:
    """The scores of all articles (articles, 4) together, as `ratio_f1` takes them."""
    total = rows.sum(axis=0)
    precision, recall = (float(total[i] / total[i + 1]) if total[i + 1] else 0.0 for i in (0, 2))
    return PRF(precision, recall, float(ratio_f1(total)), int(total[1]), int(total[3]))


@lru_cache(maxsize=2)  # every score of a report asks for the same ones
def draws(articles: int, resamples: int, seed: int) -> Counts:
    """How often each article is drawn in each resample (resamples, articles): with replacement, as many as there are.

    Raises InputError without articles.
    """
    if not articles:
        raise InputError("there are no articles to resample; a confidence interval needs at least one")
    rng = np.random.default_rng(seed)
    return rng.multinomial(articles, np.full(articles, 1 / articles), size=resamples).astype(np.float64)


def bootstrap(counted: Counted, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
    """Percentile bootstrap over articles (Efron and Tibshirani 1993, chapter 13).

    Articles are drawn with replacement, as many as there are; the bounds are the quantiles of the resampled scores
    that leave `1 - level` outside. The article is the unit since what is said in one article is not independent. The
    same seed and number of articles give the same draws for every score. Raises InputError without articles.
    """
    scores = counted.score(draws(len(counted.rows), resamples, seed) @ counted.rows)
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return Interval(counted.value, float(low), float(high))


def divide(a: Counts, b: NDArray[Any]) -> Counts:
    """`a / b`, and 0 where `b` is 0."""
    quotient: Counts = np.divide(a, b, out=np.zeros(np.shape(a)), where=np.asarray(b) > 0)
    return quotient
