"""A report as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Group
from rich.table import Table

from mawaqif.eval.bootstrap import PRF, Interval, Rate
from mawaqif.eval.calibration import Reliability
from mawaqif.eval.matching import MatchScore
from mawaqif.eval.mentions import MentionScores
from mawaqif.eval.report import Report
from mawaqif.eval.selective import RiskCoverage, at_coverage
from mawaqif.eval.slices import Slice
from mawaqif.eval.stances import StanceScores

__all__ = ["interval", "mention_rows", "number", "render", "share_rows", "stance_rows", "table"]

_COVERAGES = (0.1, 0.25, 0.5, 0.75, 1.0)


def render(report: Report, mentions_only: bool = False) -> Group:
    """The report as tables for a rich console; `mentions_only` for gold that knows no entities and stances."""
    predicted = report.articles - report.missing
    title = f"{report.articles} gold articles, {predicted} of them predicted"
    headline = {k: v for k, v in report.headline.items() if k.startswith("mentions") or not mentions_only}
    tables = [
        _headline(title, headline, report.baselines),
        _scores("Mentions: strict span and type", mention_rows(report.mentions)),
        _matches(report.matches),
    ]
    if mentions_only:
        return Group(*tables, _slices(report.slices))
    tables += [
        _scores("Entities: B³", {"all mentions": report.entities.b3, "shared mentions": report.entities.b3_shared}),
        *_stances("Stances, end to end", report.stances, report.selective, report.reliability),
        _scores("Opinion tuples with evidence, overlap-weighted", {"holder, target, evidence": report.tuples.weighted}),
    ]
    if report.stances_given_gold and report.selective_given_gold and report.reliability_given_gold:
        tables += _stances(
            "Stances, gold entities given",
            report.stances_given_gold,
            report.selective_given_gold,
            report.reliability_given_gold,
        )
    return Group(*tables, _slices(report.slices))


def mention_rows(scores: MentionScores) -> dict[str, PRF]:
    """Averages, then types."""
    averages = {"micro, named": scores.named, "micro, all": scores.micro, "macro, all": scores.macro}
    return averages | scores.per_type


def stance_rows(scores: StanceScores) -> dict[str, PRF]:
    """Averages, then labels, voices, kinds of holder and of target."""
    edges = {"micro": scores.micro, "macro": scores.macro} | scores.per_label
    edges["pairs, any label"] = scores.pairs
    edges |= {f"with voice {name}": score for name, score in scores.by_voice.items()}
    edges |= {f"holder {name}": score for name, score in scores.by_holder_type.items()}
    return edges | {f"target {name}": score for name, score in scores.by_target_type.items()}


def share_rows(scores: StanceScores) -> dict[str, Rate]:
    """What is counted in shares."""
    rates = {
        "label accuracy on found pairs": scores.label_accuracy,
        "voice accuracy on right edges": scores.voice_accuracy,
        "wrong edges that are swapped": scores.swaps,
        "evidence found": scores.evidence_found,
        "evidence word overlap": scores.evidence_iou,
    }
    return rates | {f"recall of {voice}": score for voice, score in scores.recall_by_voice.items()}


def _stances(title: str, scores: StanceScores, selective: RiskCoverage, reliable: Reliability) -> list[Table]:
    return [
        _scores(title, stance_rows(scores)),
        _rates(f"{title}: shares", share_rows(scores)),
        _selective(f"{title}: the surest part", selective),
        _reliability(f"{title}: what a score means", reliable),
    ]


def _headline(title: str, intervals: Mapping[str, Interval], others: Mapping[str, Mapping[str, Interval]]) -> Table:
    found = table(title, "score", "value", "95 % interval", *others)
    for name, value in intervals.items():
        rest = (number(other[name].value) if name in other else "" for other in others.values())
        found.add_row(name, number(value.value), interval(value), *rest)
    return found


def _scores(title: str, rows: Mapping[str, PRF]) -> Table:
    found = table(title, "", "precision", "recall", "F1", "predicted", "gold")
    for name, score in rows.items():
        numbers = [number(value) for value in (score.precision, score.recall, score.f1)]
        found.add_row(name, *numbers, str(score.predicted), str(score.gold))
    return found


def _matches(rows: Mapping[str, MatchScore]) -> Table:
    names = ("correct", "incorrect", "partial", "missed", "spurious")
    found = table("Mentions: MUC schemes", "", "precision", "recall", "F1", *names)
    for name, score in rows.items():
        found.add_row(name, *map(number, score.scores), *(str(getattr(score, count)) for count in names))
    return found


def _rates(title: str, rows: Mapping[str, Rate]) -> Table:
    found = table(title, "", "share", "of")
    for name, share in rows.items():
        found.add_row(name, number(share.value), str(share.of))
    return found


def _selective(title: str, scores: RiskCoverage) -> Table:
    found = table(title, "coverage", "precision", "recall", "min score")
    for kept in (at_coverage(scores, share) for share in _COVERAGES):
        if kept is not None:
            found.add_row(number(kept.coverage), number(kept.precision), number(kept.recall), number(kept.min_score))
    found.add_row("AURC", number(scores.aurc), "", "")
    found.add_row("AURC, best and random", number(scores.aurc_best), number(scores.aurc_random), "")
    return found


def _reliability(title: str, scores: Reliability) -> Table:
    found = table(title, "score", "mean score", "share right", "edges")
    for part in scores.bins:
        if part.count:
            found.add_row(f"{part.low:.1f}–{part.high:.1f}", number(part.score), number(part.right), str(part.count))
    found.add_row("ECE", number(scores.ece), "", "")
    found.add_row("Brier score", number(scores.brier), "", "")
    return found


def _slices(parts: Iterable[Slice]) -> Table:
    found = table("Slices", "", "articles", "named mentions F1", "gold", "stances F1", "gold")
    for part in parts:
        cells = [
            text
            for score in (part.mentions, part.stances)
            for text in (("", "") if score is None else (number(score.f1), str(score.gold)))
        ]
        found.add_row(f"{part.by}: {part.name}", "" if part.articles is None else str(part.articles), *cells)
    return found


def number(value: float | None) -> str:
    """Three decimals; a dash for nothing."""
    return "–" if value is None else f"{value:.3f}"


def interval(value: Interval) -> str:
    """The bounds of an interval."""
    return f"{value.low:.3f} – {value.high:.3f}"


def table(title: str, first: str, *numbers: str) -> Table:
    """An empty table: one column of words, the others of numbers."""
    found = Table(title=title, title_justify="left", title_style="bold")
    found.add_column(first, overflow="fold")
    for column in numbers:
        found.add_column(column, justify="right", no_wrap=True)
    return found
