"""Who stands where: gold and predicted stances joined edge by edge, and the scores of the edges. One function serves
both tasks: end to end, where predicted entities are first aligned with gold, and with the gold entities given, where
the alignment is the identity and what is measured is the stance alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import fsum

import numpy as np

from mawaqif.article import AUTHOR, Article, Stance
from mawaqif.eval.bootstrap import PRF, Counted, Counts, Rate, f1, macro_f1, prf, rate
from mawaqif.eval.entities import align
from mawaqif.eval.pairs import Pair, iou, touched

__all__ = ["Ends", "JoinedEdge", "Node", "StanceScores", "group_edges", "join", "score_edges", "score_stances"]

Node = str | tuple[str]
"""A gold entity's id, or the id of a predicted entity without counterpart, wrapped so that it meets no gold id."""
Ends = tuple[Node, Node]
"""Holder and target."""


@dataclass(frozen=True)
class JoinedEdge:
    """An ordered pair of entities with its stance in gold, in the prediction, or in both.

    The types are those of the gold entities; of the predicted ones where an entity has no gold counterpart. The type
    of AUTHOR is AUTHOR. `swapped`: gold holds the predicted stance with holder and target exchanged, and none of this
    holder toward this target. `evidence_iou`: overlap of the words of the two evidences; None unless the edge is right
    and gold shows evidence.
    """

    gold: Stance | None
    predicted: Stance | None
    holder_type: str
    target_type: str
    ends: Ends
    swapped: bool = False
    evidence_iou: float | None = None

    @property
    def right(self) -> bool:
        """Holder, target and label agree."""
        return self.gold is not None and self.predicted is not None and self.gold.stance == self.predicted.stance


@dataclass(frozen=True)
class StanceScores:
    """Scores of directed, labelled edges.

    - `micro`, `macro`, `per_label`: an edge is right where holder, target and label agree. `macro` is the mean over
      the labels that occur.
    - `pairs`: holder and target agree, whatever the label. `label_accuracy`: share of these pairs with the right label.
    - `by_holder_type`, `by_target_type`: the edges by the type of the entity at one end.
    - `by_voice`: an edge is right where the voice agrees too. `voice_accuracy`: share of the right edges with the right
      voice; edges without gold voice are left out. `recall_by_voice`: share of the gold edges of a voice that are
      right.
    - `swaps`: share of the wrong predicted edges that gold has the other way round.
    - `evidence_found`: share of the right edges whose evidence has at least one word in common with gold's;
      `evidence_iou`: mean word overlap (intersection over union) of the two. Edges without gold evidence are left out.

    The two Counted hold right, predicted and gold for each article; `counted_macro` for each label in turn.
    """

    micro: PRF
    macro: PRF
    per_label: dict[str, PRF]
    pairs: PRF
    label_accuracy: Rate
    by_holder_type: dict[str, PRF]
    by_target_type: dict[str, PRF]
    by_voice: dict[str, PRF]
    voice_accuracy: Rate
    recall_by_voice: dict[str, Rate]
    swaps: Rate
    evidence_found: Rate
    evidence_iou: Rate
    counted: Counted
    counted_macro: Counted


def score_stances(pairs: Sequence[Pair], labels: Iterable[str] = ()) -> StanceScores:
    """Score the stances of paired articles (see StanceScores). The alignment is that of `mawaqif.eval.align`."""
    return score_edges([join(pair) for pair in pairs], labels)


def score_edges(articles: Sequence[Sequence[JoinedEdge]], labels: Iterable[str] = ()) -> StanceScores:
    """The same of the joined edges of each article.

    `counted_macro` has columns for `labels` also where none of them occurs, so that two reports have the same ones.
    """
    edges = list(chain.from_iterable(articles))
    per_label = group_edges(edges, lambda edge, stance: stance.stance)
    rows = _rows(articles, sorted({*per_label, *labels}))
    voiced = [edge for edge in edges if edge.right and edge.gold and edge.gold.voice is not None]
    both = sum(edge.gold is not None and edge.predicted is not None for edge in edges)
    right, predicted, gold = (int(count) for count in rows.sum(axis=(0, 1)))
    overlaps = [edge.evidence_iou for edge in edges if edge.evidence_iou is not None]
    return StanceScores(
        micro=prf(right, predicted, gold),
        macro=_mean(list(per_label.values())),
        per_label=per_label,
        pairs=prf(both, predicted, gold),
        label_accuracy=rate(right, both),
        by_holder_type=group_edges(edges, lambda edge, stance: edge.holder_type),
        by_target_type=group_edges(edges, lambda edge, stance: edge.target_type),
        by_voice=group_edges(edges, lambda edge, stance: stance.voice, right=_same_voice),
        voice_accuracy=rate(sum(map(_same_voice, voiced)), len(voiced)),
        recall_by_voice=_recall_by_voice(edges),
        swaps=rate(sum(edge.swapped for edge in edges), predicted - right),
        evidence_found=rate(sum(overlap > 0 for overlap in overlaps), len(overlaps)),
        evidence_iou=rate(fsum(overlaps), len(overlaps)),
        counted=Counted(rows.sum(axis=1), f1),
        counted_macro=Counted(rows.reshape(len(articles), -1), macro_f1),
    )


def join(pair: Pair) -> list[JoinedEdge]:
    """The edges of both articles, those of the same aligned holder and target joined: gold's first, then the rest."""
    names = align(pair.gold, pair.predicted)
    of_predicted = _types(pair.predicted)
    own: dict[str, Node] = {id_: names.get(id_, (id_,)) for id_ in of_predicted}
    types: dict[Node, str] = {own[id_]: type_ for id_, type_ in of_predicted.items()}
    types.update(_types(pair.gold))
    gold: dict[Ends, Stance] = {(stance.holder, stance.target): stance for stance in pair.gold.stances}
    predicted = {(own[stance.holder], own[stance.target]): stance for stance in pair.predicted.stances}
    return [
        JoinedEdge(
            gold=gold.get(ends),
            predicted=predicted.get(ends),
            holder_type=types[ends[0]],
            target_type=types[ends[1]],
            ends=ends,
            swapped=ends not in gold and _agree(gold.get(ends[::-1]), predicted.get(ends)),
            evidence_iou=_evidence_iou(pair, gold.get(ends), predicted.get(ends)),
        )
        for ends in dict.fromkeys([*gold, *predicted])
    ]


def _types(article: Article) -> dict[str, str]:
    return {entity.id: entity.type for entity in article.entities} | {AUTHOR: AUTHOR}


def _agree(a: Stance | None, b: Stance | None) -> bool:
    return a is not None and b is not None and a.stance == b.stance


def _evidence_iou(pair: Pair, gold: Stance | None, predicted: Stance | None) -> float | None:
    if gold is None or predicted is None or gold.stance != predicted.stance or gold.evidence is None:
        return None
    if gold.evidence == predicted.evidence:
        return 1.0
    if predicted.evidence is None:
        return 0.0
    return iou(touched(pair.words, gold.evidence), touched(pair.words, predicted.evidence))


def _same_voice(edge: JoinedEdge) -> bool:
    return (
        edge.right and edge.gold is not None and edge.predicted is not None and edge.gold.voice == edge.predicted.voice
    )


def group_edges(
    edges: Iterable[JoinedEdge],
    group: Callable[[JoinedEdge, Stance], str | None],
    right: Callable[[JoinedEdge], bool] = lambda edge: edge.right,
) -> dict[str, PRF]:
    """Scores by group, in the order of the names; an edge whose group is None is left out.

    A right edge must have the same group on both sides.
    """
    hits, predicted, gold = Counter[str](), Counter[str](), Counter[str]()
    for edge in edges:
        if edge.predicted is not None and (name := group(edge, edge.predicted)) is not None:
            predicted[name] += 1
        if edge.gold is not None and (name := group(edge, edge.gold)) is not None:
            gold[name] += 1
            hits[name] += right(edge)
    return {name: prf(hits[name], predicted[name], gold[name]) for name in sorted(predicted.keys() | gold.keys())}


def _rows(articles: Sequence[Iterable[JoinedEdge]], labels: Sequence[str]) -> Counts:
    """Right, predicted and gold of each article and label. Shape (articles, labels, 3)."""
    rows = np.zeros((len(articles), len(labels), 3))
    column = {label: i for i, label in enumerate(labels)}
    for row, edges in zip(rows, articles, strict=True):
        for edge in edges:
            if edge.predicted is not None:
                row[column[edge.predicted.stance], 1] += 1
            if edge.gold is not None:
                row[column[edge.gold.stance]] += edge.right, 0, 1
    return rows


def _mean(scores: Sequence[PRF]) -> PRF:
    def mean(values: Iterable[float]) -> float:
        return fsum(values) / len(scores) if scores else 0.0

    return PRF(
        precision=mean(score.precision for score in scores),
        recall=mean(score.recall for score in scores),
        f1=mean(score.f1 for score in scores),
        predicted=sum(score.predicted for score in scores),
        gold=sum(score.gold for score in scores),
    )


def _recall_by_voice(edges: Iterable[JoinedEdge]) -> dict[str, Rate]:
    right, gold = Counter[str](), Counter[str]()
    for edge in edges:
        if edge.gold is not None and edge.gold.voice is not None:
            gold[edge.gold.voice] += 1
            right[edge.gold.voice] += edge.right
    return {voice: rate(right[voice], gold[voice]) for voice in sorted(gold)}
