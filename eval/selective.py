"""What a reader gains by leaving out what the model is unsure of: precision at each coverage of the predicted edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from mawaqif.eval.stances import JoinedEdge

__all__ = ["Kept", "RiskCoverage", "at_coverage", "risk_coverage", "score_of"]


@dataclass(frozen=True)
class Kept:
    """What is left where only edges with a score of at least `min_score` are kept.

    `coverage`: their share of the predicted edges; `precision`: the share of them that is right; `recall`: the share of
    gold edges found.
    """

    min_score: float
    coverage: float
    precision: float
    recall: float


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve, one point for each score that occurs, from the highest down.

    `aurc`: area under it, the mean over k of the risk (1 − precision) of the k surest edges (Geifman et al. 2019,
    https://arxiv.org/abs/1805.08206); lower is better. `aurc_random` is what random scores would have, which is the
    risk at full coverage, and `aurc_best` what perfect ones would. None without predicted edges.
    """

    curve: list[Kept]
    aurc: float | None
    aurc_best: float | None
    aurc_random: float | None


def risk_coverage(edges: Sequence[JoinedEdge]) -> RiskCoverage:
    """The curve of joined edges. A stance without a score counts as sure (1).

    Among edges of equal score the order would be a matter of chance: the area takes the mean over all orders.
    """
    scored = [(score_of(edge), edge.right) for edge in edges if edge.predicted is not None]
    gold = sum(edge.gold is not None for edge in edges)
    if not scored:
        return RiskCoverage([], None, None, None)
    tallies: dict[float, list[int]] = {}
    for score, is_right in scored:
        tally = tallies.setdefault(score, [0, 0])
        tally[0] += 1
        tally[1] += is_right
    curve: list[Kept] = []
    groups = [tallies[score] for score in sorted(tallies, reverse=True)]
    kept = hits = 0
    for score, (count, right) in zip(sorted(tallies, reverse=True), groups, strict=True):
        kept, hits = kept + count, hits + right
        curve.append(Kept(score, kept / len(scored), hits / kept, hits / gold if gold else 0.0))
    wrong = len(scored) - hits
    return RiskCoverage(curve, _area(groups), _area([[hits, hits], [wrong, 0]]), wrong / len(scored))


def at_coverage(scores: RiskCoverage, share: float) -> Kept | None:
    """The first point of the curve that keeps at least this share of the edges; None for an empty curve."""
    return next((kept for kept in scores.curve if kept.coverage >= share - 1e-9), None)


def score_of(edge: JoinedEdge) -> float:
    """The score of a predicted edge; 1 where it has none."""
    if edge.predicted is None:
        raise ValueError("the edge was not predicted, so it has no score")
    return 1.0 if edge.predicted.score is None else edge.predicted.score


def _area(groups: Sequence[Sequence[int]]) -> float:
    """Mean risk over the number of edges kept; a group is a count and how many of it are right."""
    kept, hits = 0, 0
    risks: list[float] = []
    for count, right in groups:
        risks += [1 - (hits + right * taken / count) / (kept + taken) for taken in range(1, count + 1)]
        kept, hits = kept + count, hits + right
    return fsum(risks) / len(risks)
