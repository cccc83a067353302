"""A report as one HTML page: tables, plots, and a browser of errors with gold and prediction side by side.

The page fetches nothing: style and script stand in it, and its own policy names their hashes and allows nothing else.
Texts are scraped from anywhere, so nothing in them is trusted: Jinja2 escapes every value, control characters are shown
as U+FFFD, and every text is a bidi island of its own, right to left where it is Arabic.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

from mawaqif import __version__
from mawaqif.article import Article
from mawaqif.eval import tables
from mawaqif.eval.charts import reliability_svg, risk_coverage_svg
from mawaqif.eval.comparison import Difference
from mawaqif.eval.errors import KINDS, ArticleErrors, find_errors
from mawaqif.eval.matching import Confusion
from mawaqif.eval.pairs import pair
from mawaqif.eval.report import Report
from mawaqif.labels import LabelSet
from mawaqif.templates import environment

__all__ = ["report_page", "write_page"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_SHADES = 6  # of the cells of a confusion matrix


class _Piece(NamedTuple):
    """A run of text: `type` of the mention that it is, or "" outside mentions; `wrong` where the other side has no
    equal mention."""

    text: str
    type: str
    wrong: bool


class _Cell(NamedTuple):
    number: int
    shade: int  # 0 to _SHADES - 1, by the share of the row
    same: bool


def write_page(page: str, path: str | Path) -> None:
    """Write a page to a file, whole or not at all."""
    path = Path(path)
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(page, encoding="utf-8")
    beside.replace(path)


def report_page(
    report: Report,
    gold: Iterable[Article],
    predicted: Iterable[Article],
    labels: LabelSet,
    *,
    title: str = "mawaqif evaluation",
    robustness: Mapping[str, Mapping[str, Difference]] | None = None,
    mentions_only: bool = False,
) -> str:
    """The page as a string. `gold` and `predicted` are the articles that `report` scores.

    `mentions_only` for gold that knows no entities and stances.
    """
    pages = environment("mawaqif.eval", trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"number": tables.number, "clean": _clean}
    template = pages.get_template("report.html.j2")
    errors = find_errors(pair(gold, predicted))
    types = list(dict.fromkeys([*labels.type_names, *_types_of(errors)]))
    return template.render(
        title=title,
        version=__version__,
        report=report,
        mention_rows=tables.mention_rows(report.mentions),
        mentions_only=mentions_only,
        headline={k: v for k, v in report.headline.items() if k.startswith("mentions") or not mentions_only},
        stance_tables={} if mentions_only else _stance_tables(report),
        matrices=_matrices(report, mentions_only),
        plots=[(caption, pages.filters["safe"](svg)) for caption, svg in ([] if mentions_only else _plots(report))],
        robustness=robustness,
        articles=[_view(found) for found in errors],
        kinds=KINDS,
        types=types,
        css={name: f"t{number}" for number, name in enumerate(types)},
        colors=[label.color for label in labels.types],
        hash=_hash,
        shades=range(_SHADES),
    )


def _stance_tables(report: Report) -> dict[str, tuple[Any, Any]]:
    found = {"Stances, end to end": report.stances}
    if report.stances_given_gold is not None:
        found["Stances, gold entities given"] = report.stances_given_gold
    return {name: (tables.stance_rows(scores), tables.share_rows(scores)) for name, scores in found.items()}


def _plots(report: Report) -> Iterator[tuple[str, str]]:
    """Caption and picture of each plot."""
    reliable = {"Reliability of stance scores, end to end": report.reliability}
    curves = [("end to end", report.selective)]
    if report.selective_given_gold and report.reliability_given_gold:
        reliable["Reliability of stance scores, gold entities given"] = report.reliability_given_gold
        curves.append(("gold entities given", report.selective_given_gold))
    for caption, scores in reliable.items():
        yield caption, reliability_svg(scores, caption)
    yield (caption := "Precision of stances at each coverage"), risk_coverage_svg(curves, caption)


def _matrices(report: Report, mentions_only: bool) -> dict[str, dict[str, dict[str, _Cell]]]:
    found = {"Mention types": _shaded(report.types)}
    return found if mentions_only else found | {"Stances, end to end": _shaded(report.labels)}


def _shaded(confusion: Confusion) -> dict[str, dict[str, _Cell]]:
    found = {}
    for gold, row in confusion.items():
        total = sum(row.values()) or 1
        found[gold] = {
            name: _Cell(count, min(_SHADES - 1, -(-count * (_SHADES - 1) // total)), bool(gold) and name == gold)
            for name, count in row.items()
        }
    return found


def _types_of(errors: Iterable[ArticleErrors]) -> Iterator[str]:
    for found in errors:
        for mention in chain(found.pair.gold.mentions, found.pair.predicted.mentions):
            yield mention.type
        yield from chain.from_iterable(row.types for row in found.rows)


def _view(found: ArticleErrors) -> dict[str, Any]:
    gold, predicted = found.pair.gold, found.pair.predicted
    keys = [{(m.start, m.end, m.type) for m in article.mentions} for article in (gold, predicted)]
    return {
        "id": gold.id,
        "title": gold.title or shorten(gold.text.strip().split("\n", 1)[0], 90, placeholder=" …"),
        "found": found.pair.found,
        "rows": found.rows,
        "right": found.right,
        "counts": found.counts,
        "gold": _lines(gold, keys[1]),
        "predicted": _lines(predicted, keys[0]),
    }


def _lines(article: Article, other: set[tuple[int, int, str]]) -> list[list[_Piece]]:
    """The text line by line, cut where mentions begin and end."""
    lines: list[list[_Piece]] = [[]]
    at = 0
    for mention in sorted(article.mentions, key=lambda mention: mention.start):
        _add(lines, article.text[at : mention.start], "", False)
        wrong = (mention.start, mention.end, mention.type) not in other
        _add(lines, article.surface(mention), mention.type, wrong)
        at = mention.end
    _add(lines, article.text[at:], "", False)
    return [line for line in lines if any(piece.text.strip() for piece in line)]


def _add(lines: list[list[_Piece]], text: str, kind: str, wrong: bool) -> None:
    for number, part in enumerate(text.split("\n")):
        if number:
            lines.append([])
        if part:
            lines[-1].append(_Piece(part, kind, wrong))


def _clean(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


def _hash(source: Sequence[str] | str) -> str:
    digest = hashlib.sha256(str(source).encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()
