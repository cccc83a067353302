"""Plots as inline SVG: small, without script or outside resource. Colours are the page's (CSS classes)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from mawaqif.eval.calibration import Reliability
from mawaqif.eval.selective import RiskCoverage

__all__ = ["reliability_svg", "risk_coverage_svg"]

_LEFT, _TOP, _WIDE, _HIGH = 46, 14, 250, 200  # the plot, in a picture of 320 by 260
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_POINTS = 400  # of a curve; more would not be seen


def reliability_svg(scores: Reliability, title: str) -> str:
    """Share right over mean score, one dot for each bin; its area is the share of predictions. On the diagonal a score
    means what it says."""
    parts = [_line("ideal", [(0, 0), (1, 1)])]
    for part in scores.bins:
        if part.score is None or part.right is None:
            continue
        x, y = _place(part.score, part.right)
        radius = 2 + 14 * (part.count / scores.count) ** 0.5
        told = f"{part.count} with mean score {part.score:.2f}: {part.right:.2f} right"
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{told}</title></circle>')
    return _picture(title, "score", "share right", parts)


def risk_coverage_svg(curves: Iterable[tuple[str, RiskCoverage]], title: str) -> str:
    """Precision over coverage, one line for each named curve."""
    parts = []
    for number, (name, scores) in enumerate(curves):
        if not scores.curve:
            continue
        step = max(1, len(scores.curve) // _POINTS)
        kept = scores.curve[::step] + scores.curve[-1:]
        parts.append(_line(f"curve c{number}", [(point.coverage, point.precision) for point in kept]))
        y = _TOP + 14 + 15 * number
        parts.append(f'<path class="curve c{number}" d="M{_LEFT + 92} {y - 4}h20"/>')
        parts.append(f'<text x="{_LEFT + 117}" y="{y}">{escape(name)}</text>')
    return _picture(title, "coverage (share of predicted stances kept)", "precision", parts)


def _place(x: float, y: float) -> tuple[float, float]:
    return _LEFT + x * _WIDE, _TOP + (1 - y) * _HIGH


def _line(css: str, points: Sequence[tuple[float, float]]) -> str:
    path = "L".join("{:.1f} {:.1f}".format(*_place(*point)) for point in points)
    return f'<path class="{css}" d="M{path}"/>'


def _picture(title: str, x: str, y: str, parts: Sequence[str]) -> str:
    grid = []
    for tick in _TICKS:
        across, down = _place(tick, tick)
        grid.append(f'<path class="grid" d="M{_LEFT} {down:.1f}h{_WIDE}M{across:.1f} {_TOP}v{_HIGH}"/>')
        grid.append(f'<text x="{_LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{tick:g}</text>')
        grid.append(f'<text x="{across:.1f}" y="{_TOP + _HIGH + 16}" text-anchor="middle">{tick:g}</text>')
    middle, half = _LEFT + _WIDE / 2, _TOP + _HIGH / 2
    return "".join(
        [
            f'<svg viewBox="0 0 320 260" role="img" aria-label="{escape(title)}">',
            *grid,
            f'<text x="{middle}" y="{_TOP + _HIGH + 36}" text-anchor="middle">{escape(x)}</text>',
            f'<text x="12" y="{half}" text-anchor="middle" transform="rotate(-90 12 {half})">{escape(y)}</text>',
            *parts,
            "</svg>",
        ]
    )
