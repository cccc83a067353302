"""What exactly went wrong in each article, as rows that a reader can go through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mawaqif.article import AUTHOR, Article, Mention, Stance
from mawaqif.eval.matching import Matched, match_mentions
from mawaqif.eval.pairs import Pair
from mawaqif.eval.stances import JoinedEdge, Node, join

__all__ = ["KINDS", "ArticleErrors", "ErrorRow", "find_errors"]

KINDS = {
    "mention missed": "gold has a mention where the prediction has none",
    "mention made up": "the prediction has a mention where gold has none",
    "wrong type": "the span is right, the type is not",
    "wrong span": "the type is right, the span only overlaps",
    "wrong span and type": "the spans overlap, the types differ",
    "stance missed": "gold has a stance between two entities, the prediction none",
    "stance made up": "the prediction has a stance that gold has not",
    "stance turned round": "gold has the stance with holder and target exchanged",
    "wrong stance": "holder and target are right, the stance is not",
}
"""Kinds of error, in the order in which they are told."""


@dataclass(frozen=True)
class ErrorRow:
    """One error. `gold` and `predicted` say what the two sides hold there, as (words, label); None for nothing. `types`
    are the entity types that take part. `start` is where it begins in the text, `note` the evidence of a stance."""

    kind: str
    types: tuple[str, ...]
    gold: tuple[str, str] | None
    predicted: tuple[str, str] | None
    start: int
    note: str = ""
    score: float | None = None


@dataclass(frozen=True)
class ArticleErrors:
    """The errors of one article, in text order, and how many of each kind; `right` are its right mentions and edges."""

    pair: Pair
    rows: list[ErrorRow]
    right: int

    @property
    def counts(self) -> dict[str, int]:
        """How many errors of each kind there are, in the order of KINDS."""
        counts = Counter(row.kind for row in self.rows)
        return {kind: counts[kind] for kind in KINDS if counts[kind]}


def find_errors(pairs: Iterable[Pair]) -> list[ArticleErrors]:
    """The errors of paired articles; those with the most come first."""
    found = []
    for pair in pairs:
        matches, edges = match_mentions(pair), join(pair)
        rows = [*_mention_errors(pair, matches), *_stance_errors(pair, edges)]
        right = sum(edge.right for edge in edges) + sum(map(_is_right, matches))
        found.append(ArticleErrors(pair, sorted(rows, key=lambda row: row.start), right))
    return sorted(found, key=lambda errors: (-len(errors.rows), errors.pair.gold.id))


def _is_right(both: Matched) -> bool:
    gold, predicted = both
    return gold is not None and predicted is not None and _key(gold) == _key(predicted)


def _key(mention: Mention) -> tuple[int, int, str]:
    return mention.start, mention.end, mention.type


def _mention_errors(pair: Pair, matches: Sequence[Matched]) -> list[ErrorRow]:
    rows = []
    for both in matches:
        if _is_right(both):
            continue
        there = [mention for mention in both if mention is not None]
        sides = [None if m is None else (pair.gold.surface(m), m.type) for m in both]
        rows.append(
            ErrorRow(
                kind=_mention_kind(*both),
                types=tuple(dict.fromkeys(mention.type for mention in there)),
                gold=sides[0],
                predicted=sides[1],
                start=min(mention.start for mention in there),
                score=None if both[1] is None else both[1].score,
            )
        )
    return rows


def _mention_kind(gold: Mention | None, predicted: Mention | None) -> str:
    if gold is None or predicted is None:
        return "mention missed" if predicted is None else "mention made up"
    if (gold.start, gold.end) == (predicted.start, predicted.end):
        return "wrong type"
    return "wrong span" if gold.type == predicted.type else "wrong span and type"


def _stance_errors(pair: Pair, edges: Sequence[JoinedEdge]) -> list[ErrorRow]:
    rows = []
    for edge in edges:
        if edge.right:
            continue
        words = " ← ".join(_name(pair, node) for node in edge.ends)
        sides = [None if s is None else (words, _label(s)) for s in (edge.gold, edge.predicted)]
        evidence = next((s.evidence for s in (edge.gold, edge.predicted) if s is not None and s.evidence), None)
        rows.append(
            ErrorRow(
                kind=_stance_kind(edge),
                types=tuple(dict.fromkeys((edge.holder_type, edge.target_type))),
                gold=sides[0],
                predicted=sides[1],
                start=evidence[0] if evidence else 0,
                note=pair.gold.surface(evidence) if evidence else "",
                score=None if edge.predicted is None else edge.predicted.score,
            )
        )
    return rows


def _stance_kind(edge: JoinedEdge) -> str:
    if edge.swapped:
        return "stance turned round"
    if edge.gold is None or edge.predicted is None:
        return "stance missed" if edge.predicted is None else "stance made up"
    return "wrong stance"


def _label(stance: Stance) -> str:
    return stance.stance if stance.voice is None else f"{stance.stance}, {stance.voice}"


def _name(pair: Pair, node: Node) -> str:
    article: Article = pair.gold if isinstance(node, str) else pair.predicted
    return AUTHOR if node == AUTHOR else article.name_of(node if isinstance(node, str) else node[0])
