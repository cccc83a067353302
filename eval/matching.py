"""Mentions that are nearly right: gold and predicted ones matched one to one, the four MUC ways to score the matches,
and who is taken for whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mawaqif.article import Mention
from mawaqif.eval.pairs import Pair
from mawaqif.eval.stances import JoinedEdge

__all__ = [
    "Confusion",
    "MatchScore",
    "Matched",
    "match_mentions",
    "score_matches",
    "stance_confusion",
    "type_confusion",
]

Matched = tuple[Mention | None, Mention | None]
"""A gold mention and the predicted one that it is compared with; None where one side has nothing there."""

Confusion = dict[str, dict[str, int]]
"""Gold label → predicted label → count. The empty string stands for nothing: missed, or made up."""


@dataclass(frozen=True)
class MatchScore:
    """Counts and scores under one scheme, after MUC-5 (Chinchor and Sundheim 1993) as SemEval-2013 Task 9 and the
    package nervaluate use them: precision = (correct + partial / 2) / predicted, recall the same by gold.
    """

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int

    @property
    def scores(self) -> tuple[float, float, float]:
        """Precision, recall and F1."""
        matched = self.correct + self.incorrect + self.partial
        credit, predicted, gold = self.correct + self.partial / 2, matched + self.spurious, matched + self.missed
        both = predicted + gold
        return (
            credit / predicted if predicted else 0.0,
            credit / gold if gold else 0.0,
            2 * credit / both if both else 0.0,
        )


def match_mentions(pair: Pair) -> list[Matched]:
    """Gold mentions with the predicted ones that they are compared with, in text order, each used once.

    First mentions with equal spans, then those of one type that share at least a character, then others that do; from
    left to right. What is left over stands alone.
    """
    gold = sorted(pair.gold.mentions, key=lambda mention: mention.start)
    predicted = sorted(pair.predicted.mentions, key=lambda mention: mention.start)
    touching = _touching(gold, predicted)
    other: dict[int, int] = {}
    taken: set[int] = set()
    for rank in range(3):
        for i, j in touching:
            a, b = gold[i], predicted[j]
            fits = rank == 2 or ((a.start, a.end) == (b.start, b.end) if rank == 0 else a.type == b.type)
            if fits and i not in other and j not in taken:
                other[i] = j
                taken.add(j)
    matched: list[Matched] = [(m, predicted[other[i]] if i in other else None) for i, m in enumerate(gold)]
    matched += [(None, mention) for j, mention in enumerate(predicted) if j not in taken]
    return sorted(matched, key=lambda both: min(m.start for m in both if m is not None))


def _touching(gold: Sequence[Mention], predicted: Sequence[Mention]) -> list[tuple[int, int]]:
    """The places of all pairs that share a character; both sides are flat and in text order."""
    found = []
    i = j = 0
    while i < len(gold) and j < len(predicted):
        if gold[i].start < predicted[j].end and predicted[j].start < gold[i].end:
            found.append((i, j))
        if gold[i].end <= predicted[j].end:
            i += 1
        else:
            j += 1
    return found


def score_matches(articles: Iterable[Sequence[Matched]]) -> dict[str, MatchScore]:
    """Scores by scheme. strict: span and type; exact: span; partial: span, half for an overlap; type: type, where they
    overlap.

    A gold mention is compared once, so correct + incorrect + partial + missed is always the number of gold mentions.
    (nervaluate may compare it with several predicted ones.)
    """
    counts: dict[str, Counter[str]] = {scheme: Counter() for scheme in ("strict", "exact", "partial", "type")}
    for matches in articles:
        for gold, predicted in matches:
            for scheme, verdict in _verdicts(gold, predicted).items():
                counts[scheme][verdict] += 1
    names = ("correct", "incorrect", "partial", "missed", "spurious")
    return {scheme: MatchScore(*(found[name] for name in names)) for scheme, found in counts.items()}


def _verdicts(gold: Mention | None, predicted: Mention | None) -> dict[str, str]:
    if gold is None or predicted is None:
        return dict.fromkeys(("strict", "exact", "partial", "type"), "missed" if predicted is None else "spurious")
    same_span = (gold.start, gold.end) == (predicted.start, predicted.end)
    same_type = gold.type == predicted.type
    return {
        "strict": "correct" if same_span and same_type else "incorrect",
        "exact": "correct" if same_span else "incorrect",
        "partial": "correct" if same_span else "partial",
        "type": "correct" if same_type else "incorrect",
    }


def type_confusion(articles: Iterable[Sequence[Matched]]) -> Confusion:
    """Types of the matched mentions, whatever their spans."""
    return _tabulate(
        ("" if gold is None else gold.type, "" if predicted is None else predicted.type)
        for matches in articles
        for gold, predicted in matches
    )


def stance_confusion(edges: Iterable[JoinedEdge]) -> Confusion:
    """Labels of the joined edges; nothing on one side means that this side has no edge between the two."""
    return _tabulate(
        ("" if edge.gold is None else edge.gold.stance, "" if edge.predicted is None else edge.predicted.stance)
        for edge in edges
    )


def _tabulate(cells: Iterable[tuple[str, str]]) -> Confusion:
    counts = Counter(cells)
    rows = [*sorted({gold for gold, _ in counts} - {""}), ""]
    columns = [*sorted({predicted for _, predicted in counts} - {""}), ""]
    return {row: {column: counts[row, column] for column in columns} for row in rows} if counts else {}
