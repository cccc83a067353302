"""Statistics as one HTML page with bars drawn in SVG, without script or outside resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mawaqif.data.stats import Spread, Statistics
from mawaqif.labels import LabelSet
from mawaqif.templates import template

__all__ = ["to_html", "write_html"]

_WIDTH = 320  # of the longest bar, in SVG units


class _Part(NamedTuple):
    """A piece of a bar: where it begins and how long it is (SVG units), its colour and what it counts."""

    x: float
    width: float
    color: str
    title: str


class _Bar(NamedTuple):
    label: str
    parts: list[_Part]
    total: int


class _Plot(NamedTuple):
    title: str
    bars: list[_Bar]
    legend: list[tuple[str, str]]  # name and colour, where bars have several parts


def to_html(statistics: Statistics, labels: LabelSet, *, title: str = "mawaqif data stats") -> str:
    """The page."""
    types = {label.name: label.color for label in labels.types}
    stances = {label.name: label.color for label in labels.stances}
    plots = [
        _bars("Mentions by type", statistics.mentions, types),
        _bars("Entities by type", statistics.entities, types),
        _stacked("Stances by label and voice", list(statistics.stances.items()), _shades(labels.voice_names)),
        _histogram("Words an article", statistics.words),
        _histogram("Mentions an article", statistics.mentions_an_article),
        _histogram("Stances an article", statistics.stances_an_article),
        _named("Entities in most articles", statistics.names, types),
        _stacked("Most frequent targets", statistics.for_and_against, stances),
        *(_bars(f"Articles by {name}", counts, {}) for name, counts in statistics.fields.items()),
    ]
    return template("mawaqif.data", "stats.html.j2", trim_blocks=True).render(
        title=title, statistics=statistics, plots=[plot for plot in plots if plot.bars]
    )


def write_html(
    statistics: Statistics, path: str | Path, labels: LabelSet, *, title: str = "mawaqif data stats"
) -> None:
    """Write `to_html` to a file, as UTF-8."""
    Path(path).write_text(to_html(statistics, labels, title=title), encoding="utf-8")


_GREY = "#b9c4cc"


def _shades(names: Sequence[str]) -> dict[str, str]:
    return dict(zip(names, ("#7fa8c9", "#e0b070", "#b9a3cf", "#9cc29a"), strict=False))


def _bars(title: str, counts: Mapping[str, int], colors: Mapping[str, str]) -> _Plot:
    return _stacked(title, [(name, {name: count}) for name, count in counts.items()], colors)


def _histogram(title: str, spread: Spread) -> _Plot:
    def label(start: int, end: int) -> str:
        return str(start) if end == start + 1 else f"{start}–{end - 1}"

    return _stacked(title, [(label(a, b), {"articles": count}) for a, b, count in spread.histogram], {})


def _named(title: str, names: Sequence[tuple[str, str, int]], colors: Mapping[str, str]) -> _Plot:
    return _stacked(title, [(name, {type_: count}) for name, type_, count in names], colors)


def _stacked(title: str, rows: Sequence[tuple[str, Mapping[str, int]]], colors: Mapping[str, str]) -> _Plot:
    longest = max((sum(counts.values()) for _, counts in rows), default=0) or 1
    bars = []
    for label, counts in rows:
        parts, x = [], 0.0
        for name, count in counts.items():
            width = _WIDTH * count / longest
            parts.append(_Part(round(x, 1), round(width, 1), colors.get(name, _GREY), f"{name}: {count}"))
            x += width
        bars.append(_Bar(label, parts, sum(counts.values())))
    several = any(len(counts) > 1 for _, counts in rows)
    names = dict.fromkeys(name for _, counts in rows for name, count in counts.items() if count) if several else {}
    return _Plot(title, bars, [(name, colors.get(name, _GREY)) for name in names])
