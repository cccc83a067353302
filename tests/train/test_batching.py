"""An epoch has every example once, in batches of like length, and is a function of the seed and its number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mawaqif.article import Article
from mawaqif.errors import ConfigError
from mawaqif.labels import LabelSet
from mawaqif.train.batching import Batches, Step
from mawaqif.train.examples import Example, Sentence, make_examples

Make = Callable[..., Batches]


@pytest.fixture
def make(tiny_tokenizer: Tokenizer, gold_articles: list[Article], labels: LabelSet) -> Make:
    examples = make_examples(gold_articles * 7, tiny_tokenizer, labels, 128)
    sentence = Sentence(np.array([9, 10, 11]), np.array([0, 1, -100]))

    def made(**options: Any) -> Batches:
        given: dict[str, Any] = {"batch_articles": 2, "batch_sentences": 3, **options}
        return Batches(examples, {"own": [sentence]}, tiny_tokenizer, **given)

    return made


def rows(updates: list[list[Step]]) -> list[int]:
    return [len(step.articles["ids"]) for update in updates for step in update]


@pytest.mark.parametrize(("steps", "updates"), [(1, 11), (4, 3), (99, 1)])
def test_every_example_comes_once(make: Make, steps: int, updates: int) -> None:
    batches = make(steps=steps)
    epoch = list(batches.epoch(0))
    assert len(batches) == len(epoch) == updates
    assert rows(epoch) == [2] * 10 + [1]
    words = sum(step.counts["mention"] for update in epoch for step in update)
    assert words == sum(int((example.tags != -100).sum()) for example in batches.examples)
    assert all(step.counts["ner.own"] == 6 for update in epoch for step in update)


def test_an_epoch_goes_on_where_it_stopped(make: Make) -> None:
    batches = make(word_dropout=0.3)
    whole, rest = list(batches.epoch(1)), list(batches.epoch(1, first=4))
    for a, b in zip(whole[4:], rest, strict=True):
        assert torch.equal(a[0].articles["ids"], b[0].articles["ids"])
        assert torch.equal(a[0].sentences["own"]["ids"], b[0].sentences["own"]["ids"])
    first = [step.articles["ids"].tolist() for update in batches.epoch(0) for step in update]
    assert first != [step.articles["ids"].tolist() for update in whole for step in update]


def test_hidden_words_are_tokens_under_a_mask(make: Make, tiny_tokenizer: Tokenizer) -> None:
    mask = tiny_tokenizer.token_to_id("[MASK]")
    for plain, hidden in zip(make().epoch(0), make(word_dropout=0.5).epoch(0), strict=True):
        a, b = plain[0].articles["ids"], hidden[0].articles["ids"]
        changed = a != b
        assert (b[changed] == mask).all()
        assert (a[changed] > 4).all()  # no special token
        assert 0.2 < changed.sum() / (a > 4).sum() < 0.8


def test_words_cannot_be_hidden_without_a_mask_token(make: Make, labels: LabelSet) -> None:
    from tokenizers import models

    bare = Tokenizer(models.WordLevel({"[CLS]": 0, "[SEP]": 1, "[PAD]": 2, "[UNK]": 3}, "[UNK]"))
    with pytest.raises(ConfigError, match="word_dropout"):
        Batches([], {}, bare, batch_articles=1, batch_sentences=1, word_dropout=0.1)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 4), st.integers(0, 5))
def test_lengths_are_alike(lengths: list[int], size: int, steps: int, seed: int) -> None:
    bare = Tokenizer.from_str(BARE)
    examples = [example(length) for length in lengths]
    batches = Batches(examples, {}, bare, batch_articles=size, batch_sentences=1, steps=steps, seed=seed)
    epoch = list(batches.epoch(0))
    found = [int(n) for update in epoch for step in update for n in step.articles["mask"].sum(1) - 2]
    assert sorted(found) == sorted(lengths)
    assert all(len(update) <= steps for update in epoch)


BARE = """{"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "unk_token": "[UNK]",
"vocab": {"[CLS]": 0, "[SEP]": 1, "[PAD]": 2, "[UNK]": 3}}}"""


def example(length: int) -> Example:
    from mawaqif.encoding import Pairs

    empty = np.zeros((1, length + 2), dtype=np.int64)
    pairs = Pairs(["AUTHOR"], empty > 0, np.array([0]), empty, np.zeros((0, 2), dtype=np.int64))
    none = np.zeros(0, dtype=np.int64)
    return Example(
        np.full(length, 3), np.zeros(length, dtype=np.int64), pairs, none, none, np.zeros((0, length + 2), bool), none
    )
