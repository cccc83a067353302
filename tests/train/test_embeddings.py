"""Embeddings from co-occurrences: what is counted, and that words used alike come to lie together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.train import embeddings
from mawaqif.train.embeddings import WINDOW, cooccurrence_embeddings, neighbours, positive_pmi

PIECES = 6
texts = st.lists(st.integers(0, PIECES - 1), min_size=1, max_size=40).map(lambda ids: np.array(ids, np.uint16))


@given(texts, st.integers(1, 50), st.integers(1, WINDOW))
def test_every_pair_at_a_distance_is_counted_whatever_the_part(tokens: np.ndarray, part: int, distance: int) -> None:
    expected = np.zeros((PIECES, PIECES))
    for a, b in zip(tokens, tokens[distance:], strict=False):
        expected[a, b] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings, "_PART", part)
        assert (neighbours(tokens, PIECES, distance).toarray() == expected).all()


def test_pmi_is_positive_where_pieces_meet_more_often_than_by_chance() -> None:
    information = positive_pmi(neighbours(np.array([0, 1] * 50 + [2, 3] * 50, np.uint16), 4, 1)).toarray()
    assert information[0, 1] > 0.5
    assert information[2, 3] > 0.5
    assert information[0, 0] == information[0, 3] == information[1, 3] == 0


@given(texts)
def test_pmi_is_of_the_pairs_that_occur(tokens: np.ndarray) -> None:
    counts = neighbours(tokens, PIECES, 1)
    information = positive_pmi(counts).toarray()
    assert np.isfinite(information).all()
    assert (information >= 0).all()
    assert not information[counts.toarray() == 0].any()


def test_pieces_used_alike_lie_together_and_unused_ones_at_zero() -> None:
    """0 and 1 stand between the same neighbours 4 and 5, and 2 and 3 between 6 and 7; 8 does not occur."""
    chooser = np.random.default_rng(0)
    sentences = [
        [left, chooser.choice(middle), right]
        for middle, left, right in [([0, 1], 4, 5), ([2, 3], 6, 7)]
        for _ in range(400)
    ]
    found = cooccurrence_embeddings(np.array([s for x in sentences for s in x], np.uint16), 9, 4, seed=0)
    assert found.shape == (9, 4)
    assert not found[8].any()
    unit = found[:8] / np.linalg.norm(found[:8], axis=1, keepdims=True)
    alike = unit @ unit.T
    assert min(alike[0, 1], alike[2, 3]) > max(alike[0, 2], alike[0, 3], alike[1, 2], alike[1, 3]) + 0.5


def test_the_seed_fixes_them() -> None:
    tokens = np.random.default_rng(0).integers(0, 50, 2000).astype(np.uint16)
    first, again, wide = (cooccurrence_embeddings(tokens, 50, width, seed=1) for width in (8, 8, 64))
    assert first.tobytes() == again.tobytes()
    assert wide.shape == (50, 64)
    assert not wide[:, 50:].any()
