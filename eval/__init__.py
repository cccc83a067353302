"""Scores of predicted articles against gold ones: mentions, entities, stances and evidence, with confidence intervals.

Knows no model: what it compares are two lists of articles, paired by id.

    report = evaluate(gold, predicted, labels=LabelSet.default())
    report.headline["stances_micro_f1"]       # Interval(value=…, low=…, high=…)
    rich.print(render(report))
"""

from mawaqif.eval.bootstrap import PRF, Counted, Interval, Rate
from mawaqif.eval.calibration import Reliability, fit_scaling, reliability
from mawaqif.eval.comparison import Comparison, compare
from mawaqif.eval.entities import EntityScores, align, carry, score_entities
from mawaqif.eval.mentions import MentionScores, score_mentions
from mawaqif.eval.pairs import Pair, pair
from mawaqif.eval.report import Report, evaluate
from mawaqif.eval.selective import risk_coverage
from mawaqif.eval.stances import JoinedEdge, StanceScores, join, score_stances
from mawaqif.eval.tables import render
from mawaqif.eval.threshold import best_min_score
from mawaqif.eval.tuples import score_tuples

__all__ = [
    "PRF",
    "Comparison",
    "Counted",
    "EntityScores",
    "Interval",
    "JoinedEdge",
    "MentionScores",
    "Pair",
    "Rate",
    "Reliability",
    "Report",
    "StanceScores",
    "align",
    "best_min_score",
    "carry",
    "compare",
    "evaluate",
    "fit_scaling",
    "join",
    "pair",
    "reliability",
    "render",
    "risk_coverage",
    "score_entities",
    "score_mentions",
    "score_stances",
    "score_tuples",
]
