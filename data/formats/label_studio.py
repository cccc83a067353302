"""Label Studio's JSON: a list of tasks with regions of labels and relations between them.

    [{"id": 1, "data": {"text": "…"}, "annotations": [{"result": [
        {"id": "m0", "from_name": "label", "to_name": "text", "type": "labels",
         "value": {"start": 0, "end": 9, "text": "…", "labels": ["ORG"]}},
        {"type": "relation", "from_id": "m0", "to_id": "m1", "direction": "right", "labels": ["against"]}]}]}]

Source: https://labelstud.io/guide/task_format and https://labelstud.io/tags/text. Its quirks, and what is done:

- Its editor is a browser page, so `start` and `end` count UTF-16 code units: an emoji is two. Some releases count code
  points (HumanSignal/label-studio#1559 beside #1347 and #4988). Written are UTF-16 units; read is whichever of the two
  agrees with the `text` that each region repeats. A region that agrees with neither is an error, not a guess.
- The editor counts both characters of CRLF, and shows two line ends; `text` may hold a line end as backslash and n, or
  lose it. White space is therefore left out of that comparison.
- Text selected backwards, easy in right-to-left text, may have `start` after `end`: they are swapped.
- Exports before 1.0 say `completions` for `annotations`. Cancelled annotations are skipped; of several, the one marked
  as ground truth counts, else the first. Without annotations the first prediction counts.
- `JSON_MIN` exports have the regions as a list beside the text, and no relations.

The task's `data` travels unread, so the extension (`mawaqif`) is in there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from mawaqif.article import Article
from mawaqif.data.formats.marks import (
    COREFERENCE,
    EXTENSION,
    Link,
    Marks,
    Span,
    Warn,
    extended,
    extension,
    marks_of,
    of_record,
)
from mawaqif.data.formats.records import OnError, collect, dump, open_text, read_text
from mawaqif.errors import ArticleError, InputError

__all__ = ["read", "utf16_offsets", "write"]

_NO_INK = re.compile(r"\\[nrt]|\s")


def utf16_offsets(text: str) -> list[int]:
    """The offset in UTF-16 code units of every code point of the text, and of its end.

    >>> utf16_offsets("a😀b")
    [0, 1, 3, 4]
    """
    return [0, *accumulate(2 if ch > "\uffff" else 1 for ch in text)]


def read(path: str | Path, *, on_error: OnError = None, warn: Warn = lambda _: None) -> Iterator[Article]:
    """Yield the articles of a Label Studio export. Tasks that cannot be used go to `on_error`.

    Raises InputError where the file is no JSON list of tasks.
    """
    try:
        tasks = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"is not JSON: {error}", path=str(path)) from None
    if isinstance(tasks, dict):
        tasks = [tasks]
    if not isinstance(tasks, list) or not tasks:
        raise InputError("holds no list of tasks; export it from Label Studio as JSON", path=str(path))
    return collect(((None, task) for task in tasks), lambda task, given: _article(task, given, warn), path, on_error)


def _article(task: Any, default_id: str, warn: Warn) -> Article:
    data = task.get("data", task) if isinstance(task, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        raise ArticleError("is no task with data.text; name the text field `text`", article_id=default_id)
    text, base = data["text"], extended(data.get(EXTENSION), data["text"])
    given_id = task.get("id")
    article_id = base.id if base else str(default_id if given_id is None else given_id)

    def tell(what: str) -> None:
        warn(f"article {article_id!r}: {what}")

    return of_record(lambda: _marks(_result(task, tell), text, tell), text, id=article_id, base=base, warn=warn)


def _result(task: dict[str, Any], tell: Warn) -> list[dict[str, Any]]:
    """The regions and relations of the annotation that counts."""
    if "data" not in task:  # JSON_MIN: any list of regions beside the text
        lists = [value for key, value in task.items() if isinstance(value, list)]
        regions = [item for value in lists for item in value if isinstance(item, dict) and "start" in item]
        return [{"id": str(i), "type": "labels", "value": region} for i, region in enumerate(regions)]
    done = task.get("annotations", task.get("completions")) or []
    done = [annotation for annotation in done if not annotation.get("was_cancelled")]
    if not done and task.get("predictions"):
        tell("has predictions only: the first counts")
        done = task["predictions"][:1]
    if len(done) > 1:
        tell(f"has {len(done)} annotations: one counts, the one marked as ground truth or else the first")
    first = next((annotation for annotation in done if annotation.get("ground_truth")), done[0] if done else {})
    return first.get("result") or []


def _marks(result: list[dict[str, Any]], text: str, tell: Warn) -> Marks:
    marks, by_id, units = Marks(), {}, _Units(text)
    for region in result:
        value = region.get("value") or {}
        labels = value.get("labels") or value.get("hypertextlabels")
        if labels:
            spans = [Span(*units.span(value), str(label)) for label in labels]
            by_id[region.get("id")] = spans[0]
            marks.spans += spans
        elif region.get("type") != "relation":
            tell(f"a result of type {region.get('type')!r} (from {region.get('from_name')!r}) is left out")
    for relation in result:
        if relation.get("type") != "relation":
            continue
        source, target = by_id[relation["from_id"]], by_id[relation["to_id"]]
        if not relation.get("labels"):
            tell("a relation without a label is left out")
        for label in map(str, relation.get("labels") or []):
            if label.lower() in COREFERENCE:
                marks.same.append((source, target))
                continue
            direction = relation.get("direction", "right")
            if direction in ("right", "bi"):
                marks.links.append(Link(source, target, label))
            if direction in ("left", "bi"):
                marks.links.append(Link(target, source, label))
    return marks


class _Units:
    """Finds out for each region whether its offsets count UTF-16 units or code points."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code_points = {unit: i for i, unit in enumerate(utf16_offsets(text))}

    def span(self, value: dict[str, Any]) -> tuple[int, int]:
        given = int(value["start"]), int(value["end"])
        start, end = min(given), max(given)
        readings = [(start, end)]
        if start in self.code_points and end in self.code_points:
            readings.insert(0, (self.code_points[start], self.code_points[end]))
        surface = value.get("text")
        if surface is None:
            return readings[0]
        wanted = _NO_INK.sub("", surface)
        for found in readings:
            if _NO_INK.sub("", self.text[slice(*found)]) == wanted:
                return found
        reason = f"{surface!r:.60} is not what stands at ({start}, {end}); was the text changed after the export?"
        raise ArticleError(reason, field="a region")


def write(articles: Iterable[Article], path: str | Path, *, plain: bool = False) -> int:
    """Write a list of tasks with one annotation each and return how many; `plain` leaves out the extension."""
    count = 0
    with open_text(path) as out:
        for count, article in enumerate(articles, 1):
            out.write(("[\n" if count == 1 else ",\n") + dump(_task(count, article, plain)))
        out.write("\n]\n" if count else "[]\n")
    return count


def _task(number: int, article: Article, plain: bool) -> dict[str, Any]:
    marks, units = marks_of(article), utf16_offsets(article.text)
    names = {span: f"m{i}" for i, span in enumerate(marks.spans)}
    result: list[dict[str, Any]] = [
        {
            "id": f"m{i}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": units[span.start],
                "end": units[span.end],
                "text": article.text[span.start : span.end],
                "labels": [span.label],
            },
        }
        for i, span in enumerate(marks.spans)
    ]
    result += [
        {
            "type": "relation",
            "from_id": names[link.source],
            "to_id": names[link.target],
            "direction": "right",
            "labels": [link.label],
        }
        for link in marks.links
    ]
    data: dict[str, Any] = {"text": article.text}
    if not plain:
        data[EXTENSION] = extension(article)
    return {"id": number, "data": data, "annotations": [{"id": number, "result": result}]}
