"""The edges of the graph: holder → target over the whole corpus, with counts, dates, sources and the best evidence.

One pass over the stances; memory grows with the edges and their months and sources, not with the stances.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mawaqif.errors import ConfigError
from mawaqif.inference.graph.corpus import Corpus, Row
from mawaqif.inference.graph.dates import period
from mawaqif.inference.graph.merging import GraphEntity

__all__ = ["Edge", "Evidence", "Filters", "Graph", "build", "degrees"]

_LONGEST = 600  # characters of an evidence text


class Evidence(NamedTuple):
    """One stance of an edge, as shown beside it. Offsets are code points into the article's text, end exclusive."""

    article: str
    date: str | None
    source: str | None
    stance: str
    voice: str | None
    score: float | None
    text: str | None
    start: int | None
    end: int | None
    holder_as: str
    target_as: str


@dataclass
class Edge:
    """All stances of one holder toward one target; both are places in `Graph.entities`.

    `stances`, `voices`, `sources` count stances; `months` counts them by month (YYYY-MM) and stance; `articles` counts
    different articles. `scored` and `score_sum` are over the stances that have a score. `evidence` holds the best of
    each stance: highest score first, then the earliest.
    """

    holder: int
    target: int
    stances: Counter[str] = field(default_factory=Counter)
    voices: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    months: Counter[tuple[str, str]] = field(default_factory=Counter)
    articles: int = 0
    undated: int = 0
    first: str | None = None
    last: str | None = None
    scored: int = 0
    score_sum: float = 0.0
    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    latest_article: int = 0  # its number in the corpus

    @property
    def count(self) -> int:
        return sum(self.stances.values())

    @property
    def score(self) -> float | None:
        """The mean score, to four digits; None where no stance has one."""
        return round(self.score_sum / self.scored, 4) if self.scored else None

    def share(self, stance: str) -> float:
        """The share of this stance in all of the edge."""
        return round(self.stances[stance] / self.count, 4)


@dataclass(frozen=True)
class Filters:
    """Which stances make edges, and which edges stay. A stance without a score passes `min_score`.

    `types`: both ends must have one of them; the articles' own voice counts as the type AUTHOR. With `since` or
    `until` (YYYY, YYYY-MM, YYYY-MM-DD, both included) stances without a date are left out. `top`: the edges of the so
    many entities with the most stances.
    """

    min_score: float = 0.0
    min_articles: int = 1
    types: frozenset[str] = frozenset()
    since: str | None = None
    until: str | None = None
    top: int | None = None

    def days(self) -> tuple[str | None, str | None]:
        """First and last day. Raises ConfigError."""
        since = period(self.since, "since")[0] if self.since else None
        until = period(self.until, "until")[1] if self.until else None
        if since and until and since > until:
            raise ConfigError(f"since {self.since} is after until {self.until}; exchange the two")
        return since, until


@dataclass
class Graph:
    """The entities that have edges, and the edges, most stances first. `stances` counts the stances of all edges;
    `articles`, `dated` and `tagged` (with any annotation) describe the corpus; `left_out` counts the stances that the
    filters took out, by filter."""

    entities: list[GraphEntity]
    edges: list[Edge]
    labels: list[str]
    articles: int
    tagged: int
    dated: int
    left_out: Counter[str]

    @property
    def stances(self) -> int:
        return sum(edge.count for edge in self.edges)

    @property
    def undated(self) -> int:
        return sum(edge.undated for edge in self.edges)


def build(corpus: Corpus, filters: Filters | None = None, *, evidence: int = 5) -> Graph:
    """The graph of a corpus. `evidence`: so many of each stance are kept at an edge. Raises ConfigError."""
    filters = filters or Filters()
    since, until = filters.days()
    edges: dict[tuple[int, int], Edge] = {}
    left_out: Counter[str] = Counter()
    for row in corpus.stances():
        if reason := _refused(row, filters, corpus.entities, since, until):
            left_out[reason] += 1
            continue
        pair = row["holder"], row["target"]
        _count(edges.setdefault(pair, Edge(*pair)), row, evidence)
    kept = [edge for edge in edges.values() if edge.articles >= filters.min_articles]
    left_out["min_articles"] += sum(edge.count for edge in edges.values()) - sum(edge.count for edge in kept)
    if filters.top is not None:
        kept, before = _top(kept, filters.top), kept
        left_out["top"] += sum(edge.count for edge in before) - sum(edge.count for edge in kept)
    known = corpus.labels.stance_names
    seen = {name for edge in kept for name in edge.stances}
    labels = [*known, *sorted(seen - set(known))]
    entities, kept = _numbered(corpus.entities, kept)
    return Graph(entities, kept, labels, corpus.articles, corpus.tagged, corpus.dated, +left_out)


def _refused(
    row: Row, filters: Filters, entities: list[GraphEntity], since: str | None, until: str | None
) -> str | None:
    """The filter that takes a stance out."""
    if row["score"] is not None and row["score"] < filters.min_score:
        return "min_score"
    if filters.types and not {entities[row["holder"]].type, entities[row["target"]].type} <= filters.types:
        return "types"
    if since or until:
        if row["date"] is None:
            return "undated"
        if not (since or "") <= row["date"] <= (until or "9999"):
            return "since, until"
    return None


def _count(edge: Edge, row: Row, most: int) -> None:
    stance, day = row["stance"], row["date"]
    edge.stances[stance] += 1
    if row["voice"] is not None:
        edge.voices[row["voice"]] += 1
    if row["source"] is not None:
        edge.sources[row["source"]] += 1
    if row["article"] != edge.latest_article:  # the rows come article by article
        edge.articles += 1
        edge.latest_article = row["article"]
    if day is None:
        edge.undated += 1
    else:
        edge.months[day[:7], stance] += 1
        edge.first = min(edge.first or day, day)
        edge.last = max(edge.last or day, day)
    if row["score"] is not None:
        edge.scored += 1
        edge.score_sum += row["score"]
    found = edge.evidence.setdefault(stance, [])
    bisect.insort(found, _evidence(row), key=_rank)
    del found[most:]


def _evidence(row: Row) -> Evidence:
    text = row["evidence"]
    if text is not None and len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    given = (row["date"], row["source"], row["stance"], row["voice"], row["score"], text)
    return Evidence(
        row["article_id"], *given, row["evidence_start"], row["evidence_end"], row["holder_as"], row["target_as"]
    )


def _rank(found: Evidence) -> tuple[Any, ...]:
    """Highest score, then with words, then dated and early; the rest makes the order of the articles irrelevant."""
    return (
        *(-(found.score or 0.0), found.text is None, found.date or "9999", found.article, found.start or 0),
        *(found.text or "", found.holder_as, found.target_as, found.voice or ""),
    )


def _top(edges: list[Edge], most: int) -> list[Edge]:
    counts = degrees(edges)
    best = set(sorted(counts, key=lambda entity: (-counts[entity], entity))[:most])
    return [edge for edge in edges if {edge.holder, edge.target} & best]


def degrees(edges: Iterable[Edge]) -> Counter[int]:
    """Stances that each entity holds or is the target of."""
    counts: Counter[int] = Counter()
    for edge in edges:
        counts[edge.holder] += edge.count
        if edge.target != edge.holder:
            counts[edge.target] += edge.count
    return counts


def _numbered(entities: list[GraphEntity], edges: list[Edge]) -> tuple[list[GraphEntity], list[Edge]]:
    """Entities by their stances, most first, and edges that name them by their new places."""
    counts = degrees(edges)
    order = sorted(counts, key=lambda entity: (-counts[entity], entity))
    place = {entity: new for new, entity in enumerate(order)}
    for edge in edges:
        edge.holder, edge.target = place[edge.holder], place[edge.target]
    edges.sort(key=lambda edge: (-edge.count, -edge.articles, edge.holder, edge.target))
    return [entities[entity] for entity in order], edges
