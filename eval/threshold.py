"""The least stance score to report: where the end-to-end F1 of stance edges is best on dev articles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mawaqif.article import Article
from mawaqif.eval.pairs import pair
from mawaqif.eval.stances import join

_FLAT = 0.005


def best_min_score(gold: Sequence[Article], predicted: Sequence[Article]) -> tuple[float, float]:
    """The threshold on the stances' scores with the best micro-F1 of edges, in hundredths, and the F1 there.

    F1 is often flat over a wide range of thresholds, where the peak is a matter of chance: of those within half a point
    of the best, the highest is taken, which reports the fewest wrong edges.
    `predicted` holds all stances down to a low score; one without a score counts as 1. Where no edge is right the
    threshold is 0.5.
    """
    edges = [edge for both in pair(gold, predicted) for edge in join(both)]
    scores = np.array([1.0 if e.predicted.score is None else e.predicted.score for e in edges if e.predicted])
    right = np.array([edge.right for edge in edges if edge.predicted], dtype=np.int64)
    total = sum(edge.gold is not None for edge in edges)
    thresholds = np.arange(100, dtype=np.float64) / 100
    kept = scores[None, :] >= thresholds[:, None]
    f1 = 2 * (kept @ right) / np.maximum(kept.sum(axis=1) + total, 1)
    if not right.any():
        return 0.5, 0.0
    best = int(np.flatnonzero(f1 >= f1.max() - _FLAT)[-1])
    return float(thresholds[best]), float(f1[best])
