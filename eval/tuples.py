"""Opinion tuples with their evidence: the overlap-weighted F1 of the RuOpinionNE-2024 shared task, polarity counted.

The measure of edges asks whether two articles name the same holder, target and stance; this one asks how well a reader
would be served by the words marked as holder, target and evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum
from typing import NamedTuple

import numpy as np

from mawaqif.article import AUTHOR, Article
from mawaqif.eval.bootstrap import PRF, Counted, ratio_f1, ratio_prf
from mawaqif.eval.pairs import Pair, touched
from mawaqif.text import Span

__all__ = ["OpinionTuple", "TupleScores", "opinion_tuples", "score_tuples"]

_AUTHOR_PLACE = range(-1, 0)  # no word has this number


class OpinionTuple(NamedTuple):
    """Holder, target and evidence as ranges of word numbers, and the stance. AUTHOR has the number -1."""

    holder: range
    target: range
    evidence: range
    stance: str


@dataclass(frozen=True)
class TupleScores:
    """`weighted`: precision and recall weighted by overlap. `counted` holds, for each article, the sum of weights of
    the predicted tuples, their number, the sum of weights of the gold tuples, and theirs."""

    weighted: PRF
    counted: Counted


def score_tuples(pairs: Sequence[Pair]) -> TupleScores:
    """The F1 of RuOpinionNE-2024 (Loukachevitch et al. 2025, https://arxiv.org/abs/2504.06947), which is the Sentiment
    Graph F1 of Barnes et al. 2021 and SemEval-2022 Task 10.

    A tuple matches one of the other side where the stance is the same and holder, target and evidence share at least
    one word each; AUTHOR shares only with AUTHOR. Its weight is the mean of the three overlaps, each divided by the
    tuple's own length; of several matches the best counts, and without one the weight is 0. Precision is the mean
    weight of the predicted tuples, recall that of the gold tuples. Matches are not one to one.

    Here holder and target are entities, not spans: an entity's span is its mention nearest to the evidence (inside it,
    if there is one; of equally near ones the first). A stance without evidence, or of an entity without mentions,
    matches nothing.
    """
    rows = np.array([_count(pair) for pair in pairs])
    return TupleScores(ratio_prf(rows), Counted(rows, ratio_f1))


def _count(pair: Pair) -> tuple[float, int, float, int]:
    gold, predicted = (opinion_tuples(article, pair.words) for article in (pair.gold, pair.predicted))
    return (
        fsum(_weight(own, gold) for own in predicted),
        len(pair.predicted.stances),
        fsum(_weight(own, predicted) for own in gold),
        len(pair.gold.stances),
    )


def opinion_tuples(article: Article, words: Sequence[Span]) -> list[OpinionTuple]:
    """The tuples of an article over its words; stances that show no evidence are left out."""
    places: dict[str, list[range]] = {AUTHOR: [_AUTHOR_PLACE]}
    for mention in sorted(article.mentions, key=lambda mention: mention.start):
        if mention.entity is not None:
            places.setdefault(mention.entity, []).append(touched(words, (mention.start, mention.end)))
    nearest = cache(lambda end, evidence: _nearest(places[end], evidence))
    found = []
    for stance in article.stances:
        if stance.evidence is None or stance.holder not in places or stance.target not in places:
            continue
        evidence = touched(words, stance.evidence)
        ends = nearest(stance.holder, evidence), nearest(stance.target, evidence)
        found.append(OpinionTuple(*ends, evidence, stance.stance))
    return found


def _nearest(places: Iterable[range], evidence: range) -> range:
    return min(places, key=lambda place: max(evidence.start - place.start, place.stop - evidence.stop, 0))


def _weight(own: OpinionTuple, others: Iterable[OpinionTuple]) -> float:
    best = 0.0
    for other in others:
        if own.stance == other.stance and (evidence := _overlap(own.evidence, other.evidence)):
            holder, target = _overlap(own.holder, other.holder), _overlap(own.target, other.target)
            if holder and target:
                best = max(best, fsum((holder, target, evidence)) / 3)
    return best


def _overlap(own: range, other: range) -> float:
    shared = min(own.stop, other.stop) - max(own.start, other.start)
    return shared / len(own) if shared > 0 else 0.0
