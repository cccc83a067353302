"""What annotation tools know of an article: labelled spans, and labelled links between spans.

Every tool that this project exchanges files with stores that much and no more: no entity ids and names, no stance of
an AUTHOR or of an entity without a mention, no scores. So each format writes `marks_of(article)` in its own terms and
keeps the article itself beside it, in an extension that the tool carries along unread. On the way back `to_article`
compares the marks that were written with those that are found: where nothing was changed the very same article comes
out, and what somebody changed in the tool is applied to it. Without the extension (files made elsewhere) the marks are
all there is.

Offsets are code points into the text, end exclusive, as everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mawaqif.article import AUTHOR, Article, Entity, Mention, Stance, parse_object
from mawaqif.data.names import name_from
from mawaqif.errors import ArticleError

__all__ = [
    "COREFERENCE",
    "EXTENSION",
    "Link",
    "Marks",
    "Span",
    "Warn",
    "extended",
    "extension",
    "lost_without_extension",
    "marks_of",
    "to_article",
]

Warn = Callable[[str], None]

EXTENSION = "mawaqif"
"""The key of the extension in formats that are JSON."""

COREFERENCE = frozenset({"same", "same_as", "coref", "coreference", "identity"})
"""Names of links (in lower case) that join two mentions of one entity and are no stance."""


class Span(NamedTuple):
    start: int
    end: int
    label: str


class Link(NamedTuple):
    """A stance between two spans; `voice` and `evidence` where the format can hold them."""

    source: Span
    target: Span
    label: str
    voice: str | None = None
    evidence: tuple[int, int] | None = None


@dataclass
class Marks:
    """Spans in the order of the file, links, and groups of spans that name the same entity."""

    spans: list[Span] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    same: list[tuple[Span, ...]] = field(default_factory=list)


def marks_of(article: Article, *, links: bool = True, details: bool = False, same: bool = False) -> Marks:
    """The spans of an article, and the links of those stances whose both ends have a mention.

    A link joins the mentions nearest to the evidence (the first ones without evidence). `details` adds voice and
    evidence, `same` the groups of spans of each entity with several.
    """
    marks = Marks([_span(mention) for mention in article.mentions])
    if links:
        marks.links = [link for link, _ in _linked(article, details)]
    if same:
        groups = ([_span(m) for m in article.mentions_of(entity.id)] for entity in article.entities)
        marks.same = [tuple(group) for group in groups if len(group) > 1]
    return marks


def _span(mention: Mention) -> Span:
    return Span(mention.start, mention.end, mention.type)


def _linked(article: Article, details: bool) -> list[tuple[Link, Stance]]:
    spans: dict[str, list[Span]] = {}
    for mention in article.mentions:
        spans.setdefault(mention.entity or "", []).append(_span(mention))
    found: list[tuple[Link, Stance]] = []
    used: set[tuple[Span, Span]] = set()
    for stance in article.stances:
        near = [_nearest(spans.get(end, []), stance.evidence) for end in (stance.holder, stance.target)]
        source, target = near
        # Two entities with a mention at the very same place cannot be told apart by spans.
        if source is None or target is None or source == target or (source, target) in used:
            continue
        used.add((source, target))
        extra = (stance.voice, stance.evidence) if details else (None, None)
        found.append((Link(source, target, stance.stance, *extra), stance))
    return found


def _nearest(spans: list[Span], evidence: tuple[int, int] | None) -> Span | None:
    if not spans:
        return None
    if evidence is None:
        return spans[0]
    start, end = evidence
    return min(spans, key=lambda span: max(0, span.start - end, start - span.end))


def extension(article: Article) -> dict[str, Any]:
    """The article as plain values without its text, to be kept beside the marks."""
    return {key: value for key, value in article.to_dict().items() if key != "text"}


def extended(value: Any, text: str) -> Article | None:
    """The article of an extension (a mapping, or JSON of one) and its text; None without one. Raises ArticleError."""
    if value is None:
        return None
    if isinstance(value, str):
        value = parse_object(value)
    if not isinstance(value, Mapping):
        raise ArticleError(f"is a {type(value).__name__}, not what mawaqif wrote; remove it", field=EXTENSION)
    return Article.from_dict({**value, "text": text})


def lost_without_extension(article: Article, marks: Marks) -> list[str]:
    """What of the article the marks alone do not say, in words for a warning."""
    lost = []
    if article.stances and not marks.links:
        lost.append("all stances")
    elif len(marks.links) < len(article.stances):
        lost.append("stances of the author or of what is not mentioned")
    if any(link.voice is None and link.evidence is None for link in marks.links):
        lost.append("voice and evidence")
    if article.entities:
        lost.append("ids and names of entities")
    if set(article.to_dict()) - {"id", "text", "mentions", "entities", "stances"}:
        lost.append("further fields")
    return lost


def to_article(
    text: str, found: Marks, *, id: str, base: Article | None, written: Marks | None, warn: Warn = lambda _: None
) -> Article:
    """The article of the marks found in a file.

    `base` is the article of the extension and `written` what `marks_of` said of it when the file was made. Unchanged
    marks give `base` itself. Otherwise mentions are added, removed and relabelled as the file says, an entity whose
    last mention went goes with its stances, and links set or remove stances. Raises ArticleError where that breaks the
    format.
    """
    if base is None or written is None:
        base, written = Article(id=id, text=text), Marks()
    elif _same_marks(found, written):
        return base
    for span in found.spans:
        if not 0 <= span.start < span.end <= len(text):
            reason = f"({span.start}, {span.end}) is no span of the text, which has {len(text)} characters"
            raise ArticleError(reason, article_id=base.id, field=f"the span {span.label!r}")
    return _Merge(base, written, found, warn).article()


def of_record(
    read: Callable[[], Marks], text: str, *, id: str, base: Article | None, warn: Warn = lambda _: None
) -> Article:
    """`to_article` of the marks that `read` takes from a record, errors of the record as ArticleError."""
    try:
        found = read()
    except ArticleError as error:
        error.article_id = id
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArticleError(f"its annotation cannot be read ({error!r})", article_id=id) from None
    return to_article(text, found, id=id, base=base, written=marks_of(base) if base else None, warn=warn)


def _same_marks(a: Marks, b: Marks) -> bool:
    def groups(marks: Marks) -> Counter[frozenset[Span]]:
        return Counter(frozenset(group) for group in marks.same)

    return Counter(a.spans) == Counter(b.spans) and Counter(a.links) == Counter(b.links) and groups(a) == groups(b)


class _Merge:
    """The changes between two sets of marks, applied to an article."""

    def __init__(self, base: Article, written: Marks, found: Marks, warn: Warn) -> None:
        self.base, self.written, self.found, self.warn = base, written, found, warn
        self.mentions = self._changed_mentions()
        self.entities = self._changed_entities()
        self.of_span = {_span(m): m for m in reversed(self.mentions)}
        self.renamed: dict[str, str] = {}  # entities that were joined to another

    def article(self) -> Article:
        written_groups = {frozenset(group) for group in self.written.same}
        for group in self.found.same:
            if frozenset(group) not in written_groups:
                self._join(group)
        stances = self._changed_stances()
        known = {entity.id for entity in self.entities} | {AUTHOR}
        update = {
            "mentions": self.mentions,
            "entities": self.entities,
            "stances": [stance for stance in stances if {stance.holder, stance.target} <= known],
        }
        return Article.from_dict(self.base.model_copy(update=update).to_dict())

    def _changed_mentions(self) -> list[Mention]:
        removed = Counter(self.written.spans) - Counter(self.found.spans)
        added = Counter(self.found.spans) - Counter(self.written.spans)
        mentions = []
        for mention in self.base.mentions:
            span = _span(mention)
            if not removed[span]:
                mentions.append(mention)
                continue
            removed[span] -= 1
            new = next((other for other, count in added.items() if count and other[:2] == span[:2]), None)
            if new:
                added[new] -= 1
                mentions.append(mention.model_copy(update={"type": new.label}))
        for span in self.found.spans:
            if added[span] > 0:
                added[span] -= 1
                mentions.append(Mention(start=span.start, end=span.end, type=span.label))
        return mentions

    def _changed_entities(self) -> list[Entity]:
        """Without those that lost their last mention; one whose mentions were all relabelled follows them."""
        before = {mention.entity for mention in self.base.mentions}
        entities = []
        for entity in self.base.entities:
            types = {mention.type for mention in self.mentions if mention.entity == entity.id}
            if types or entity.id not in before:
                update = {"type": next(iter(types))} if len(types) == 1 else {}
                entities.append(entity.model_copy(update=update))
        return entities

    def _entity_at(self, span: Span) -> str:
        """The id of the entity that a span names; a new entity where it names none yet."""
        mention = self.of_span.get(span)
        if mention is None:
            reason = f"joins {tuple(span)}, which is no span of the file; repair the link"
            raise ArticleError(reason, article_id=self.base.id, field="a link")
        if mention.entity is not None:
            return mention.entity
        taken = {entity.id for entity in (*self.base.entities, *self.entities)}
        new = next(f"e{n}" for n in range(1, len(taken) + 2) if f"e{n}" not in taken)
        self.entities.append(Entity(id=new, type=mention.type, name=name_from(self.base.surface(mention))))
        self._name(mention, new)
        return new

    def _name(self, mention: Mention, entity_id: str) -> None:
        place = next(i for i, other in enumerate(self.mentions) if other is mention)
        self.mentions[place] = self.of_span[_span(mention)] = mention.model_copy(update={"entity": entity_id})

    def _join(self, group: Iterable[Span]) -> None:
        """All spans of the group name the entity of its first span that names one."""
        spans = [span for span in group if span in self.of_span]
        if not spans:
            return
        entity_id = self._entity_at(next((span for span in spans if self.of_span[span].entity), spans[0]))
        for span in spans:
            old = self.of_span[span].entity
            if old == entity_id:
                continue
            self._name(self.of_span[span], entity_id)
            if old is not None and all(mention.entity != old for mention in self.mentions):
                self.renamed[old] = entity_id
        self.entities = [entity for entity in self.entities if entity.id not in self.renamed]

    def _changed_stances(self) -> list[Stance]:
        def pair_of(stance: Stance) -> tuple[str, str]:
            return self.renamed.get(stance.holder, stance.holder), self.renamed.get(stance.target, stance.target)

        details = any(link.evidence or link.voice for link in self.written.links)
        pairs = {link: pair_of(stance) for link, stance in _linked(self.base, details)}
        dropped = {pairs[link] for link in Counter(self.written.links) - Counter(self.found.links) if link in pairs}
        stances: dict[tuple[str, str], Stance] = {}
        for stance in self.base.stances:
            holder, target = pair = pair_of(stance)
            if holder != target:  # those of entities that were joined are none any more
                stances.setdefault(pair, stance.model_copy(update={"holder": holder, "target": target}))
        for link in Counter(self.found.links) - Counter(self.written.links):
            holder, target = pair = self._entity_at(link.source), self._entity_at(link.target)
            if holder == target:
                self.warn(f"article {self.base.id!r}: a link {link.label!r} joins {holder!r} to itself: left out")
            elif pair in stances and pair not in dropped:
                self.warn(
                    f"article {self.base.id!r}: a second link {link.label!r} from {holder!r} to {target!r}: left out"
                )
            else:
                dropped.discard(pair)
                given = {"stance": link.label, "voice": link.voice, "evidence": link.evidence}
                update = {key: value for key, value in given.items() if value is not None}
                old = stances.get(pair) or Stance(holder=holder, target=target, stance=link.label)
                stances[pair] = old.model_copy(update=update)
        return [stance for pair, stance in stances.items() if pair not in dropped]
