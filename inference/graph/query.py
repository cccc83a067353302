"""Questions about single stances: `holder=إيران target="الاتفاق النووي" stance=against since=2015-07`.

Conditions on different keys must all hold; a key given twice takes either value. `=` compares normalised names, through
all names of the merged entities; `~` finds what contains the value. Values with spaces stand in double quotes, in which
\\" and \\\\ mean the character itself.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mawaqif.errors import ConfigError
from mawaqif.inference.graph.corpus import Corpus, Row
from mawaqif.inference.graph.dates import period
from mawaqif.inference.graph.merging import GraphEntity
from mawaqif.inference.graph.names import form_key, person_key
from mawaqif.text import fold

__all__ = ["COLUMNS", "KEYS", "Condition", "parse", "select", "unparse"]

KEYS = {
    "holder": "who takes the stance",
    "target": "toward whom or what",
    "entity": "holder or target",
    "stance": "favor or against",
    "type": "entity type of holder or target",
    "voice": "speech, action or narration",
    "since": "first day: YYYY, YYYY-MM or YYYY-MM-DD",
    "until": "last day",
    "source": "source of the article",
    "min_score": "least score; a stance without one passes",
}
COLUMNS = (
    *("article_id", "date", "source", "title", "holder", "holder_type", "holder_as", "stance"),
    *("target", "target_type", "target_as", "voice", "score", "evidence", "evidence_start", "evidence_end"),
)
_NAMES = ("holder", "target", "entity")
_ONCE = ("since", "until", "min_score")
_PART = re.compile(
    r'\s*(?P<key>[^\s=~"]+)\s*(?P<op>[=~])\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"(?=\s|$)|(?P<bare>[^\s"]+))', re.S
)
_BARE = re.compile(r'[^\s"]+')

Test = Callable[[Row], bool]


class Condition(NamedTuple):
    """One part of a query; `op` is = or ~."""

    key: str
    op: str
    value: str


def parse(text: str) -> list[Condition]:
    """The conditions of a query. Raises ConfigError, which names what is wrong and the keys that there are."""
    found: list[Condition] = []
    place = 0
    while text[place:].strip():
        part = _PART.match(text, place)
        if not part:
            raise ConfigError(f"{_short(text[place:])} is no condition; {_usage()}")
        value = part["bare"] if part["quoted"] is None else re.sub(r"\\(.)", r"\1", part["quoted"], flags=re.S)
        found.append(_checked(Condition(part["key"], part["op"], value)))
        place = part.end()
    if not found:
        raise ConfigError(f"the query is empty; {_usage()}")
    for key in _ONCE:
        if sum(condition.key == key for condition in found) > 1:
            raise ConfigError(f"{key} is given twice; give it once")
    return found


def unparse(conditions: list[Condition]) -> str:
    """The query as text; `parse` gives the same conditions back."""
    return " ".join(f"{key}{op}{_quoted(value)}" for key, op, value in conditions)


def _quoted(value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _checked(condition: Condition) -> Condition:
    key, op, value = condition
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"{_short(key)} is no key; {hint}{_usage()}")
    if op == "~" and key in _ONCE:
        raise ConfigError(f"{key} goes with =, not with ~")
    if not value.strip():
        raise ConfigError(f"{key} has no value; {_usage()}")
    if key in ("since", "until"):
        period(value, key)
    if key == "min_score":
        _score(value)
    return condition


def _score(value: str) -> float:
    try:
        score = float(value)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise ConfigError(f"min_score: {value!r} is no number from 0 to 1")
    return score


def _usage() -> str:
    keys = ", ".join(f"{key} ({meaning})" for key, meaning in KEYS.items())
    return f'write key=value, key~part or key="two words"; keys: {keys}'


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


@dataclass(frozen=True)
class Selection:
    """What a query finds. `unknown`: names in it that no entity of the corpus has, each with the nearest there is."""

    rows: Iterator[dict[str, Any]]
    unknown: dict[str, str | None]


def select(corpus: Corpus, conditions: list[Condition]) -> Selection:
    """The stances that meet all conditions, in the order of the articles, as rows with COLUMNS."""
    by_key: dict[str, list[Condition]] = {}
    for condition in conditions:
        by_key.setdefault(condition.key, []).append(condition)
    unknown: dict[str, str | None] = {}
    tests = [_test(key, alternatives, corpus, unknown) for key, alternatives in by_key.items()]
    return Selection(_found(corpus, tests), unknown)


def _found(corpus: Corpus, tests: list[Test]) -> Iterator[dict[str, Any]]:
    for row in corpus.stances():
        if all(test(row) for test in tests):
            ends: dict[str, Any] = {}
            for end in ("holder", "target"):
                entity = corpus.entities[row[end]]
                ends |= {end: entity.name, f"{end}_type": entity.type}
            values: Mapping[str, Any] = row | ends
            yield {column: values[column] for column in COLUMNS}


def _test(key: str, alternatives: list[Condition], corpus: Corpus, unknown: dict[str, str | None]) -> Test:
    value = alternatives[0].value
    if key == "since":
        first = period(value, key)[0]
        return lambda row: row["date"] is not None and row["date"] >= first
    if key == "until":
        last = period(value, key)[1]
        return lambda row: row["date"] is not None and row["date"] <= last
    if key == "min_score":
        least = _score(value)
        return lambda row: row["score"] is None or row["score"] >= least
    if key in _NAMES:
        wanted = {n for condition in alternatives for n in _entities(condition, corpus.entities, unknown)}
        ends = ("holder", "target") if key == "entity" else (key,)
        return lambda row: any(row[end] in wanted for end in ends)
    if key == "type":
        types = {entity.type for entity in corpus.entities}
        fit = {label for label in types for condition in alternatives if _says(condition, label)}
        return lambda row: any(corpus.entities[row[end]].type in fit for end in ("holder", "target"))
    return lambda row: row[key] is not None and any(_says(condition, row[key]) for condition in alternatives)


def _says(condition: Condition, given: str) -> bool:
    wanted, given = fold(condition.value), fold(given)
    return wanted in given if condition.op == "~" else wanted == given


def _entities(condition: Condition, entities: list[GraphEntity], unknown: dict[str, str | None]) -> set[int]:
    """The places of the entities that go by a name, or else are called by it; an unknown one is noted with the
    nearest."""
    wanted = form_key(condition.value)
    if condition.op == "~":
        return {n for n, entity in enumerate(entities) if any(wanted in key for key in entity.keys)}
    found = {n for n, entity in enumerate(entities) if wanted in entity.keys}
    found = found or {n for n, entity in enumerate(entities) if {wanted, person_key(wanted)} & entity.called}
    if not found:
        names = {key: entity.name for entity in entities for key in entity.keys}
        near = difflib.get_close_matches(wanted, names, 1)
        unknown[condition.value] = names[near[0]] if near else None
    return found
