"""A tagged article in a terminal: who is named, and who stands where, each with its evidence.

Arabic in terminals: some terminals reorder right-to-left text, some do not, and a program cannot ask. So letters are
left in logical order and unshaped, which is what a terminal that reorders needs, what one that does not can at least
copy, and what a screen reader reads. A terminal that reorders takes a row of a table for one paragraph and would let
Arabic cells run into each other across the borders. Every line of a cell therefore stands between FSI and PDI (U+2068,
U+2069), which let it choose its own direction and keep it inside. They are sent as rich's control segments: without
width whatever the tables of widths say (those of rich 13.7 count one), and only to a terminal, never into a file or
a pipe.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import ControlType, Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from mawaqif.article import Article
from mawaqif.labels import EntityType, LabelSet, StanceLabel
from mawaqif.views import in_reading_order, one_line

__all__ = ["Isolated", "render"]

_FIRST_OFFSETS = 3  # places of an entity that are listed; the rest is in its count
# rich sends a control segment as it stands; the code only says that it is one, and consoles of old Windows, which
# cannot reorder anyway, ignore it.
_OPEN, _CLOSE = (Segment(mark, None, [(ControlType.BELL,)]) for mark in "\u2068\u2069")


def render(article: Article, labels: LabelSet) -> RenderableType:
    """The article's id and title, its entities and its stances, to be given to `rich.console.Console.print`.

    Offsets are code points into the text, end exclusive. Labels that `labels` does not know are shown without colour.
    """
    parts: list[RenderableType] = [_header(article)]
    if article.entities:
        parts.append(_entities(article, labels))
    parts.append(_stances(article, labels) if article.stances else Text("no stances", style="dim"))
    return Group(*parts)


class Isolated:
    """Text that wraps like any other, with each line in a bidi isolate of its own.

    Padding for a right-aligned column stands outside the isolate, or a terminal that reorders would move it.
    """

    def __init__(self, text: str, style: str = "") -> None:
        self._text = Text(one_line(text), style=style)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._text.wrap(console, options.max_width, overflow="fold"):
            line.rstrip()
            if options.justify == "right":
                yield Segment(" " * (options.max_width - cell_len(line.plain)))
            yield _OPEN
            yield from line.render(console)
            yield _CLOSE
            yield Segment.line()

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._text)


def _header(article: Article) -> RenderableType:
    facts = " · ".join(one_line(fact) for fact in (article.id, article.date, article.source) if fact)
    title = [Isolated(article.title, "bold")] if article.title else []
    return Group(*title, Isolated(facts, "dim"))


def _entities(article: Article, labels: LabelSet) -> Table:
    table = _table("Entities", "entity", "type", "mentions", "at")
    styles = _badges(labels.types)
    for entity in article.entities:
        starts = sorted(mention.start for mention in article.mentions_of(entity.id))
        more = ", …" if len(starts) > _FIRST_OFFSETS else ""
        table.add_row(
            Isolated(entity.name),
            Text(one_line(entity.type), styles.get(entity.type, "")),
            str(len(starts)),
            Text(", ".join(map(str, starts[:_FIRST_OFFSETS])) + more, "dim"),
        )
    return table


def _stances(article: Article, labels: LabelSet) -> Table:
    table = _table("Stances", "holder", "stance", "target", "voice, score", "evidence, at")
    styles = _badges(labels.stances)
    names = {entity.id: entity.name for entity in article.entities}
    for stance in in_reading_order(article):
        voice = [] if stance.voice is None else [one_line(stance.voice)]
        score = [] if stance.score is None else [f"{stance.score:.2f}"]
        evidence: list[RenderableType] = []
        if stance.evidence:
            start, end = stance.evidence
            evidence = [Isolated(article.surface(stance.evidence)), Text(f"{start}-{end}", "dim")]
        table.add_row(
            Isolated(names.get(stance.holder, stance.holder), "bold"),
            Text(one_line(stance.stance), styles.get(stance.stance, "")),
            Isolated(names.get(stance.target, stance.target), "bold"),
            Text("\n".join(voice + score)),
            Group(*evidence),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    """Columns in the order of an English sentence; those with Arabic are aligned at the right, where it starts."""
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        arabic = column in ("entity", "holder", "target", "evidence, at")
        table.add_column(
            column,
            justify="right" if arabic or column == "mentions" else "left",
            no_wrap=column in ("type", "stance"),
            min_width=8 if arabic else None,
        )
    return table


def _badges(labels: Iterable[EntityType | StanceLabel]) -> dict[str, Style]:
    """The label's colour as a background for dark text, readable in light and dark terminals."""
    return {label.name: Style(color="#1a1a1a", bgcolor=label.color) for label in labels}
