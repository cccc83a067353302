"""Tagged articles as one HTML page that explains itself: the text with its mentions and evidence marked, beside the
stances as sentences. The page is one file without outside resources, for readers of Arabic, on screen, phone and paper.

Articles are scraped from anywhere, so nothing in them is trusted. Jinja2 escapes every value, ids and classes are
numbers made here, and the page's own policy lets the browser run the one script and the one style sheet that stand in
`page.html.j2` and fetch nothing. Every paragraph is a bidi paragraph of its own, so a stray direction override ends
with its line; in names and titles, which share a line with the page's own words, such controls are dropped. Control
characters, which HTML cannot carry, are shown as U+FFFD. Apart from these the text is what the article holds.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mawaqif.article import Article, Stance
from mawaqif.labels import LabelSet

if TYPE_CHECKING:
    import jinja2

__all__ = ["in_reading_order", "one_line", "to_html", "write_html"]

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")  # between the breaks of str.splitlines
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BIDI_CONTROL = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # the marks U+200E, U+200F, U+061C reach no further: kept

# The words that make holder and target a sentence; a label that is not here is shown by its own Arabic gloss.
_SENTENCE_WORDS = {"favor": "مع", "against": "ضد"}


class _Label(NamedTuple):
    css: str
    ar: str
    en: str
    short: str


class _Run(NamedTuple):
    """A stretch of one line in which no span starts or ends, and the numbers of the spans that cover it."""

    start: int
    end: int
    spans: list[int]


class _Piece(NamedTuple):
    """A run as the page shows it. `entities` and `evidence` are space-separated numbers."""

    text: str
    css: str
    entities: str
    evidence: str
    tag: str  # the short name of its type, on a mention's last piece
    tip: str
    starts: list[int]  # the stances whose evidence starts here


class _Paragraph(NamedTuple):
    direction: str
    pieces: list[_Piece]


class _Entity(NamedTuple):
    number: int
    name: str
    label: _Label
    mentions: int


class _Stance(NamedTuple):
    number: int
    holder: str
    holder_number: int | None  # None: the article itself
    target: str
    target_number: int | None
    label: _Label
    voice: _Label | None
    percent: int | None
    quote: str | None
    direction: str


class _View(NamedTuple):
    number: int
    id: str
    title: str | None
    opening: str
    date: str | None
    source: str | None
    paragraphs: list[_Paragraph]
    legend: list[tuple[_Label, int]]
    entities: list[_Entity]
    stances: list[_Stance]


def to_html(articles: Iterable[Article], labels: LabelSet, *, title: str | None = None) -> str:
    """The articles as one self-contained HTML page, in their order. `title` heads the page.

    Types, stances and voices that `labels` does not know are shown by their names, in grey.
    """
    glosses = _Glosses(labels)
    views = [_view(number, article, glosses) for number, article in enumerate(articles, 1)]
    return _template().render(
        title=one_line(title) if title else None,
        articles=views,
        types=[(glosses.types[label.name].css, label.color) for label in labels.types],
        stances=[(glosses.stances[label.name], label.color) for label in labels.stances],
        most_stances=max((len(view.stances) for view in views), default=0),
    )


def write_html(articles: Iterable[Article], path: str | Path, labels: LabelSet, *, title: str | None = None) -> None:
    """Write `to_html` to a file, as UTF-8."""
    Path(path).write_text(to_html(articles, labels, title=title), encoding="utf-8")


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


class _Glosses:
    """How each label is shown. The type's tag is the first word of its gloss: «دولة» for «دولة أو مدينة»."""

    def __init__(self, labels: LabelSet) -> None:
        self.types = {
            x.name: _Label(f"t{i}", x.ar, x.en, (x.ar.split() or [x.name])[0]) for i, x in enumerate(labels.types)
        }
        self.stances = {
            x.name: _Label(f"s{i}", x.ar, x.en, _SENTENCE_WORDS.get(x.name, x.ar)) for i, x in enumerate(labels.stances)
        }
        self.voices = {x.name: _Label("", x.ar, x.en, x.ar) for x in labels.voices}
        self.author = labels.author

    def type(self, name: str) -> _Label:
        return self.types.get(name) or _unknown(name)

    def stance(self, name: str) -> _Label:
        return self.stances.get(name) or _unknown(name)

    def voice(self, name: str | None) -> _Label | None:
        return None if name is None else self.voices.get(name) or _unknown(name)


def _unknown(name: str) -> _Label:
    return _Label("", one_line(name), "", one_line(name))


def _view(number: int, article: Article, glosses: _Glosses) -> _View:
    counts = Counter(mention.entity for mention in article.mentions)
    entities = [
        _Entity(i, one_line(entity.name), glosses.type(entity.type), counts[entity.id])
        for i, entity in enumerate(article.entities, 1)
    ]
    by_id = {source.id: entity for source, entity in zip(article.entities, entities, strict=True)}
    stances = in_reading_order(article)
    types = Counter(mention.type for mention in article.mentions)
    rank = {name: i for i, name in enumerate(glosses.types)}
    lines = article.text.split("\n")
    return _View(
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


def _stance(number: int, stance: Stance, article: Article, by_id: dict[str, _Entity], glosses: _Glosses) -> _Stance:
    holder, target = by_id.get(stance.holder), by_id.get(stance.target)
    surface = article.surface(stance.evidence) if stance.evidence else ""
    quote = _printable(" ".join(_LINE.findall(surface)))
    by_author = stance.holder == glosses.author
    return _Stance(
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
    article: Article, stances: list[Stance], by_id: dict[str, _Entity], glosses: _Glosses
) -> list[_Paragraph]:
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

    def piece(run: _Run) -> _Piece:
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
        return _Piece(
            text=_printable(article.text[run.start : run.end]),
            css=" ".join(filter(None, css)),
            entities=" ".join(str(entity.number) for entity in entities if entity),
            evidence=" ".join(map(str, shown)),
            tag=tag,
            tip=tip,
            starts=[k for k in shown if first[k + len(mentions) - 1] == run.start],
        )

    return [
        _Paragraph(_direction(article.text[line[0].start : line[-1].end]), [piece(run) for run in line])
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


@cache
def _template() -> jinja2.Template:
    import jinja2  # only here: the terminal view shares this module and has no use for templates

    def csp_hash(source: str) -> str:
        return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["csp_hash"] = csp_hash
    return environment.from_string((files("mawaqif.inference") / "page.html.j2").read_text(encoding="utf-8"))
