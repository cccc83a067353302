"""An article as a page shows it: its lines cut into pieces by mentions and evidence, its stances as sentences. What the
HTML page, the notebook fragment and the terminal view share; each has its own template.

Articles are scraped from anywhere, so nothing here is markup: templates escape every value, ids and classes are numbers
made here. Control characters, which HTML cannot carry, become U+FFFD. Every line is a bidi paragraph of its own, so a
stray direction override ends with it; in names and titles, which share a line with other words, such controls go.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from mawaqif.article import Article, Stance
from mawaqif.labels import LabelSet

__all__ = [
    "LINES",
    "EntityView",
    "Glosses",
    "Label",
    "Paragraph",
    "Piece",
    "StanceView",
    "View",
    "in_reading_order",
    "one_line",
    "view",
]

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")  # between the breaks of str.splitlines
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BIDI_CONTROL = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # the marks U+200E, U+200F, U+061C reach no further: kept

LINES = ("dashed", "solid", "dotted", "double")
"""How evidence is underlined, by the place of its stance among the labels: not by colour alone."""

# The words, Arabic and English, that make holder and target a sentence; for a label that is not here, its glosses.
_SENTENCE_WORDS = {"favor": ("مع", "in favor of"), "against": ("ضد", "against")}


class Label(NamedTuple):
    """How a label is shown: its class, its glosses, and what stands for it beside a name or between two names."""

    css: str
    ar: str
    en: str
    short: str
    short_en: str


class _Run(NamedTuple):
    """A stretch of one line in which no span starts or ends, and the numbers of the spans that cover it."""

    start: int
    end: int
    spans: list[int]


class Piece(NamedTuple):
    """A run as the page shows it. `entities` and `evidence` are space-separated numbers."""

    text: str
    css: str
    entities: str
    evidence: str
    tag: str  # the short name of its type, on a mention's last piece
    tip: str
    starts: list[int]  # the stances whose evidence starts here


class Paragraph(NamedTuple):
    direction: str
    pieces: list[Piece]


class EntityView(NamedTuple):
    number: int
    name: str
    label: Label
    mentions: int


class StanceView(NamedTuple):
    number: int
    holder: str
    holder_number: int | None  # None: the article itself
    target: str
    target_number: int | None
    label: Label
    voice: Label | None
    percent: int | None
    quote: str | None
    direction: str


class View(NamedTuple):
    number: int
    id: str
    title: str | None
    opening: str
    date: str | None
    source: str | None
    paragraphs: list[Paragraph]
    legend: list[tuple[Label, int]]
    entities: list[EntityView]
    stances: list[StanceView]


def one_line(text: str) -> str:
    """A name, title or quotation fit to stand inside a line of someone else's words, on a page or in a terminal.

    White space becomes single spaces, direction overrides and isolates go, control characters become U+FFFD.

    >>> one_line("وزارة\\nالخارجية\\u202e")
    'وزارة الخارجية'
    """
    return _printable(" ".join(_BIDI_CONTROL.sub("", text).split()))


def in_reading_order(article: Article) -> list[Stance]:
    """The stances by the place of their evidence; those without evidence come last."""
    return sorted(article.stances, key=lambda stance: stance.evidence or (len(article.text), 0))


def _printable(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


def _direction(text: str) -> str:
    """`ltr` where Latin letters outnumber Arabic ones. The first letter (dir=auto) would turn «BBC: قال …» around."""
    kinds = Counter(map(unicodedata.bidirectional, text))
    return "ltr" if kinds["L"] > kinds["R"] + kinds["AL"] else "rtl"


class Glosses:
    """How each label is shown. The type's tag is the first word of its gloss: «دولة» for «دولة أو مدينة»."""

    def __init__(self, labels: LabelSet) -> None:
        self.types = {
            x.name: Label(f"t{i}", x.ar, x.en, (x.ar.split() or [x.name])[0], x.en.partition(" or ")[0])
            for i, x in enumerate(labels.types)
        }
        self.stances = {
            x.name: Label(f"s{i}", x.ar, x.en, *_SENTENCE_WORDS.get(x.name, (x.ar, x.en)))
            for i, x in enumerate(labels.stances)
        }
        self.voices = {x.name: Label("", x.ar, x.en, x.ar, x.en) for x in labels.voices}
        self.author = labels.author

    def type(self, name: str) -> Label:
        return self.types.get(name) or _unknown(name)

    def stance(self, name: str) -> Label:
        return self.stances.get(name) or _unknown(name)

    def voice(self, name: str | None) -> Label | None:
        return None if name is None else self.voices.get(name) or _unknown(name)


def _unknown(name: str) -> Label:
    return Label("", one_line(name), "", one_line(name), one_line(name))


def view(number: int, article: Article, glosses: Glosses) -> View:
    """What a page shows of an article, which has this number on it."""
    counts = Counter(mention.entity for mention in article.mentions)
    entities = [
        EntityView(i, one_line(entity.name), glosses.type(entity.type), counts[entity.id])
        for i, entity in enumerate(article.entities, 1)
    ]
    by_id = {source.id: entity for source, entity in zip(article.entities, entities, strict=True)}
    stances = in_reading_order(article)
    types = Counter(mention.type for mention in article.mentions)
    rank = {name: i for i, name in enumerate(glosses.types)}
    lines = article.text.split("\n")
    return View(
        number=number,
        id=one_line(article.id),
        title=one_line(article.title) if article.title else None,
        opening=one_line(next(filter(str.strip, lines), "")[:200]),
        date=one_line(article.date) if article.date else None,
        source=one_line(article.source) if article.source else None,
        paragraphs=_paragraphs(article, stances, by_id, glosses),
        legend=[(glosses.type(name), types[name]) for name in sorted(types, key=lambda x: (rank.get(x, len(rank)), x))],
        entities=entities,
        stances=[_stance(i, stance, article, by_id, glosses) for i, stance in enumerate(stances, 1)],
    )


def _stance(
    number: int, stance: Stance, article: Article, by_id: dict[str, EntityView], glosses: Glosses
) -> StanceView:
    holder, target = by_id.get(stance.holder), by_id.get(stance.target)
    surface = article.surface(stance.evidence) if stance.evidence else ""
    quote = _printable(" ".join(_LINE.findall(surface)))
    by_author = stance.holder == glosses.author
    return StanceView(
        number=number,
        holder=holder.name if holder else "كاتب المقال" if by_author else one_line(stance.holder),
        holder_number=holder.number if holder else None,
        target=target.name if target else one_line(stance.target),
        target_number=target.number if target else None,
        label=glosses.stance(stance.stance),
        voice=glosses.voice(stance.voice),
        percent=None if stance.score is None else round(100 * stance.score),
        quote=quote if surface.strip() else None,  # blank evidence has no place to link to
        direction=_direction(quote),
    )


def _paragraphs(
    article: Article, stances: list[Stance], by_id: dict[str, EntityView], glosses: Glosses
) -> list[Paragraph]:
    mentions = article.mentions
    # One numbering for both kinds of span: mentions first, then evidence (which reading order puts before None).
    spans = [(mention.start, mention.end) for mention in mentions]
    spans += [stance.evidence for stance in stances if stance.evidence]
    lines = list(_lines(article.text, spans))
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for run in chain.from_iterable(lines):
        for i in run.spans:
            first.setdefault(i, run.start)
            last[i] = run.start

    def piece(run: _Run) -> Piece:
        inside = [i for i in run.spans if i < len(mentions)]
        shown = [i - len(mentions) + 1 for i in run.spans if i >= len(mentions)]
        css: list[str] = []
        tag = tip = ""
        if inside:
            # Overlapping mentions break no rule of the format; the shortest gives the colour.
            inner = min(inside, key=lambda i: mentions[i].end - mentions[i].start)
            label, entity = glosses.type(mentions[inner].type), by_id.get(mentions[inner].entity or "")
            css += ["m", label.css]
            tag = label.short if last[inner] == run.start else ""
            tip = f"{entity.name} · {label.ar}" if entity else label.ar
        if shown:
            css += ["ev", glosses.stance(stances[shown[0] - 1].stance).css]
        entities = [by_id.get(mentions[i].entity or "") for i in inside]
        return Piece(
            text=_printable(article.text[run.start : run.end]),
            css=" ".join(filter(None, css)),
            entities=" ".join(str(entity.number) for entity in entities if entity),
            evidence=" ".join(map(str, shown)),
            tag=tag,
            tip=tip,
            starts=[k for k in shown if first[k + len(mentions) - 1] == run.start],
        )

    return [
        Paragraph(_direction(article.text[line[0].start : line[-1].end]), [piece(run) for run in line])
        for line in lines
    ]


def _lines(text: str, spans: list[tuple[int, int]]) -> Iterator[list[_Run]]:
    """Cut each line that is not blank at all edges of spans, which may overlap in any way and run across lines."""
    opened, closed = defaultdict(set), defaultdict(set)
    for i, (start, end) in enumerate(spans):
        opened[start].add(i)
        closed[end].add(i)
    edges = deque(sorted({*opened, *closed}))
    covering: set[int] = set()
    for line in _LINE.finditer(text):
        runs = []
        start = line.start()
        while edges and edges[0] < line.end():
            edge = edges.popleft()
            if edge > start:
                runs.append(_Run(start, edge, sorted(covering)))
                start = edge
            covering = covering - closed[edge] | opened[edge]
        runs.append(_Run(start, line.end(), sorted(covering)))
        if line.group().strip():
            yield runs
