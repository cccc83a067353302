"""Unlabelled text for pre-training: documents (`mawaqif.data.documents`) packed into one array of token ids.

Documents are tokenised as
`[CLS] … [SEP]` and laid end to end, so a training sequence of any length is a slice and no position is padding.
"""

import random
from collections.abc import Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mawaqif.errors import InputError

Tokens = NDArray[np.uint16]


def shuffled(documents: Iterable[str], seed: int) -> list[str]:
    """All documents in an order fixed by `seed`, so that every part of a run sees every source."""
    order = list(documents)
    random.Random(seed).shuffle(order)
    return order


def pack(documents: Iterable[str], tokenizer: Tokenizer, batch: int = 512) -> Tokens:
    """Token ids of all documents end to end. Shape [tokens], uint16 (the vocabulary must be at most 65,536)."""
    if tokenizer.get_vocab_size() > 1 << 16:
        raise InputError(
            f"a vocabulary of {tokenizer.get_vocab_size()} pieces does not fit 16 bits; use at most 65,536"
        )
    documents = iter(documents)
    parts: list[Tokens] = []
    while texts := list(islice(documents, batch)):
        parts += [np.array(encoding.ids, dtype=np.uint16) for encoding in tokenizer.encode_batch_fast(texts)]
    return np.concatenate(parts) if parts else np.empty(0, np.uint16)


def mask_whole_words(
    ids: NDArray[np.int64],
    continues: NDArray[np.bool_],
    special: NDArray[np.bool_],
    mask_id: int,
    rate: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Chooses whole words for masked language modelling (Devlin et al. 2019; whole-word masking as in AraBERT).

    ids [batch, length]; continues [vocab] marks pieces that continue a word; special [vocab] marks pieces that are
    never masked. Of the chosen words' pieces 80 % become [MASK], 10 % a random piece, 10 % stay. Returns the model's
    input ids [batch, length] and the chosen positions [batch, length].
    """
    flat = ids.reshape(-1)
    begins = ~continues[ids]
    begins[:, 0] = True  # rows are cut from different documents
    word = np.cumsum(begins)
    chosen = (rng.random(word[-1] + 1) < rate)[word] & ~special[flat]
    fate = rng.random(flat.size)
    inputs = flat.copy()
    inputs[chosen & (fate < 0.8)] = mask_id
    swap = chosen & (fate >= 0.9)
    inputs[swap] = rng.integers(int(special.sum()), len(continues), int(swap.sum()))
    return inputs.reshape(ids.shape), chosen.reshape(ids.shape)
