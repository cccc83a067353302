"""How far two annotators agree: the scores of one against the other, and Krippendorff's alpha, which takes out what
they would agree on by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import krippendorff
from rich.console import Group

from mawaqif.article import AUTHOR, Article, Mention, Stance
from mawaqif.errors import InputError
from mawaqif.eval.entities import align
from mawaqif.eval.pairs import Pair, pair, touched
from mawaqif.eval.report import Report, evaluate, plain
from mawaqif.eval.stances import join
from mawaqif.eval.tables import number, render, table
from mawaqif.labels import LabelSet

__all__ = ["Agreement", "Alpha", "agreement", "alpha", "differences", "render_agreement"]


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha for nominal data over `units` things that both annotators labelled; None where only one
    label occurs, so that there is nothing to agree on."""

    value: float | None
    units: int


@dataclass(frozen=True)
class Agreement:
    """`report`: the second annotator scored against the first (F1 is the same both ways).

    `words`: alpha of the types of all words, O outside mentions. `pairs`: alpha of the stances, none among them, of all
    ordered pairs of entities that both annotators have (AUTHOR too, as a holder), and of each further pair that one of
    them gives a stance. `labels`: alpha over the pairs to which both give a stance: is it the same one?
    """

    report: Report
    words: Alpha
    pairs: Alpha
    labels: Alpha

    def to_dict(self) -> dict[str, Any]:
        """The agreement as plain values, ready for JSON."""
        found: dict[str, Any] = plain(self)
        return found


def agreement(first: Iterable[Article], second: Iterable[Article], *, labels: LabelSet) -> Agreement:
    """Compare two annotations of the same articles; articles that only one side has do not count.

    Raises InputError where no article is in both, and as `mawaqif.eval.pair` does.
    """
    first, second = _common(first, second)
    pairs = pair(first, second)
    units = [unit for each in pairs for unit in _pair_labels(each, labels.none)]
    return Agreement(
        report=evaluate(first, second, labels=labels, with_baselines=False),
        words=alpha([unit for each in pairs for unit in _word_labels(each)]),
        pairs=alpha(units),
        labels=alpha([unit for unit in units if labels.none not in unit]),
    )


def _common(first: Iterable[Article], second: Iterable[Article]) -> tuple[list[Article], list[Article]]:
    one, other = list(first), list(second)
    ids = {article.id for article in one} & {article.id for article in other}
    if not ids:
        raise InputError("no article is in both annotations; articles are matched by their ids")
    return [article for article in one if article.id in ids], [article for article in other if article.id in ids]


def alpha(units: Sequence[tuple[str, str]]) -> Alpha:
    """Krippendorff's alpha of two annotators' labels (Krippendorff 2019, chapter 12).

    >>> alpha([("a", "a"), ("b", "b"), ("a", "b"), ("b", "b")])
    Alpha(value=0.5333333333333333, units=4)
    """
    codes = {label: code for code, label in enumerate(sorted({label for unit in units for label in unit}))}
    if len(codes) < 2:
        return Alpha(None, len(units))
    data = [[codes[unit[side]] for unit in units] for side in (0, 1)]
    return Alpha(float(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")), len(units))


def _word_labels(both: Pair) -> list[tuple[str, str]]:
    sides = []
    for article in (both.gold, both.predicted):
        labels = ["O"] * len(both.words)
        for mention in article.mentions:
            for word in touched(both.words, (mention.start, mention.end)):
                labels[word] = mention.type
        sides.append(labels)
    return list(zip(*sides, strict=True))


def _pair_labels(both: Pair, none: str) -> list[tuple[str, str]]:
    edges = {
        edge.ends: tuple(none if stance is None else stance.stance for stance in (edge.gold, edge.predicted))
        for edge in join(both)
    }
    shared = sorted(set(align(both.gold, both.predicted).values()) - {AUTHOR})
    ends = [*permutations(shared, 2), *((AUTHOR, entity) for entity in shared)]
    silent = [(none, none) for pair_ in ends if pair_ not in edges]
    return [*((a, b) for a, b in edges.values()), *silent]


def differences(a: Iterable[Article], b: Iterable[Article]) -> Iterator[dict[str, Any]]:
    """Yield what one side has and the other has not, or has otherwise, for the two annotators to talk about.

    Each is a mapping with `id`, `what` (mention or stance), and `a` and `b` in words (None on the side that lacks it).
    Mentions are compared at the same span, stances between entities that share mentions.
    """
    for p in pair(*_common(a, b)):
        spans = [{(m.start, m.end): m for m in article.mentions} for article in (p.gold, p.predicted)]
        for place in sorted(spans[0].keys() | spans[1].keys()):
            one, other = (side.get(place) for side in spans)
            if one is None or other is None or one.type != other.type:
                yield {"id": p.gold.id, "what": "mention", "a": _mention(p, one), "b": _mention(p, other)}
        for edge in join(p):
            left, right = edge.gold, edge.predicted
            if left is None or right is None or (left.stance, left.voice) != (right.stance, right.voice):
                shown = {"a": _stance(p.gold, left), "b": _stance(p.predicted, right)}
                yield {"id": p.gold.id, "what": "stance", **shown}


def _mention(p: Pair, mention: Mention | None) -> str | None:
    return None if mention is None else f"{mention.type} [{mention.start}, {mention.end}] {p.gold.surface(mention)}"


def _stance(article: Article, stance: Stance | None) -> str | None:
    if stance is None:
        return None
    ends = f"{article.name_of(stance.holder)} → {article.name_of(stance.target)}"
    evidence = article.surface(stance.evidence) if stance.evidence else "no evidence"
    return f"{ends}: {stance.stance}, {stance.voice or 'no voice'} ({evidence})"


def render_agreement(found: Agreement) -> Group:
    """The agreement as tables for a rich console."""
    rows = table("Krippendorff's alpha", "", "alpha", "units")
    for name, value in (
        ("words: type", found.words),
        ("pairs: stance or none", found.pairs),
        ("pairs with two stances: which", found.labels),
    ):
        rows.add_row(name, number(value.value), str(value.units))
    return Group(rows, render(found.report))
