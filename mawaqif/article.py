"""The article: a text with the entities named in it and the stances between them. The same class is the gold format,
the prediction format, the HTTP reply and the row of a batch file, so nothing is converted on the way.

Offsets are Unicode code points into the original `text`, end exclusive: `text[start:end]` is what a reader would mark.
Unknown fields are kept, at every level. Whatever breaks the format raises ArticleError with the article's id and the
field, also on direct construction; labels are free strings here, a `LabelSet` says which ones are meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticKnownError, to_jsonable_python

from mawaqif.errors import ArticleError, not_utf8

__all__ = ["AUTHOR", "Article", "Entity", "Mention", "Stance", "article_schema", "parse_json", "parse_object"]

AUTHOR = "AUTHOR"
"""The holder of a stance that the article itself takes, in its own voice."""


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not _encodable(value):
        raise PydanticKnownError("string_unicode")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _int_as_str(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _whole(value)


Id = Annotated[str, Field(min_length=1), BeforeValidator(_int_as_str)]
Date = Annotated[str, BeforeValidator(_int_as_str)]
Text = Annotated[str, BeforeValidator(_whole)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    if not TYPE_CHECKING:  # type checkers shall see the fields, not **data

        def __init__(self, /, **data: Any) -> None:
            try:
                self.__pydantic_validator__.validate_python(data, self_instance=self)
            except ValidationError as error:
                raise _article_error(error) from None

        # As in pydantic's own __init__: inside an article the parts are validated without this detour, so that the
        # error can name the part's place.
        __init__.__pydantic_base_init__ = True

    def _plain(self) -> dict[str, Any]:
        extra = self.__pydantic_extra__ or {}
        kept = {key: value for key, value in self if value is not None or key in extra}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}


class Mention(_Part):
    """The whole words `text[start:end]` that name something; `entity` is the id of what they name."""

    start: int
    end: int
    type: Text
    entity: Id | None = None
    score: float | None = None


class Entity(_Part):
    """What one or more mentions name, with one canonical name."""

    id: Id
    type: Text
    name: Text
    score: float | None = None


class Stance(_Part):
    """The position of `holder` (an entity id or AUTHOR) toward `target` (an entity id).

    `evidence` is the span (start, end) of the words that show it. `score` is the probability that all of it is right:
    both ends are what their mentions say, and this is the stance between them.
    """

    holder: Id
    target: Id
    stance: Text
    voice: Text | None = None
    evidence: tuple[int, int] | None = None
    score: float | None = None


class Article(_Part):
    """A text with mentions, entities and stances; a bare text needs only `Article(id="x", text="…")`.

    Raises ArticleError where a span lies outside the text, an id names no entity, a mention's type differs from its
    entity's, an entity id or an ordered pair of a stance comes twice, or a string holds half a character.
    Changes after construction are not checked; `Article.from_dict(article.to_dict())` checks them.
    """

    id: Id
    text: Text
    title: Text | None = None
    date: Date | None = None
    source: Text | None = None
    mentions: list[Mention] = []
    entities: list[Entity] = []
    stances: list[Stance] = []

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, data: Any, handler: Any) -> Any:
        try:
            article = handler(data)
        except ValidationError as error:
            article_id = data.get("id") if isinstance(data, Mapping) else None
            raise _article_error(error, article_id) from None
        _check_spans_and_ids(article)
        _check_extra(article)
        return article

    @classmethod
    def from_json(cls, raw: str | bytes, *, default_id: str | None = None) -> Article:
        """Read one JSON object (bytes: UTF-8). `default_id` is for an object without id. Raises ArticleError."""
        return cls.from_dict(parse_object(raw), default_id=default_id)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, default_id: str | None = None) -> Article:
        """Make an article of plain values. `default_id` is for data without id. Raises ArticleError."""
        if default_id is not None and data.get("id") in (None, ""):
            data = {**data, "id": default_id}
        return cls.model_validate(dict(data))

    def to_json(self) -> str:
        """One line of JSON, Arabic unescaped. Optional fields that are None are left out."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, default=to_jsonable_python)

    def to_dict(self) -> dict[str, Any]:
        """The article as plain values. Optional fields that are None are left out; the three lists never are."""
        return self._plain() | {
            "mentions": [part._plain() for part in self.mentions],
            "entities": [part._plain() for part in self.entities],
            "stances": [part._plain() for part in self.stances],
        }

    def surface(self, span: Mention | tuple[int, int]) -> str:
        """The words of a mention, or of a span such as a stance's evidence, as they stand in the text."""
        start, end = (span.start, span.end) if isinstance(span, Mention) else span
        return self.text[start:end]

    def entity(self, entity_id: str) -> Entity:
        """The entity with this id. Raises ArticleError where there is none."""
        for entity in self.entities:
            if entity.id == entity_id:
                return entity
        raise ArticleError(f"{entity_id!r} is no entity of this article", article_id=self.id)

    def mentions_of(self, entity_id: str) -> list[Mention]:
        """The mentions of one entity, in the order in which the article lists them."""
        return [mention for mention in self.mentions if mention.entity == entity_id]

    def entity_scores(self) -> dict[str, float]:
        """How sure each end of a stance is: the best score of the entity's mentions. A mention without one, as in gold,
        counts as 1, and so do AUTHOR and an entity without mentions."""
        best: dict[str, float] = {}
        for mention in self.mentions:
            if mention.entity is not None:
                score = 1.0 if mention.score is None else mention.score
                best[mention.entity] = max(best.get(mention.entity, 0.0), score)
        return dict.fromkeys([AUTHOR, *(entity.id for entity in self.entities)], 1.0) | best

    def name_of(self, entity_id: str) -> str:
        """The canonical name of an entity; AUTHOR is its own name. Raises ArticleError as `entity` does."""
        return AUTHOR if entity_id == AUTHOR else self.entity(entity_id).name

    def _repr_html_(self) -> str:
        """What a notebook shows: the text with its mentions marked, and its stances as sentences."""
        from mawaqif.notebook import to_fragment  # only here: the article itself is light

        return to_fragment(self)

    def clean(self) -> Article:
        """A copy without mentions, entities and stances; all other fields are kept."""
        return self.model_copy(update={"mentions": [], "entities": [], "stances": []})


def article_schema() -> dict[str, Any]:
    """The JSON schema of an article. What relates one field to another (spans, ids) only `Article` can check."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Article.model_json_schema()}


def parse_json(raw: str | bytes) -> Any:
    """Parse any JSON value (bytes: UTF-8) by the rules of `parse_object`. Raises ValueError or RecursionError."""
    return json.loads(raw if isinstance(raw, str) else raw.decode(), parse_constant=_constant)


def parse_object(raw: str | bytes) -> dict[str, Any]:
    """Parse one JSON object (bytes: UTF-8), whatever its fields. NaN, which pandas likes to write, is read as null.

    Raises ArticleError, for bytes that are not UTF-8 with the position of the first bad one.
    """
    try:
        data = parse_json(raw)
    except UnicodeDecodeError as error:
        raise ArticleError(not_utf8(error)) from None
    except (ValueError, RecursionError) as error:
        raise ArticleError(f"is not a JSON object: {error}; write each article as one object on one line") from None
    if not isinstance(data, dict):
        raise ArticleError(f"is a JSON {type(data).__name__}, not an object; write each article as one object")
    return data


def _constant(name: str) -> None:
    if name != "NaN":
        raise ValueError(f"{name} is no JSON value")


def _check_spans_and_ids(article: Article) -> None:
    def check_span(start: int, end: int, field: str) -> None:
        if not 0 <= start < end <= len(article.text):
            fail(f"({start}, {end}) is no span of the text, which has {len(article.text)} characters", field)

    def check_entity(entity_id: str, field: str) -> None:
        if entity_id not in types:
            fail(f"{entity_id!r} is no entity of this article; add the entity or correct the id", field)

    def fail(reason: str, field: str) -> None:
        raise ArticleError(reason, article_id=article.id, field=field)

    types: dict[str, str] = {}
    for i, entity in enumerate(article.entities):
        if entity.id in types:
            fail(f"{entity.id!r} is already the id of another entity; merge the two or rename one", f"entities[{i}].id")
        if entity.id == AUTHOR:
            fail(f"{AUTHOR!r} is reserved for the article itself; rename the entity", f"entities[{i}].id")
        types[entity.id] = entity.type
    for i, mention in enumerate(article.mentions):
        check_span(mention.start, mention.end, f"mentions[{i}]")
        if mention.entity is not None:
            check_entity(mention.entity, f"mentions[{i}].entity")
            if mention.type != types[mention.entity]:
                expected = f"its entity {mention.entity!r} is {types[mention.entity]!r}"
                fail(f"is {mention.type!r}, but {expected}; make them agree", f"mentions[{i}].type")
    pairs: set[tuple[str, str]] = set()
    for i, stance in enumerate(article.stances):
        if stance.holder != AUTHOR:
            check_entity(stance.holder, f"stances[{i}].holder")
        check_entity(stance.target, f"stances[{i}].target")
        if stance.holder == stance.target:
            fail(f"{stance.target!r} is also the holder; a stance needs two entities", f"stances[{i}].target")
        if (stance.holder, stance.target) in pairs:
            fail(
                f"is a second stance of {stance.holder!r} toward {stance.target!r}; keep the most explicit one",
                f"stances[{i}]",
            )
        pairs.add((stance.holder, stance.target))
        if stance.evidence is not None:
            check_span(*stance.evidence, f"stances[{i}].evidence")


def _check_extra(article: Article) -> None:
    """Unknown fields must be writable, or the run that read them would break hours later."""
    parts: list[tuple[str, _Part]] = [("", article)]
    parts += [(f"mentions[{i}].", part) for i, part in enumerate(article.mentions)]
    parts += [(f"entities[{i}].", part) for i, part in enumerate(article.entities)]
    parts += [(f"stances[{i}].", part) for i, part in enumerate(article.stances)]
    for place, part in parts:
        for key, value in (part.__pydantic_extra__ or {}).items():
            try:
                text = json.dumps({key: value}, ensure_ascii=False, allow_nan=False, default=to_jsonable_python)
            except (ValueError, TypeError, RecursionError) as error:
                reason = f"cannot be written as JSON: {error}"
            else:
                if _encodable(text):
                    continue
                reason = "holds a lone surrogate (half of a character); repair or drop it"
            raise ArticleError(reason, article_id=article.id, field=_printable(place + key))


def _article_error(error: ValidationError, article_id: Any = None) -> ArticleError:
    """The first fault that pydantic found, as an ArticleError."""
    first, *others = error.errors(include_url=False, include_context=False)
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    given = first["input"]
    if first["type"] == "missing":
        reason = f"is missing; the fields given are {', '.join(map(str, given)) or 'none'}"
    elif first["type"] == "string_unicode" and not _encodable(given):
        reason = _surrogate(given)
    else:
        reason = f"{first['msg'].removeprefix('Input ').removeprefix('String ')}, not {_short(given)}"
    if others:
        reason += f" (and {len(others)} more)"
    return ArticleError(
        _printable(reason),
        article_id=None if article_id is None else _printable(str(article_id)),
        field=_printable(field) or None,
    )


def _surrogate(text: str) -> str:
    offset = next(i for i, character in enumerate(text) if not _encodable(character))
    return (
        f"has the lone surrogate U+{ord(text[offset]):04X} at offset {offset}: half of a character, left by a cut or "
        "broken \\u escape; repair the source, or replace it with U+FFFD"
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
