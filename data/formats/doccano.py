"""doccano's JSON lines: a sequence labelling project, with or without relations.

    {"id": 7, "text": "…", "entities": [{"id": 1, "label": "ORG", "start_offset": 0, "end_offset": 9}],
     "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "against"}], "Comments": []}

doccano counts code points and gives ids of its own on import; further keys of a record it keeps as metadata and exports
again, which is where the extension (`mawaqif`) travels. Read are also projects without relations:
{"text": "…", "label": [[0, 9, "ORG"]]} (`labels` in older exports).
Source: doccano's import and export formats of sequence labelling, https://doccano.github.io/doccano.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from mawaqif.data.formats.records import OnError, collect, dump, open_text, records
from mawaqif.errors import ArticleError

__all__ = ["read", "write"]


def read(path: str | Path, *, on_error: OnError = None, warn: Warn = lambda _: None) -> Iterator[Article]:
    """Yield the articles of a doccano export. Bad records go to `on_error` (see `records.collect`)."""

    def convert(record: Any, default_id: str) -> Article:
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise ArticleError("is no doccano record; it needs a `text`")
        base = extended(record.get(EXTENSION), record["text"])
        article_id = base.id if base else str(default_id if record.get("id") is None else record["id"])
        return of_record(lambda: _marks(record), record["text"], id=article_id, base=base, warn=warn)

    return collect(records(path), convert, path, on_error)


def _marks(record: dict[str, Any]) -> Marks:
    marks = Marks()
    if "entities" not in record:
        given = record.get("label", record.get("labels")) or []
        marks.spans = [Span(int(start), int(end), str(label)) for start, end, label in given]
        return marks
    by_id = {}
    for entity in record["entities"]:
        span = Span(int(entity["start_offset"]), int(entity["end_offset"]), str(entity["label"]))
        by_id[entity["id"]] = span
        marks.spans.append(span)
    for relation in record.get("relations") or []:
        source, target, label = by_id[relation["from_id"]], by_id[relation["to_id"]], str(relation["type"])
        if label.lower() in COREFERENCE:
            marks.same.append((source, target))
        else:
            marks.links.append(Link(source, target, label))
    return marks


def write(articles: Iterable[Article], path: str | Path, *, plain: bool = False) -> int:
    """Write articles for import into doccano and return how many; `plain` leaves out the extension."""
    count = 0
    with open_text(path) as out:
        for count, article in enumerate(articles, 1):
            marks = marks_of(article)
            number = {span: i for i, span in enumerate(marks.spans, 1)}
            record: dict[str, Any] = {
                "id": count,
                "text": article.text,
                "entities": [
                    {"id": i, "label": span.label, "start_offset": span.start, "end_offset": span.end}
                    for i, span in enumerate(marks.spans, 1)
                ],
                "relations": [
                    {"id": i, "from_id": number[link.source], "to_id": number[link.target], "type": link.label}
                    for i, link in enumerate(marks.links, 1)
                ],
                "Comments": [],
            }
            if not plain:
                record[EXTENSION] = extension(article)
            out.write(dump(record) + "\n")
    return count
