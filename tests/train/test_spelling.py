"""Another spelling changes letters, never places: words, annotation and their number stay."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mawaqif.article import Article
from mawaqif.labels import LabelSet
from mawaqif.text import words
from mawaqif.train.batching import Batches
from mawaqif.train.examples import make_examples
from mawaqif.train.objective import IGNORED
from mawaqif.train.spelling import Respelling, respell
from mawaqif.train.views import views

TEXT = "أعلنت الوزيرة ليلى الحسيني في بيان أن الخطة النهائية لا تعني إلغاء مجانية المستشفى."


@given(
    text=st.text("أابتةىيهكلمن \u064e.،aZ9", max_size=60) | st.text(max_size=40) | st.just(TEXT),
    seed=st.integers(0, 999),
)
def test_places_stay(text: str, seed: int) -> None:
    other = respell(text, np.random.default_rng(seed))
    assert len(other) == len(text)
    assert words(other) == words(text)
    for start, end in words(text):
        assert end - start == 1 or other[start] == text[start]
        assert sorted(other[start:end].translate(str.maketrans("ىة", "يه"))) == sorted(
            text[start:end].translate(str.maketrans("ىة", "يه"))
        )


def test_every_habit_is_met() -> None:
    spellings = {respell(TEXT, np.random.default_rng(seed)) for seed in range(40)}
    assert len(spellings) > 10
    for habit in ("الحسينى فى بيان", "ليلي", "المستشفي", "الوزيره", "الخطه النهائيه"):
        assert any(habit in text for text in spellings), habit


def test_a_share_of_the_articles_is_respelt_and_what_is_annotated_stays(
    tiny_tokenizer: Tokenizer, labels: LabelSet, annotated: list[Article]
) -> None:
    articles = annotated * 40
    gold = make_examples(articles, tiny_tokenizer, labels, 128)
    respelling = Respelling(articles, tiny_tokenizer, labels, 128, share=0.3, seed=1)
    respelt = respelling.epoch(0)
    assert 0.2 < len(respelt) / len(gold) < 0.4
    assert [*respelt] == [*respelling.epoch(0)] != [*respelling.epoch(1)]
    assert any(not np.array_equal(example.ids, gold[n].ids) for n, example in respelt.items())
    for n, example in respelt.items():
        assert example.tags[example.tags != IGNORED].tolist() == gold[n].tags[gold[n].tags != IGNORED].tolist()
        assert example.pairs.entities == gold[n].pairs.entities
        assert np.array_equal(example.stance, gold[n].stance)
        assert np.array_equal(example.evidence.any(axis=1), gold[n].evidence.any(axis=1))
    shown = views(gold, [], np.random.default_rng(0), respelt=respelt)
    assert all(example is respelt.get(n, gold[n]) for n, example in enumerate(shown))


def test_batches_show_them(tiny_tokenizer: Tokenizer, labels: LabelSet, annotated: list[Article]) -> None:
    examples = make_examples(annotated, tiny_tokenizer, labels, 128)
    respelling = Respelling(annotated, tiny_tokenizer, labels, 128, share=1.0)
    plain, other = (
        Batches(examples, {}, tiny_tokenizer, batch_articles=len(examples), batch_sentences=1, respelling=given)
        for given in (None, respelling)
    )
    (first,), (second,) = next(plain.epoch(0)), next(other.epoch(0))
    assert first.counts == second.counts
    assert first.articles["ids"].tolist() != second.articles["ids"].tolist()
