"""The report of `validate` as one HTML page: each article that has problems, its mentions coloured and the places in
doubt numbered, with the problems beside it. One file without script or outside resources; articles are not trusted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from mawaqif.data.problems import CODES, Problem
from mawaqif.data.validate import Report
from mawaqif.labels import LabelSet
from mawaqif.templates import template

__all__ = ["to_html", "write_html"]

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class _Piece(NamedTuple):
    """A stretch of text under the same spans: the type that colours it, and the numbers of the problems it shows."""

    text: str
    css: str
    title: str
    problems: list[int]
    begins: list[int]
    severity: str


class _View(NamedTuple):
    place: str
    id: str
    problems: list[tuple[int, Problem]]
    lines: list[list[_Piece]]


def to_html(report: Report, labels: LabelSet, *, limit: int = 200) -> str:
    """The page. Only the first `limit` articles with problems are shown; the head counts all."""
    groups: dict[tuple[Any, ...], list[Problem]] = {}
    general = []
    for problem in report.problems:
        if problem.article_id is None:
            general.append(problem)
        else:
            groups.setdefault((problem.path, problem.line, problem.article_id), []).append(problem)
    # sorted is stable: articles with errors first, otherwise as in the files
    ranked = sorted(groups.values(), key=lambda problems: all(p.severity == "warning" for p in problems))
    return template("mawaqif.data", "validation.html.j2", trim_blocks=True).render(
        report=report,
        codes=[(code, *CODES[code], count) for code, count in Counter(p.code for p in report.problems).most_common()],
        general=general,
        articles=[_view(problems, report.data_of(problems[0]), labels) for problems in ranked[:limit]],
        hidden=max(len(ranked) - limit, 0),
        types=[(f"t{i}", label) for i, label in enumerate(labels.types)],
    )


def write_html(report: Report, path: str | Path, labels: LabelSet) -> None:
    """Write `to_html` to a file, as UTF-8."""
    Path(path).write_text(to_html(report, labels), encoding="utf-8")


def _view(problems: list[Problem], data: Mapping[str, Any], labels: LabelSet) -> _View:
    first = problems[0]
    numbered = list(enumerate(problems, 1))
    place = first.path or ""
    text = data.get("text")
    return _View(
        place=place if first.line is None else f"{place}:{first.line}",
        id=first.article_id or "",
        problems=numbered,
        lines=list(_lines(text, data, numbered, labels)) if isinstance(text, str) else [],
    )


def _lines(
    text: str, data: Mapping[str, Any], problems: list[tuple[int, Problem]], labels: LabelSet
) -> Iterator[list[_Piece]]:
    order = {label.name: i for i, label in enumerate(labels.types)}
    mentions = [m for m in data.get("mentions") or [] if isinstance(m, dict)]
    spans = [(m["start"], m["end"], m.get("type")) for m in mentions if _is_span(m.get("start"), m.get("end"), text)]
    doubts = [
        (problem.span[0], problem.span[1], number, problem.severity) for number, problem in problems if problem.span
    ]
    marked: set[int] = {edge for start, end, _ in spans for edge in (start, end)}
    edges = sorted(marked | {edge for start, end, *_ in doubts for edge in (start, end)})

    def piece(start: int, end: int) -> _Piece:
        types = [type_ for a, b, type_ in spans if a <= start < b]
        here = [(number, severity) for a, b, number, severity in doubts if a <= start < b]
        return _Piece(
            text=_CONTROL.sub("\ufffd", text[start:end]),
            css="" if not types else f"t{order[types[-1]]}" if types[-1] in order else "unknown",
            title=", ".join(map(str, types)),
            problems=[number for number, _ in here],
            begins=[number for a, _, number, _ in doubts if a == start],
            severity=min((severity for _, severity in here), default=""),  # "error" before "warning"
        )

    for line in _LINE.finditer(text):
        cuts = [line.start(), *(edge for edge in edges if line.start() < edge < line.end()), line.end()]
        if line.group().strip():
            yield [piece(start, end) for start, end in pairwise(cuts)]


def _is_span(start: Any, end: Any, text: str) -> bool:
    return isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)
