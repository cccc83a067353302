"""The dev scores: perfect for a model that knows the answers, and the best threshold there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.train.scores import best_threshold

PROBABILITIES = st.sampled_from([0.2, 0.25, 0.50004, 0.50006, 0.9]) | st.floats(0, 1)
PAIRS = st.lists(st.tuples(PROBABILITIES, st.integers(1, 2), st.integers(0, 2)), max_size=12)


def micro_f1(scored: np.ndarray, missed: int, threshold: float) -> float:
    kept = scored[scored[:, 0] >= threshold]
    right = (kept[:, 1] == kept[:, 2]).sum()
    return float(2 * right / max(1, len(kept) + (scored[:, 2] > 0).sum() + missed))


@given(PAIRS, st.integers(0, 3))
def test_the_threshold_gives_the_f1_that_is_told_and_none_is_better(
    pairs: list[tuple[float, int, int]], missed: int
) -> None:
    scored = np.array(pairs, dtype=np.float64).reshape(-1, 3)
    micro, macro, threshold = best_threshold(scored, missed, 2)
    if micro == 0:
        assert (macro, threshold) == (0.0, 0.5)
    else:
        assert micro_f1(scored, missed, threshold) == pytest.approx(micro)
        assert 0 < macro <= 1
    rounded = np.floor(scored[:, 0] * 1e4) / 1e4
    assert micro == pytest.approx(max((micro_f1(scored, missed, t) for t in rounded), default=0.0))


def test_perfect_scores() -> None:
    scored = np.array([[0.9, 1, 1], [0.8, 2, 2], [0.1, 1, 0]])
    assert best_threshold(scored, 0, 2) == (1.0, 1.0, 0.8)
    micro, *_ = best_threshold(scored, 2, 2)  # two edges between entities that never meet in a window
    assert micro == pytest.approx(2 * 2 / (2 + 4))
