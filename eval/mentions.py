"""How well mentions are found: a predicted mention is right where gold has one with exactly the same span and type
(Tjong Kim Sang and De Meulder 2003). seqeval counts them, in strict mode, over IOB2 tags of the words of the text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from mawaqif.article import Mention
from mawaqif.eval.bootstrap import PRF, Counted, f1
from mawaqif.eval.pairs import Pair
from mawaqif.text import Span

__all__ = ["MentionScores", "score_mentions"]


@dataclass(frozen=True)
class MentionScores:
    """Scores of spans with types. `named` is the micro average without the types that exist only for stances, the
    figure to set beside other named entity recognisers; `macro` is the mean over the types that occur.

    The two Counted hold right, predicted and gold for each article.
    """

    micro: PRF
    macro: PRF
    named: PRF
    per_type: dict[str, PRF]
    counted: Counted
    counted_named: Counted


def score_mentions(pairs: Sequence[Pair], *, only_in_stances: Collection[str]) -> MentionScores:
    """Strict precision, recall and F1 of mentions: micro, macro, by type, and `named`.

    `only_in_stances` names the types that `named` leaves out.
    """
    types = sorted({mention.type for pair in pairs for mention in (*pair.gold.mentions, *pair.predicted.mentions)})
    named = [name for name in types if name not in only_in_stances]
    rows = {name: np.array([_count(pair, name) for pair in pairs], dtype=np.float64) for name in types}
    counted, counted_named = _sum(rows, types, len(pairs)), _sum(rows, named, len(pairs))
    report, report_named = _seqeval(pairs, types), _seqeval(pairs, named)
    return MentionScores(
        micro=_prf(report, "micro avg", counted),
        macro=_prf(report, "macro avg", counted),
        named=_prf(report_named, "micro avg", counted_named),
        per_type={name: _prf(report, name, Counted(rows[name], f1)) for name in types},
        counted=counted,
        counted_named=counted_named,
    )


def _count(pair: Pair, name: str) -> tuple[int, int, int]:
    gold = {(mention.start, mention.end) for mention in pair.gold.mentions if mention.type == name}
    predicted = {(mention.start, mention.end) for mention in pair.predicted.mentions if mention.type == name}
    return len(gold & predicted), len(predicted), len(gold)


def _sum(rows: Mapping[str, Any], names: Collection[str], articles: int) -> Counted:
    return Counted(sum((rows[name] for name in names), np.zeros((articles, 3))), f1)


def _seqeval(pairs: Sequence[Pair], names: Collection[str]) -> dict[str, Any]:
    """seqeval's report as a dictionary; empty where there is nothing to count, which seqeval does not take."""
    if not names:
        return {}
    tags = [_tags(pair, names) for pair in pairs]
    gold, predicted = [list(side) for side in zip(*tags, strict=True)]
    report: dict[str, Any] = classification_report(
        gold, predicted, mode="strict", scheme=IOB2, zero_division=0, output_dict=True
    )
    return report


def _prf(report: Mapping[str, Any], row: str, counted: Counted) -> PRF:
    right, predicted, gold = (int(count) for count in counted.rows.sum(axis=0))
    scores = report.get(row, {"precision": 0, "recall": 0, "f1-score": 0})
    precision, recall, score = (float(scores[name]) for name in ("precision", "recall", "f1-score"))
    return PRF(precision, recall, score, predicted, gold, right)


def _tags(pair: Pair, names: Collection[str]) -> tuple[list[str], list[str]]:
    """IOB2 tags of the gold and of the predicted article, one for each word of the text.

    A span that cuts a word, or takes in a mark beside it, must not pass for the whole word: it gets a place of its own
    behind the words, so it can only be right where the other side has the very same span.
    """
    first = {start: i for i, (start, _) in enumerate(pair.words)}
    last = {end: i for i, (_, end) in enumerate(pair.words)}
    sides = [
        [mention for mention in article.mentions if mention.type in names] for article in (pair.gold, pair.predicted)
    ]
    spans = {(mention.start, mention.end) for side in sides for mention in side}
    cuts = sorted(span for span in spans if span[0] not in first or span[1] not in last)
    places = {span: range(first[span[0]], last[span[1]] + 1) for span in spans.difference(cuts)}
    places |= {span: range(i, i + 1) for i, span in enumerate(cuts, start=len(pair.words))}
    gold, predicted = (_tag(side, places, len(pair.words) + len(cuts)) for side in sides)
    return gold, predicted


def _tag(mentions: Sequence[Mention], places: Mapping[Span, range], length: int) -> list[str]:
    tags = ["O"] * length
    for mention in mentions:
        place = places[mention.start, mention.end]
        for i in place:
            tags[i] = f"{'B' if i == place.start else 'I'}-{mention.type}"
    return tags
