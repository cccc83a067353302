"""The project's own corpus: it loads, its labels are known, its spans are whole words, its parts do not overlap."""

from collections import Counter, defaultdict
from difflib import SequenceMatcher
from importlib.resources import files

import pytest

from mawaqif.article import Article
from mawaqif.labels import LabelSet
from mawaqif.text import words

PARTS = ("corpus/train", "corpus/dev", "corpus/test")
CONTRASTS = ("contrast/train", "contrast/test")


def articles(part: str) -> list[Article]:
    lines = (files("mawaqif.data") / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Article.from_json(line) for line in lines]


@pytest.mark.parametrize("part", PARTS + CONTRASTS)
def test_labels_are_known_and_spans_are_whole_words(part):
    labels = LabelSet.default()
    only = labels.only_in_stances
    for article in articles(part):
        edges = {start for start, _ in words(article.text)}, {end for _, end in words(article.text)}
        assert all(m.start in edges[0] and m.end in edges[1] for m in article.mentions), article.id
        assert {m.type for m in article.mentions} <= set(labels.type_names), article.id
        assert {s.stance for s in article.stances} <= set(labels.stance_names), article.id
        assert {s.voice for s in article.stances} <= set(labels.voice_names), article.id
        used = {end for stance in article.stances for end in (stance.holder, stance.target)}
        assert all(e.id in used for e in article.entities if e.type in only), article.id


def test_parts_share_no_article_and_no_text():
    everything = [article for part in PARTS + CONTRASTS for article in articles(part)]
    assert len(everything) >= 200
    assert max(Counter(article.id for article in everything).values()) == 1
    assert max(Counter(article.text for article in everything).values()) == 1


@pytest.mark.parametrize("part", CONTRASTS)
def test_the_articles_of_a_pair_differ_in_their_stances_and_in_little_else(part):
    pairs = defaultdict(list)
    for article in articles(part):
        assert article.model_extra["contrast"]
        assert article.model_extra["terms"] == "open"
        pairs[article.model_extra["pair"]].append(article)
    assert len(pairs) >= 20
    for name, both in pairs.items():
        assert [article.id for article in both] == [f"{name}a", f"{name}b"]
        entities = [{e.id: (e.name, e.type) for e in article.entities} for article in both]
        shared = entities[0].keys() & entities[1].keys()
        assert all(entities[0][key] == entities[1][key] for key in shared), name
        stances = [{(s.holder, s.target): s.stance for s in article.stances} for article in both]
        assert stances[0] != stances[1], name
        changed = SequenceMatcher(None, *(article.text.split() for article in both), autojunk=False).ratio()
        assert changed > 0.75, name
