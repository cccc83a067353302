"""Batches of a fine-tuning epoch: article windows of like length, with sentences of the public NER sets beside them.

Everything is a function of (seed, epoch), so a run that goes on sees what it would have seen.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from tokenizers import Tokenizer

from mawaqif.encoding import pad_windows, special_ids
from mawaqif.errors import ConfigError
from mawaqif.train.examples import Example, Sentence, collate
from mawaqif.train.objective import IGNORED, Batch, count
from mawaqif.train.spelling import Respelling
from mawaqif.train.views import views

_POOL = 8  # batches that are sorted by length together
T = TypeVar("T")


def by_length(shuffled: Sequence[T], length: Callable[[T], int], size: int) -> list[list[T]]:
    """Batches of `size` (the last may be smaller), each of items of like length: half the padding of random batches."""
    pools = [shuffled[start : start + _POOL * size] for start in range(0, len(shuffled), _POOL * size)]
    return [
        ranked[start : start + size]
        for ranked in (sorted(pool, key=length) for pool in pools)
        for start in range(0, len(ranked), size)
    ]


class Step(NamedTuple):
    """What one process computes at once: article windows, sentences of each NER scheme, and the tasks' item counts."""

    articles: Batch
    sentences: dict[str, Batch]
    counts: dict[str, int]


class Batches:
    """The updates of each epoch: lists of `steps` batches (fewer at the epoch's end) whose gradients add up."""

    def __init__(
        self,
        examples: Sequence[Example],
        sentences: Mapping[str, Sequence[Sentence]],
        tokenizer: Tokenizer,
        *,
        batch_articles: int,
        batch_sentences: int,
        steps: int = 1,
        noisy: Sequence[Example] = (),
        noisy_share: float = 0.0,
        cut_share: float = 0.0,
        respelling: Respelling | None = None,
        word_dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.examples, self.sentences, self.ids = examples, sentences, special_ids(tokenizer)
        self.noisy, self.noisy_share, self.cut_share, self.respelling = noisy, noisy_share, cut_share, respelling
        self.batch_articles, self.batch_sentences, self.steps = batch_articles, batch_sentences, steps
        self.word_dropout, self.seed = word_dropout, seed
        hidden = [tokenizer.token_to_id(name) for name in ("[MASK]", "<mask>")]
        self.mask_id: int = next((number for number in hidden if number is not None), -1)
        if word_dropout and self.mask_id < 0:
            raise ConfigError("training.word_dropout: the tokenizer has no [MASK] token; set it to 0")

    def __len__(self) -> int:
        """Updates an epoch."""
        return math.ceil(len(self.examples) / (self.batch_articles * self.steps))

    def epoch(self, number: int, first: int = 0) -> Iterator[list[Step]]:
        """The updates of an epoch, from update `first` on."""
        order = random.Random(f"{self.seed} {number}")
        shown = views(
            self.examples,
            self.noisy,
            np.random.default_rng([self.seed, number]),
            noisy_share=self.noisy_share,
            cut_share=self.cut_share,
            respelt=self.respelling.epoch(number) if self.respelling else None,
        )
        batches = self._by_length(shown, order)
        for update in range(len(self)):
            chosen = batches[update * self.steps : (update + 1) * self.steps]
            drawn = [
                {scheme: order.choices(pool, k=self.batch_sentences) for scheme, pool in self.sentences.items()}
                for _ in chosen
            ]
            if update >= first:
                rng = np.random.default_rng([self.seed, number, update])
                yield [self._step(examples, sets, rng) for examples, sets in zip(chosen, drawn, strict=True)]

    def _by_length(self, examples: Sequence[Example], order: random.Random) -> list[list[Example]]:
        """All examples in batches of like length, in random order; a short batch, if any, comes last."""
        size = self.batch_articles
        shuffled = order.sample(examples, len(examples))
        full = len(shuffled) - len(shuffled) % size
        batches = by_length(shuffled[:full], lambda example: len(example.ids), size)
        order.shuffle(batches)
        return [*batches, *([shuffled[full:]] if full < len(shuffled) else [])]

    def _step(
        self, examples: Sequence[Example], sets: Mapping[str, Sequence[Sentence]], rng: np.random.Generator
    ) -> Step:
        articles = self._hide_words(collate(examples, self.ids), rng)
        sentences = {scheme: self._hide_words(self._collate(part), rng) for scheme, part in sets.items()}
        return Step(articles, sentences, count(articles, sentences))

    def _collate(self, sentences: Sequence[Sentence]) -> Batch:
        """Pads NER sentences: ids, mask and tags [sentences, tokens]; IGNORED where no tag is scored."""
        inputs, mask = pad_windows([s.ids for s in sentences], self.ids)
        tags = np.full_like(inputs, IGNORED)
        for row, sentence in enumerate(sentences):
            tags[row, 1 : len(sentence.tags) + 1] = sentence.tags
        return {"ids": torch.from_numpy(inputs), "mask": torch.from_numpy(mask), "tags": torch.from_numpy(tags)}

    def _hide_words(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Puts [MASK] over a share of the tokens, so that names must also be known by their surroundings."""
        if not self.word_dropout:
            return batch
        ids = batch["ids"].numpy()
        special = np.isin(ids, list(self.ids.values()))
        hidden = (rng.random(ids.shape) < self.word_dropout) & ~special
        return {**batch, "ids": torch.from_numpy(np.where(hidden, self.mask_id, ids))}
