"""Packing loses no token, masking takes whole words only."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from mawaqif.errors import InputError
from mawaqif.train.corpus import mask_whole_words, pack, shuffled


def test_shuffling_is_fixed_by_the_seed() -> None:
    documents = [str(n) for n in range(50)]
    assert shuffled(documents, 1) == shuffled(iter(documents), 1)
    assert shuffled(documents, 1) != shuffled(documents, 2)
    assert sorted(shuffled(documents, 1)) == sorted(documents)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.just("أعلن الحزب رفضه"), max_size=12),
    st.integers(1, 5),
)
def test_packing_loses_no_token(tiny_tokenizer: Tokenizer, documents: list[str], batch: int) -> None:
    packed = pack(iter(documents), tiny_tokenizer, batch)
    assert packed.dtype == np.uint16
    assert packed.tolist() == list(chain.from_iterable(tiny_tokenizer.encode(text).ids for text in documents))


def test_a_vocabulary_beyond_16_bits_is_refused() -> None:
    vocabulary = {str(n): n for n in range((1 << 16) + 1)}
    with pytest.raises(InputError, match="at most 65,536"):
        pack([], Tokenizer(models.WordLevel(vocabulary, unk_token="0")))


# ----------------------------------------------------------------------------------------------------------- masking

# A vocabulary of 5 special pieces, 10 that begin a word and 5 that continue one.
CONTINUES = np.array([False] * 15 + [True] * 5)
SPECIAL = np.array([True] * 5 + [False] * 15)
MASK_ID = 4


def mask(ids: np.ndarray, rate: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return mask_whole_words(ids, CONTINUES, SPECIAL, MASK_ID, rate, np.random.default_rng(seed))


@given(seed=st.integers(0, 2**32 - 1), rate=st.floats(0.01, 0.99))
def test_whole_words_are_masked_and_special_pieces_never(seed: int, rate: float) -> None:
    ids = np.random.default_rng(seed).integers(0, 20, (4, 25))
    inputs, chosen = mask(ids, rate, seed)
    assert inputs.shape == chosen.shape == ids.shape
    assert (inputs[~chosen] == ids[~chosen]).all()
    assert not chosen[SPECIAL[ids]].any()
    for row in range(4):
        for place in range(1, 25):
            if CONTINUES[ids[row, place]] and not SPECIAL[ids[row, place - 1]]:
                assert chosen[row, place] == chosen[row, place - 1]


def test_no_word_goes_on_in_the_next_row() -> None:
    _, chosen = mask(np.full((200, 3), 15), 0.5)
    assert (chosen == chosen[:, :1]).all()
    assert (chosen[1:, 0] != chosen[:-1, -1]).any()


def test_rate_and_fates_are_about_right() -> None:
    ids = np.random.default_rng(0).integers(5, 20, (100, 200))
    inputs, chosen = mask(ids, 0.25)
    assert chosen.mean() == pytest.approx(0.25, abs=0.02)
    assert (inputs[chosen] == MASK_ID).mean() == pytest.approx(0.8, abs=0.02)
    kept = (inputs[chosen] == ids[chosen]).mean()
    assert kept == pytest.approx(0.1, abs=0.03)  # and a few random pieces that are the same
    assert not np.isin(inputs[chosen], [0, 1, 2, 3]).any()


def test_masking_is_fixed_by_the_generator() -> None:
    ids = np.random.default_rng(0).integers(0, 20, (4, 25))
    for first, second in zip(mask(ids, 0.3, 1), mask(ids, 0.3, 1), strict=True):
        assert (first == second).all()
    assert (mask(ids, 0.3, 1)[1] != mask(ids, 0.3, 2)[1]).any()
