"""Edges count what the articles say, keep the best evidence and no more, and the filters leave out what they should."""

from __future__ import annotations

from typing import Any

import pytest

from mawaqif.article import AUTHOR, Article
from mawaqif.errors import ConfigError
from mawaqif.inference.graph.build import Edge, Filters, Graph, build

from .conftest import Read, Tell

PLAN = "ISSUE سد الزمرد"


def edge(graph: Graph, holder: str, target: str) -> Edge:
    names = [entity.name for entity in graph.entities]
    (found,) = [e for e in graph.edges if (names[e.holder], names[e.target]) == (holder, target)]
    return found


def test_an_edge_sums_up_its_articles(story: list[Article], read: Read) -> None:
    graph = build(read(story))
    assert (graph.articles, graph.tagged, graph.dated, graph.stances, graph.undated) == (4, 4, 3, 7, 2)
    found = edge(graph, "سامر نعيم الوراق", "سد الزمرد")
    assert found.stances == {"against": 2, "favor": 1}
    assert (found.share("against"), found.share("favor")) == (0.6667, 0.3333)
    assert (found.first, found.last, found.undated, found.articles) == ("2031-03-12", "2031-04-02", 1, 3)
    assert found.months == {("2031-03", "against"): 1, ("2031-04", "against"): 1}
    assert found.sources == {"المنارة": 2, "الميناء": 1}
    assert found.voices == {"speech": 3}
    assert found.score == 0.65
    best = found.evidence["against"][0]
    assert (best.article, best.score, best.text) == ("s1", 0.9, "سامر نعيم الوراق against سد الزمرد [s1]")
    assert story[0].surface((best.start or 0, best.end or 0)) == best.text
    assert edge(graph, AUTHOR, "سد الزمرد").undated == 1
    assert edge(graph, "حزب النخيل", "سلوانيا").first == "2031-04-12"
    assert graph.edges[0] is found  # most stances first


@pytest.mark.parametrize(
    ("filters", "stances", "left_out"),
    [
        (Filters(), 7, {}),
        (Filters(min_score=0.6), 5, {"min_score": 2}),  # what has no score passes
        (Filters(min_articles=2), 3, {"min_articles": 4}),
        (Filters(types=frozenset({"PERS", "ISSUE"})), 3, {"types": 4}),
        (Filters(since="2031-04"), 3, {"since, until": 2, "undated": 2}),
        (Filters(until="2031-03"), 2, {"since, until": 3, "undated": 2}),
        (Filters(since="2031-04-02", until="2031-04-02"), 1, {"since, until": 4, "undated": 2}),
        (Filters(top=1), 6, {"top": 1}),
        (Filters(types=frozenset({"LAW"})), 0, {"types": 7}),
    ],
)
def test_filters_say_what_they_left_out(
    story: list[Article], read: Read, filters: Filters, stances: int, left_out: dict[str, int]
) -> None:
    graph = build(read(story), filters)
    assert (graph.stances, dict(graph.left_out)) == (stances, left_out)
    assert len(graph.entities) == len({end for e in graph.edges for end in (e.holder, e.target)})


def test_a_time_that_ends_before_it_begins_is_refused(story: list[Article], read: Read) -> None:
    with pytest.raises(ConfigError, match="since 2032 is after until 2031"):
        build(read(story), Filters(since="2032", until="2031"))


def test_evidence_is_bounded_and_the_surest_is_kept(tell: Tell, read: Read) -> None:
    told = [
        tell(f"a{n}", [("PERS سامر الوراق", stance, PLAN)], scores=[n / 100])
        for n, stance in enumerate(["favor", "against"] * 20)
    ]
    (found,) = build(read(told), evidence=3).edges
    assert found.count == found.articles == 40
    assert {label: [e.score for e in kept] for label, kept in found.evidence.items()} == {
        "favor": [0.38, 0.36, 0.34],
        "against": [0.39, 0.37, 0.35],
    }
    assert not any(build(read(told), evidence=0).edges[0].evidence.values())


def test_entities_that_merge_within_an_article_count_it_once(tell: Tell, read: Read) -> None:
    told = [tell("a1", [("GPE أمريكا", "against", PLAN), ("GPE الولايات المتحدة", "against", PLAN)])]
    (found,) = build(read(told)).edges
    assert (found.count, found.articles) == (2, 1)


def test_a_stance_within_one_merged_entity_is_kept(tell: Tell, read: Read) -> None:
    graph = build(read([tell("a1", [("GPE أمريكا", "favor", "GPE الولايات المتحدة")])]))
    assert [(e.holder, e.target, e.count) for e in graph.edges] == [(0, 0, 1)]


def test_long_evidence_is_cut_and_says_so(read: Read) -> None:
    parts: dict[str, Any] = {
        "entities": [{"id": "e1", "type": "ORG", "name": "أ"}, {"id": "e2", "type": "ORG", "name": "ب"}],
        "stances": [{"holder": "e1", "target": "e2", "stance": "favor", "evidence": [0, 5000]}],
    }
    (found,) = build(read([Article.from_dict({"id": "a", "text": "كلمة " * 1000, **parts})])).edges
    text = found.evidence["favor"][0].text
    assert text is not None
    assert len(text) == 600
    assert text.endswith("…")
