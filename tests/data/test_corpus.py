"""The project's own corpus: it loads, its labels are known, its spans are whole words, its parts do not overlap."""

from collections import Counter
from importlib.resources import files

import pytest

from mawaqif.article import Article
from mawaqif.labels import LabelSet
from mawaqif.text import words

PARTS = ("train", "dev", "test")


def articles(part: str) -> list[Article]:
    lines = (files("mawaqif.data") / "corpus" / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Article.from_json(line) for line in lines]


@pytest.mark.parametrize("part", PARTS)
def test_labels_are_known_and_spans_are_whole_words(part):
    labels = LabelSet.default()
    only = {label.name for label in labels.types if label.only_in_stances}
    for article in articles(part):
        edges = {start for start, _ in words(article.text)}, {end for _, end in words(article.text)}
        assert all(m.start in edges[0] and m.end in edges[1] for m in article.mentions), article.id
        assert {m.type for m in article.mentions} <= set(labels.type_names), article.id
        assert {s.stance for s in article.stances} <= set(labels.stance_names), article.id
        assert {s.voice for s in article.stances} <= set(labels.voice_names), article.id
        used = {end for stance in article.stances for end in (stance.holder, stance.target)}
        assert all(e.id in used for e in article.entities if e.type in only), article.id


def test_parts_share_no_article_and_no_text():
    everything = [article for part in PARTS for article in articles(part)]
    assert len(everything) >= 200
    assert max(Counter(article.id for article in everything).values()) == 1
    assert max(Counter(article.text for article in everything).values()) == 1
