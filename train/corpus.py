"""Unlabelled text for pre-training: documents packed into one array of token ids, and its batches.

Documents (`mawaqif.data.documents`) are tokenised as `[CLS] … [SEP]` and laid end to end, so a training sequence of any
length is a slice and no position is padding.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mawaqif.errors import InputError
from mawaqif.train.settings import PretrainConfig
from mawaqif.train.tokenizer import MASK, special_pieces
from mawaqif.words import continuing, pieces_of

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


@lru_cache(maxsize=4)
def permutation(seed: int, context: int, length: int) -> NDArray[np.int64]:
    """The order of the sequences of one context length. Shape [length]."""
    return np.random.default_rng([seed, context]).permutation(length)


@dataclass(frozen=True)
class MaskedBatch:
    """Sequences of which whole words are chosen to be hidden or replaced.

    ids, the text itself, and inputs, what a masked language model is shown, [batch, context] of piece ids; chosen
    [batch, context], the chosen positions; draws [batch, context], uniform in [0, 1), to choose replacements by.
    """

    ids: torch.Tensor
    inputs: torch.Tensor
    chosen: torch.Tensor
    draws: torch.Tensor

    def to(self, device: torch.device) -> MaskedBatch:
        return MaskedBatch(*(part.to(device) for part in (self.ids, self.inputs, self.chosen, self.draws)))

    def rows(self, which: slice) -> MaskedBatch:
        """Some of the sequences."""
        return MaskedBatch(self.ids[which], self.inputs[which], self.chosen[which], self.draws[which])


class Batches:
    """Batches as a pure function of the step."""

    def __init__(self, config: PretrainConfig, tokenizer: Tokenizer, tokens: Tokens) -> None:
        held = max(int(len(tokens) * config.held_out), *(stage.context for stage in config.stages))
        if len(tokens) < 2 * held:
            raise InputError(f"{len(tokens)} tokens are too few to pre-train on; give more text or a shorter context")
        self.training, self.held = tokens[:-held], tokens[-held:]
        self.config = config
        pieces = pieces_of(tokenizer)
        self.continues = continuing(pieces)
        self.special = special_pieces(tokenizer)
        self.mask_id = pieces.index(MASK)
        self.steps = max(1, config.max_tokens // config.batch_tokens)

    def context(self, step: int) -> int:
        """Sequence length at a step: the stages follow one another, each for its share of the steps."""
        done = 0.0
        for stage in self.config.stages:
            done += stage.share
            if step < done * self.steps:
                return stage.context
        return self.config.stages[-1].context

    def rows(self, step: int) -> int:
        """Sequences of the batch at a step."""
        return max(1, self.config.batch_tokens // self.context(step))

    def at(self, step: int, tokens: Tokens | None = None, seed: int | None = None) -> MaskedBatch:
        source = self.training if tokens is None else tokens
        context = self.context(step)
        rows = self.rows(step)
        per_epoch = len(source) // context
        wanted = np.arange(step * rows, (step + 1) * rows)
        order = permutation(self.config.seed, context, per_epoch)
        starts = order[wanted % per_epoch] * context
        ids = np.stack([source[s : s + context] for s in starts]).astype(np.int64)
        rng = np.random.default_rng([self.config.seed if seed is None else seed, step])
        inputs, chosen = mask_whole_words(ids, self.continues, self.special, self.mask_id, self.config.mask_rate, rng)
        return MaskedBatch(
            *(torch.from_numpy(part) for part in (ids, inputs, chosen, rng.random(ids.shape, np.float32)))
        )
