"""How far two annotations of the same articles agree, and where they differ.

Like the command line it stands above the rooms: the scores are those of `mawaqif.eval`, with the first annotation in
the place of gold. F1 is symmetric, so the order does not matter to it. Krippendorff's alpha (2011, nominal, by the
package krippendorff) corrects for chance; its units are the words of the text, with the type of the mention that covers
them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mawaqif.article import Article, Mention, Stance
from mawaqif.errors import InputError, require
from mawaqif.eval import Pair, evaluate, join, pair
from mawaqif.labels import LabelSet

__all__ = ["Agreement", "agreement", "differences"]

_NOTHING = "O"


@dataclass(frozen=True)
class Agreement:
    """`articles` that both annotated. F1 of mentions (all, and without the types that stances alone bring in), of
    entities (B³) and of stances; of `edges` that both have, how many have the same label and the same voice; alpha of
    the words' types (nan where nothing varies).
    """

    articles: int
    alpha: float
    mentions_f1: float
    named_f1: float
    entities_b3: float
    stances_f1: float
    edges: int
    same_label: int
    same_voice: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a figure that is not defined is None."""
        return {key: None if math.isnan(value) else value for key, value in asdict(self).items()}


def agreement(a: Iterable[Article], b: Iterable[Article], labels: LabelSet) -> Agreement:
    """Compare two annotations; articles that only one side has do not count.

    Raises InputError where no article is in both or a text differs, MissingExtraError without the extras `data` and
    `eval`.
    """
    pairs = _common(a, b)
    report = evaluate([p.gold for p in pairs], [p.predicted for p in pairs], labels=labels, resamples=1)
    edges = [edge for p in pairs for edge in join(p)]
    both = [(edge.gold, edge.predicted) for edge in edges if edge.gold and edge.predicted]
    return Agreement(
        articles=len(pairs),
        alpha=_alpha([unit for p in pairs for unit in _word_types(p)]),
        mentions_f1=report.mentions.micro.f1,
        named_f1=report.mentions.named.f1,
        entities_b3=report.entities.b3.f1,
        stances_f1=report.stances.micro.f1,
        edges=len(both),
        same_label=sum(one.stance == other.stance for one, other in both),
        same_voice=sum(one.voice == other.voice for one, other in both),
    )


def _common(a: Iterable[Article], b: Iterable[Article]) -> list[Pair]:
    first, second = list(a), list(b)
    ids = {article.id for article in first} & {article.id for article in second}
    if not ids:
        raise InputError("no article is in both annotations; articles are matched by their ids")
    return pair([x for x in first if x.id in ids], [x for x in second if x.id in ids])


def _word_types(p: Pair) -> list[tuple[str, str]]:
    """For each word the types that the two annotations give it."""
    sides = []
    for article in (p.gold, p.predicted):
        covering = {place: mention.type for mention in article.mentions for place in range(mention.start, mention.end)}
        sides.append([covering.get(start, _NOTHING) for start, _ in p.words])
    return list(zip(*sides, strict=True))


def _alpha(units: Sequence[tuple[str, str]]) -> float:
    krippendorff = require("krippendorff", "data")
    values = sorted({value for unit in units for value in unit})
    if len(values) < 2:
        return math.nan
    number = {value: float(i) for i, value in enumerate(values)}
    data = [[number[value] for value in side] for side in zip(*units, strict=True)]
    return float(krippendorff.alpha(reliability_data=data, level_of_measurement="nominal"))


def differences(a: Iterable[Article], b: Iterable[Article]) -> Iterator[dict[str, Any]]:
    """Yield what one side has and the other has not, or has otherwise, for the two annotators to talk about.

    Each is a mapping with `id`, `what` (mention or stance), and `a` and `b` in words (None on the side that lacks it).
    Mentions are compared at the same span, stances between entities that share mentions.
    """
    for p in _common(a, b):
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
