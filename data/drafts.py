"""Drafts → articles: annotation written with surface strings becomes exact offsets, every doubt reported.

Whoever annotates by hand (or writes articles together with their annotation) names mentions and evidence by their
words; counting characters is the program's work. A draft is one JSON object:

    {"id": "d001", "text": "…",
     "entities": [{"id": "e1", "type": "PERS", "name": "سالم الهاشمي", "mentions": ["سالم الهاشمي", "الهاشمي"]}, …],
     "stances": [{"holder": "e1", "target": "e2", "stance": "against", "voice": "speech", "evidence": "اتهم …"}]}

Every whole-word occurrence of a mention's string, with or without an attached proclitic (و ف ب ك ل لل), is marked,
longest strings first. `"النص#2"` marks only the second occurrence, `"النص#1,3"` the first and third, `"النص!2"` all but
the second. Evidence is a verbatim piece of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mawaqif.article import AUTHOR, Article, parse_object
from mawaqif.errors import ArticleError, InputError
from mawaqif.jsonl import read_lines
from mawaqif.labels import LabelSet
from mawaqif.text import Span, words

_SELECTION = re.compile(r"(?P<surface>.+?)(?P<sign>[#!])(?P<numbers>\d+(?:,\d+)*)$", re.DOTALL)
_PROCLITICS = r"(?:[وف]?(?:[بكل])?)"


def read_drafts(path: str | Path, labels: LabelSet) -> tuple[list[Article], list[InputError]]:
    """The articles of a file of drafts (JSON lines), and what is wrong with the others.

    Raises InputError for a file that cannot be read.
    """
    articles: list[Article] = []
    problems: list[InputError] = []
    for number, line in read_lines(path, str(path)):
        found = _resolved(line, labels)
        if isinstance(found, InputError):
            found.path, found.line = str(path), number
            problems.append(found)
        else:
            articles.append(found)
    return articles, problems


def _resolved(line: bytes, labels: LabelSet) -> Article | InputError:
    try:
        return resolve(parse_object(line), labels)
    except InputError as error:
        return error
    except (KeyError, TypeError) as error:
        return InputError(f"no usable draft ({error!r})")


def resolve(draft: Mapping[str, Any], labels: LabelSet) -> Article:
    """The article of one draft. Raises ArticleError that lists every string not found and every label not known."""
    text, problems = draft["text"], list(_label_problems(draft, labels))
    spans = words(text)
    edges = {start for start, _ in spans}, {end for _, end in spans}
    wanted = [(surface, entity) for entity in draft["entities"] for surface in entity["mentions"]]
    taken: list[tuple[int, int, Mapping[str, Any]]] = []
    for surface, entity in sorted(wanted, key=lambda item: -len(_surface(item[0])[0])):
        free = [s for s in _occurrences(surface, text, edges) if not any(_overlap(s, t) for t in taken)]
        if not free:
            problems.append(f"mention {surface!r} of {entity['id']} is not in the text, or inside a longer mention")
        taken += [(*span, entity) for span in free]
    stances = []
    for number, stance in enumerate(draft["stances"]):
        start = text.find(stance["evidence"])
        if start < 0:
            problems.append(f"stances[{number}].evidence {stance['evidence']!r} is no verbatim piece of the text")
        stances.append({**stance, "evidence": [max(start, 0), max(start, 0) + len(stance["evidence"])]})
    if problems:
        raise ArticleError("; ".join(problems), article_id=str(draft.get("id")))
    entities = [{key: value for key, value in e.items() if key != "mentions"} for e in draft["entities"]]
    mentions = [
        {"start": a, "end": b, "type": e["type"], "entity": e["id"]} for a, b, e in sorted(taken, key=lambda t: t[:2])
    ]
    return Article.from_dict({**draft, "mentions": mentions, "entities": entities, "stances": stances})


def _surface(wanted: str) -> tuple[str, str, set[int]]:
    found = _SELECTION.match(wanted)
    if not found:
        return wanted, "", set()
    return found["surface"], found["sign"], {int(n) for n in found["numbers"].split(",")}


def _occurrences(wanted: str, text: str, edges: tuple[set[int], set[int]]) -> list[Span]:
    surface, sign, numbers = _surface(wanted)
    forms = [_PROCLITICS + re.escape(surface)]
    if surface.startswith("ال"):
        forms.append("[وف]?لل" + re.escape(surface[2:]))
    spans = [
        match.span()
        for match in re.finditer("|".join(f"(?:{form})" for form in forms), text)
        if match.start() in edges[0] and match.end() in edges[1]
    ]
    if not sign:
        return spans
    return [span for number, span in enumerate(spans, start=1) if (number in numbers) == (sign == "#")]


def _overlap(span: Span, taken: tuple[int, int, Any]) -> bool:
    return span[0] < taken[1] and taken[0] < span[1]


def _label_problems(draft: Mapping[str, Any], labels: LabelSet) -> Iterator[str]:
    by_id = {entity["id"]: entity for entity in draft["entities"]}
    for entity in draft["entities"]:
        if entity["type"] not in labels.type_names:
            yield f"{entity['id']}.type {entity['type']!r} is none of {', '.join(labels.type_names)}"
    used = {stance[end] for stance in draft["stances"] for end in ("holder", "target")}
    yield from (
        f"{e['id']} ({e['type']}) takes part in no stance"
        for e in draft["entities"]
        if e["type"] in labels.only_in_stances and e["id"] not in used
    )
    for number, stance in enumerate(draft["stances"]):
        if stance["stance"] not in labels.stance_names:
            yield f"stances[{number}].stance {stance['stance']!r} is none of {', '.join(labels.stance_names)}"
        if stance.get("voice") not in labels.voice_names:
            yield f"stances[{number}].voice {stance.get('voice')!r} is none of {', '.join(labels.voice_names)}"
        for end in ("holder", "target"):
            if stance[end] not in by_id and not (end == "holder" and stance[end] == AUTHOR):
                yield f"stances[{number}].{end} {stance[end]!r} is no entity"


def main(paths: list[str]) -> None:
    """Checks files of drafts and prints every problem: python -m mawaqif.data.drafts FILE…"""
    labels = LabelSet.default()
    for path in paths:
        articles, problems = read_drafts(path, labels)
        for problem in problems:
            print(f"PROBLEM {problem}")
        counts = [sum(len(getattr(a, part)) for a in articles) for part in ("mentions", "entities", "stances")]
        print(f"{path}: {len(articles)} articles, {len(problems)} with problems; mentions, entities, stances: {counts}")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
