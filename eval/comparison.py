"""Is A really better than B? Two predictions on the same gold, compared article by article."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.eval.bootstrap import PRF, Counted, draws
from mawaqif.eval.pairs import pair
from mawaqif.eval.report import Report, evaluate, plain
from mawaqif.eval.slices import Slice
from mawaqif.eval.tables import number, table
from mawaqif.labels import LabelSet

__all__ = ["ArticleChange", "Comparison", "Difference", "SliceDifference", "compare", "render_comparison"]

_CHUNK = 1000  # shuffles at a time: with 10,000 articles some 80 MB


@dataclass(frozen=True)
class Difference:
    """One score of A and of B. `low` and `high` bound the 95 % interval of B − A; `p` is the two-sided p-value of the
    hypothesis that it makes no difference which of the two tagged an article."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class SliceDifference:
    """F1 of A and B on one slice; None where the slice has no such thing."""

    by: str
    name: str
    mentions: tuple[float, float] | None
    stances: tuple[float, float] | None


@dataclass(frozen=True)
class ArticleChange:
    """How many errors (missed plus made up) A and B make in an article. `change` is B − A of both kinds together."""

    id: str
    mentions: tuple[int, int]
    stances: tuple[int, int]

    @property
    def change(self) -> int:
        """Negative where B is better."""
        return self.mentions[1] + self.stances[1] - self.mentions[0] - self.stances[0]


@dataclass(frozen=True)
class Comparison:
    """All headline scores of A and B with their differences, the slices, and the articles that changed most."""

    articles: int
    scores: dict[str, Difference]
    slices: list[SliceDifference]
    changed: list[ArticleChange]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values, ready for JSON."""
        found: dict[str, Any] = plain(self)
        for row, change in zip(found["changed"], self.changed, strict=True):
            row["change"] = change.change
        return found


def compare(
    gold: Iterable[Article],
    a: Iterable[Article],
    b: Iterable[Article],
    *,
    labels: LabelSet,
    given_gold: tuple[Iterable[Article], Iterable[Article]] | None = None,
    train: Iterable[Article] | None = None,
    resamples: int = 1000,
    shuffles: int = 10_000,
    most: int = 10,
    seed: int = 0,
) -> Comparison:
    """Compare the predictions A and B on the same gold articles.

    `given_gold` are those of A and B with the gold entities given; `train` makes slices by what was seen in it; `most`
    is the number of changed articles to tell. Raises InputError as `mawaqif.eval.evaluate` does.
    """
    gold, known = list(gold), None if train is None else list(train)
    given = given_gold or (None, None)
    reports = [
        evaluate(
            gold, own, labels=labels, predicted_given_gold=own_given, train=known, with_baselines=False, resamples=1
        )
        for own, own_given in zip((a, b), given, strict=True)
    ]
    ids = [each.gold.id for each in pair(gold, [])]
    first, second = reports
    return Comparison(
        articles=len(ids),
        scores={
            name: difference(counted, second.counted[name], resamples=resamples, shuffles=shuffles, seed=seed)
            for name, counted in first.counted.items()
        },
        slices=_slices(first.slices, second.slices),
        changed=_changed(ids, first, second, most),
    )


def difference(
    a: Counted, b: Counted, *, resamples: int = 1000, shuffles: int = 10_000, seed: int = 0, level: float = 0.95
) -> Difference:
    """The difference of one score, with a paired bootstrap interval and an approximate-randomisation test.

    The interval resamples articles, the same ones for A and B (Efron and Tibshirani 1993). The test (Noreen 1989; Yeh
    2000, https://aclanthology.org/C00-2137) swaps the outputs of A and B for a random half of the articles, many times:
    p = (n + 1) / (shuffles + 1), where n shuffles make a difference at least as great as the one observed.
    Raises InputError where the two do not count the same things.
    """
    if a.rows.shape != b.rows.shape:
        raise InputError(
            "the two predictions hold stances that the label set does not know, so they cannot be compared"
        )
    times_drawn = draws(len(a.rows), resamples, seed)
    low, high = np.quantile(
        b.score(times_drawn @ b.rows) - a.score(times_drawn @ a.rows), [(1 - level) / 2, (1 + level) / 2]
    )
    observed = b.value - a.value
    total, step = a.rows.sum(axis=0) + b.rows.sum(axis=0), b.rows - a.rows
    rng = np.random.default_rng(seed)
    as_great = 0
    for start in range(0, shuffles, _CHUNK):
        swapped = rng.integers(0, 2, size=(min(_CHUNK, shuffles - start), len(a.rows))).astype(np.float64)
        of_a = a.rows.sum(axis=0) + swapped @ step
        as_great += int((np.abs(b.score(total - of_a) - a.score(of_a)) >= abs(observed) - 1e-12).sum())
    return Difference(a.value, b.value, observed, float(low), float(high), (as_great + 1) / (shuffles + 1))


def _slices(a: Sequence[Slice], b: Sequence[Slice]) -> list[SliceDifference]:
    def both(of_a: PRF | None, of_b: PRF | None) -> tuple[float, float] | None:
        if of_a is None and of_b is None:
            return None
        return (of_a.f1 if of_a else 0.0, of_b.f1 if of_b else 0.0)

    nothing = Slice("", "", None, None, None)
    parts = [{(part.by, part.name): part for part in side} for side in (a, b)]
    found = []
    for key in dict.fromkeys([*parts[0], *parts[1]]):
        of_a, of_b = (side.get(key, nothing) for side in parts)
        found.append(SliceDifference(*key, both(of_a.mentions, of_b.mentions), both(of_a.stances, of_b.stances)))
    return found


def _changed(ids: Sequence[str], a: Report, b: Report, most: int) -> list[ArticleChange]:
    def errors(report: Report, name: str) -> list[int]:
        right, predicted, gold = report.counted[name].rows.T
        return [int(count) for count in predicted + gold - 2 * right]

    columns = [errors(report, name) for name in ("mentions_all_micro_f1", "stances_micro_f1") for report in (a, b)]
    changes = [ArticleChange(id_, (ma, mb), (sa, sb)) for id_, ma, mb, sa, sb in zip(ids, *columns, strict=True)]
    changes.sort(key=lambda change: (-abs(change.change), change.id))
    return [change for change in changes[:most] if change.change]


def render_comparison(found: Comparison) -> Group:
    """The comparison as tables for a rich console."""
    title = f"{found.articles} gold articles"
    tables = [_score_table(title, found.scores)]
    parts = table("Slices: F1 of A, of B, and B − A", "", "mentions A", "B", "B − A", "stances A", "B", "B − A")
    for part in found.slices:
        parts.add_row(f"{part.by}: {part.name}", *_cells(part.mentions), *_cells(part.stances))
    changes = table("Articles that changed most: errors of A and B", "id", "mentions A", "B", "stances A", "B", "B − A")
    for change in found.changed:
        counts = map(str, (*change.mentions, *change.stances))
        changes.add_row(change.id, *counts, f"{change.change:+d}")
    return Group(*tables, parts, changes)


def _score_table(title: str, scores: Mapping[str, Difference]) -> Table:
    found = table(title, "score", "A", "B", "B − A", "95 % interval", "p")
    for name, row in scores.items():
        interval = f"{row.low:+.3f} – {row.high:+.3f}"
        found.add_row(name, number(row.a), number(row.b), f"{row.difference:+.3f}", interval, f"{row.p:.4f}")
    return found


def _cells(values: tuple[float, float] | None) -> tuple[str, str, str]:
    return ("", "", "") if values is None else (number(values[0]), number(values[1]), f"{values[1] - values[0]:+.3f}")
