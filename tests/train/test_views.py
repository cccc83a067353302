"""A view shows the same text and the same gold, only less of it or with other entities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.jsonl import write_articles
from mawaqif.labels import LabelSet
from mawaqif.train.examples import Example, load_noisy, make_examples
from mawaqif.train.objective import IGNORED
from mawaqif.train.views import cut, part, views


@pytest.fixture(scope="module")
def examples(tiny_tokenizer: Tokenizer, labels: LabelSet, annotated: list[Article]) -> list[Example]:
    return make_examples(annotated, tiny_tokenizer, labels, 128)


def edges(example: Example) -> dict[tuple[str, str], int]:
    names = example.pairs.entities
    return {(names[h], names[t]): int(s) for (h, t), s in zip(example.pairs.pairs, example.stance, strict=True)}


def test_the_whole_is_a_part(examples: list[Example]) -> None:
    for example in examples:
        whole = part(example, 0, len(example.ids))
        assert edges(whole) == edges(example)
        for name in ("ids", "tags", "voice", "evidence", "sentence"):
            assert np.array_equal(getattr(whole, name), getattr(example, name))
        for name in ("mask", "types", "distance", "pairs"):
            assert np.array_equal(getattr(whole.pairs, name), getattr(example.pairs, name))


@given(seed=st.integers(0, 10_000), number=st.integers(0, 2))
def test_a_cut_is_a_run_of_sentences_with_what_is_said_in_it(examples: list[Example], seed: int, number: int) -> None:
    example = examples[number]
    shown = cut(example, np.random.default_rng(seed))
    start = next(n for n in range(len(example.ids)) if np.array_equal(example.ids[n : n + len(shown.ids)], shown.ids))
    end = start + len(shown.ids)
    assert 0 < len(shown.ids) < len(example.ids)
    assert start == 0 or example.sentence[start] > example.sentence[start - 1]
    assert end == len(example.ids) or example.sentence[end] > example.sentence[end - 1]
    assert np.array_equal(shown.tags, example.tags[start:end])
    assert shown.pairs.entities[0] == "AUTHOR"
    assert shown.pairs.mask.any(axis=1).all()
    before = edges(example)
    for row, (pair, stance) in enumerate(edges(shown).items()):
        assert stance in (before[pair], IGNORED)
        assert (stance > 0) == bool(before[pair] > 0 and shown.evidence[row].any() and stance != IGNORED)
        assert (shown.voice[row] == IGNORED) == (stance <= 0)


def test_a_lone_sentence_is_not_cut(tiny_tokenizer: Tokenizer, labels: LabelSet) -> None:
    (example,) = make_examples([Article(id="one", text="رفض الحزب الخطة.")], tiny_tokenizer, labels, 128)
    assert cut(example, np.random.default_rng(0)) is example


def test_stances_are_cut_away_with_their_evidence(examples: list[Example]) -> None:
    """Both ends stay, the words that show it do not: nobody knows."""
    for example in examples:
        for row in np.flatnonzero(example.stance > 0):
            tokens = np.flatnonzero(example.evidence[row]) - 1
            shown = part(example, int(tokens.min()) + 1, len(example.ids))
            holder, target = (example.pairs.entities[n] for n in example.pairs.pairs[row])
            assert edges(shown).get((holder, target), IGNORED) == IGNORED


def test_views_take_their_shares(examples: list[Example]) -> None:
    many, noisy = examples * 200, [part(e, 0, len(e.ids)) for e in examples * 200]
    shown = views(many, noisy, np.random.default_rng(0), noisy_share=0.3, cut_share=0.2)
    own = {id(example) for example in noisy}
    whole = [len(a.ids) == len(b.ids) for a, b in zip(shown, many, strict=True)]
    assert 0.75 < np.mean(whole) < 0.85
    assert 0.2 < np.mean([id(example) in own for example in shown]) < 0.3
    assert views(many, [], np.random.default_rng(0), noisy_share=1.0) == many


def test_noisy_examples_keep_the_tags(tiny_tokenizer: Tokenizer, labels: LabelSet, annotated: list[Article]) -> None:
    gold = annotated[0]
    kept = gold.entities[0].id
    found = gold.model_copy(update={"mentions": gold.mentions_of(kept), "entities": [gold.entity(kept)], "stances": []})
    (whole,), (noisy,) = (
        make_examples([gold], tiny_tokenizer, labels, 128, given) for given in (None, {found.id: found})
    )
    assert np.array_equal(noisy.tags, whole.tags)
    assert noisy.pairs.entities == ["AUTHOR", kept]
    assert not noisy.stance.any()


def test_noisy_articles_are_those_that_are_trained_on(
    tmp_path_factory: pytest.TempPathFactory, labels: LabelSet, annotated: list[Article]
) -> None:
    path = tmp_path_factory.mktemp("noisy") / "noisy.jsonl"
    write_articles(annotated, path)
    assert set(load_noisy([path], annotated[:2], labels)) == {"a1", "a2"}
    other = annotated[0].model_copy(update={"text": annotated[0].text + " انتهى."})
    with pytest.raises(InputError, match=r"article 'a1'.*is not the text that is trained on"):
        load_noisy([path], [other], labels)
    with pytest.raises(InputError, match=r"noisy\.jsonl.*holds none of the articles that are trained on"):
        load_noisy([path], [annotated[0].model_copy(update={"id": "b"})], labels)
