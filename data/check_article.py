"""Everything that can be wrong inside one article. Looks at plain values, so that one fault does not hide the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from mawaqif.article import AUTHOR, Article
from mawaqif.data.problems import Problem
from mawaqif.errors import ArticleError
from mawaqif.labels import LabelSet
from mawaqif.text import words

__all__ = ["check_article"]

FAR = 400
"""Characters between evidence and the nearest mention of both ends of its stance from which on it is doubted."""
LONG = 40
"""Words of evidence from which on it is no clause any more."""


def check_article(data: Mapping[str, Any], labels: LabelSet) -> Iterator[Problem]:
    """Yield every problem of one article, given as plain values (`Article.to_dict`, or a line of a file).

    The problems know their field and span; path, line and id are for the caller to fill in. Whatever these checks do
    not foresee and `Article` refuses is reported too.
    """
    found = list(_Checker(data, labels).problems()) if isinstance(data.get("text"), str) else []
    yield from found
    if not any(problem.severity == "error" for problem in found):
        try:
            Article.from_dict(data, default_id="-")
        except ArticleError as error:
            yield Problem("unreadable", error.reason, field=error.field)


class _Checker:
    def __init__(self, data: Mapping[str, Any], labels: LabelSet) -> None:
        self.text: str = data["text"]
        self.mentions, self.entities, self.stances = (
            [part for part in data.get(name) or [] if isinstance(part, Mapping)]
            for name in ("mentions", "entities", "stances")
        )
        self.labels = labels
        self.words = words(self.text)
        self.starts, self.ends = {start for start, _ in self.words}, {end for _, end in self.words}
        self.types = {_id(entity.get("id")): entity.get("type") for entity in self.entities}

    def problems(self) -> Iterator[Problem]:
        if not self.text.strip():
            yield Problem("unreadable", "is empty; leave the article out or give it a text", field="text")
        for i, mention in enumerate(self.mentions):
            yield from self._mention(mention, f"mentions[{i}]")
        yield from self._overlaps()
        yield from self._entities()
        pairs: set[tuple[Any, Any]] = set()
        for i, stance in enumerate(self.stances):
            yield from self._stance(stance, f"stances[{i}]", pairs)

    def _mention(self, mention: Mapping[str, Any], field: str) -> Iterator[Problem]:
        span = self._span(mention.get("start"), mention.get("end"))
        yield from self._label(mention.get("type"), self.labels.type_names, f"{field}.type", span)
        if span is None:
            yield self._broken((mention.get("start"), mention.get("end")), field)
        elif span[0] not in self.starts or span[1] not in self.ends:
            yield Problem("cut-word", f"{self._shown(span)} {self._whole(span)}", field=field, span=span)
        entity = _id(mention.get("entity"))
        if entity is None:
            return
        if entity not in self.types:
            reason = f"{entity!r} is no entity of this article; add the entity or correct the id"
            yield Problem("dangling", reason, field=f"{field}.entity", span=span)
        elif self.types[entity] != mention.get("type"):
            reason = f"is {mention.get('type')!r}, but its entity {entity!r} is {self.types[entity]!r}; make them agree"
            yield Problem("contradiction", reason, field=f"{field}.type", span=span)

    def _whole(self, span: tuple[int, int]) -> str:
        """What to do about a span that is no whole words."""
        inside = [word for word in self.words if word[0] < span[1] and span[0] < word[1]]
        if not inside:
            return "covers no word; remove it"
        whole = inside[0][0], inside[-1][1]
        return f"does not cover whole words; the whole words are {whole}, {self._shown(whole)}"

    def _overlaps(self) -> Iterator[Problem]:
        spans = [(self._span(m.get("start"), m.get("end")), i) for i, m in enumerate(self.mentions)]
        placed = sorted((span, i) for span, i in spans if span is not None)
        longest: tuple[tuple[int, int], int] | None = None
        for span, i in placed:
            if longest and span[0] < longest[0][1]:
                reason = (
                    f"{self._shown(span)} overlaps mentions[{longest[1]}], {self._shown(longest[0])}; keep the longer"
                )
                yield Problem("overlap", reason, field=f"mentions[{i}]", span=span)
            if longest is None or span[1] > longest[0][1]:
                longest = span, i

    def _entities(self) -> Iterator[Problem]:
        mentioned = {_id(mention.get("entity")) for mention in self.mentions}
        used = {_id(stance.get(end)) for stance in self.stances for end in ("holder", "target")}
        seen: set[str | None] = set()
        for i, entity in enumerate(self.entities):
            field, entity_id = f"entities[{i}]", _id(entity.get("id"))
            yield from self._label(entity.get("type"), self.labels.type_names, f"{field}.type", None)
            if entity_id in seen:
                reason = f"{entity_id!r} is already the id of another entity; merge the two or rename one"
                yield Problem("contradiction", reason, field=f"{field}.id")
            seen.add(entity_id)
            if entity_id == self.labels.author:
                reason = f"{entity_id!r} is reserved for the article itself; rename the entity"
                yield Problem("contradiction", reason, field=f"{field}.id")
            name = f"{entity_id!r} ({entity.get('name')!r:.60})"
            if entity_id not in mentioned:
                yield Problem(
                    "unmentioned", f"{name} has no mention; mark where it is named, or remove it", field=field
                )
            if entity.get("type") in self.labels.only_in_stances and entity_id not in used:
                reason = f"{name} is {entity['type']!r}, which is annotated only where a stance needs it; remove it"
                yield Problem("role", reason, field=field, span=self._first(entity_id))

    def _stance(self, stance: Mapping[str, Any], field: str, pairs: set[tuple[Any, Any]]) -> Iterator[Problem]:
        holder, target = pair = _id(stance.get("holder")), _id(stance.get("target"))
        given = stance.get("evidence")
        evidence = self._span(*given) if isinstance(given, list | tuple) and len(given) == 2 else None
        yield from self._label(stance.get("stance"), self.labels.stance_names, f"{field}.stance", evidence)
        if stance.get("voice") is not None:
            yield from self._label(stance["voice"], self.labels.voice_names, f"{field}.voice", evidence)
        for end, entity in (("holder", holder), ("target", target)):
            if entity not in self.types and not (end == "holder" and entity == AUTHOR):
                reason = f"{entity!r} is no entity of this article; add the entity or correct the id"
                yield Problem("dangling", reason, field=f"{field}.{end}", span=evidence)
            yield from self._role(end, entity, f"{field}.{end}", evidence)
        if holder == target:
            reason = f"{target!r} is also the holder; a stance needs two entities"
            yield Problem("contradiction", reason, field=f"{field}.target", span=evidence)
        if pair in pairs:
            reason = f"is a second stance of {holder!r} toward {target!r}; keep the most explicit one"
            yield Problem("contradiction", reason, field=field, span=evidence)
        pairs.add(pair)
        if given is None:
            yield Problem("evidence", "has no evidence; mark the words that show the stance", field=field)
        elif evidence is None:
            yield self._broken(given, f"{field}.evidence")
        else:
            yield from self._evidence(evidence, holder, target, f"{field}.evidence")

    def _role(self, end: str, entity: str | None, field: str, span: tuple[int, int] | None) -> Iterator[Problem]:
        type_ = next((label for label in self.labels.types if label.name == self.types.get(entity)), None)
        if type_ and not getattr(type_, end):
            fitting = ", ".join(label.name for label in self.labels.types if getattr(label, end))
            reason = (
                f"{entity!r} is {type_.name!r}, which is no {end} of stances ({fitting} are); correct type or stance"
            )
            yield Problem("role", reason, field=field, span=span)

    def _evidence(self, span: tuple[int, int], holder: str | None, target: str | None, field: str) -> Iterator[Problem]:
        if span[0] not in self.starts or span[1] not in self.ends:
            yield Problem("evidence", f"{self._shown(span)} {self._whole(span)}", field=field, span=span)
        count = sum(span[0] <= start < span[1] for start, _ in self.words)
        if count > LONG:
            reason = f"has {count} words; mark the shortest clause that shows the stance"
            yield Problem("evidence", reason, field=field, span=span)
        near = [self._distance(span, end) for end in (holder, target) if end != AUTHOR]
        if near and min(near) > FAR:
            ends = " and ".join(repr(end) for end in (holder, target) if end != AUTHOR)
            reason = f"lies {min(near)} characters from every mention of {ends}; is it the right place?"
            yield Problem("evidence", reason, field=field, span=span)

    def _distance(self, span: tuple[int, int], entity: str | None) -> int:
        spans = [self._span(m.get("start"), m.get("end")) for m in self.mentions if _id(m.get("entity")) == entity]
        return min((max(0, s[0] - span[1], span[0] - s[1]) for s in spans if s), default=0)

    def _first(self, entity: str | None) -> tuple[int, int] | None:
        spans = [self._span(m.get("start"), m.get("end")) for m in self.mentions if _id(m.get("entity")) == entity]
        return next(filter(None, spans), None)

    def _label(self, name: Any, known: tuple[str, ...], field: str, span: tuple[int, int] | None) -> Iterator[Problem]:
        if name not in known:
            near = get_close_matches(str(name).upper(), [label.upper() for label in known], 1)
            hint = next((label for label in known if near and label.upper() == near[0]), None)
            advice = f"did you mean {hint!r}?" if hint else f"the label set has {', '.join(known)}"
            yield Problem("unknown-label", f"{name!r} is no known label; {advice}", field=field, span=span)

    def _span(self, start: Any, end: Any) -> tuple[int, int] | None:
        whole = all(isinstance(edge, int) and not isinstance(edge, bool) for edge in (start, end))
        return (start, end) if whole and 0 <= start < end <= len(self.text) else None

    def _broken(self, given: Any, field: str) -> Problem:
        shown = tuple(given) if isinstance(given, list) else given
        reason = f"{shown} is no span of the text, which has {len(self.text)} characters; correct the offsets"
        return Problem("broken-offset", reason, field=field)

    def _shown(self, span: tuple[int, int]) -> str:
        surface = self.text[slice(*span)]
        return f"«{surface if len(surface) <= 60 else surface[:59] + '…'}»"


def _id(value: Any) -> str | None:
    """Ids as `Article` reads them: numbers are their digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
