"""The JSON lines of Prodigy and spaCy.

Prodigy's tasks, as `rel.manual` and `ner.manual` write them (https://prodi.gy/docs/api-interfaces):

    {"text": "…", "tokens": [{"text": "…", "start": 0, "end": 4, "id": 0, "ws": true}],
     "spans": [{"start": 0, "end": 9, "token_start": 0, "token_end": 1, "label": "ORG"}],
     "relations": [{"head": 1, "child": 5, "label": "against", "head_span": {…}, "child_span": {…}}],
     "answer": "accept"}

`head` and `child` are the last tokens of the two spans, token numbers count from 0 with both ends inclusive, offsets
are code points. A span that cuts a word has no token numbers; Prodigy refuses such a task, everything else reads it.
Prodigy keeps keys that it does not know, such as the extension (`mawaqif`).

Read are also spaCy's training pairs, ["…", {"entities": [[0, 9, "ORG"]]}], one a line. Tasks that were answered with
`reject` or `ignore` are left out, with a warning.
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
from mawaqif.text import words

__all__ = ["read", "write"]


def read(path: str | Path, *, on_error: OnError = None, warn: Warn = lambda _: None) -> Iterator[Article]:
    """Yield the articles of a Prodigy export or of spaCy's pairs. Bad records go to `on_error`."""

    def convert(record: Any, default_id: str) -> Article | None:
        if isinstance(record, list) and len(record) == 2 and isinstance(record[1], dict):
            entities = record[1].get("entities") or []
            record = {
                "text": record[0],
                "spans": [dict(zip(("start", "end", "label"), e, strict=False)) for e in entities],
            }
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise ArticleError("is no Prodigy task; it needs a `text`")
        base = extended(record.get(EXTENSION), record["text"])
        meta = record.get("meta")
        given_id = record.get("id") or (meta.get("id") if isinstance(meta, dict) else None)
        article_id = base.id if base else str(given_id or default_id)
        if record.get("answer", "accept") != "accept":
            warn(f"article {article_id!r} was answered {record['answer']!r}: left out")
            return None
        return of_record(lambda: _marks(record), record["text"], id=article_id, base=base, warn=warn)

    return collect(records(path), convert, path, on_error)


def _marks(record: dict[str, Any]) -> Marks:
    marks = Marks([_span(span) for span in record.get("spans") or []])
    for relation in record.get("relations") or []:
        source, target = _span(relation["head_span"]), _span(relation["child_span"])
        label = str(relation["label"])
        if label.lower() in COREFERENCE:
            marks.same.append((source, target))
        else:
            marks.links.append(Link(source, target, label))
    return marks


def _span(value: dict[str, Any]) -> Span:
    return Span(int(value["start"]), int(value["end"]), str(value["label"]))


def write(articles: Iterable[Article], path: str | Path, *, plain: bool = False) -> int:
    """Write articles as Prodigy tasks and return how many; `plain` leaves out the extension."""
    count = 0
    with open_text(path) as out:
        for article in articles:
            count += 1
            out.write(dump(_task(article, plain)) + "\n")
    return count


def _task(article: Article, plain: bool) -> dict[str, Any]:
    marks, tokens = marks_of(article), words(article.text)
    first = {start: i for i, (start, _) in enumerate(tokens)}
    last = {end: i for i, (_, end) in enumerate(tokens)}

    def span(mark: Span) -> dict[str, Any]:
        known = mark.start in first and mark.end in last
        place = {"token_start": first[mark.start], "token_end": last[mark.end]} if known else {}
        return {"start": mark.start, "end": mark.end, **place, "label": mark.label}

    def relation(link: Link) -> dict[str, Any]:
        ends = {"head": last.get(link.source.end), "child": last.get(link.target.end)}
        ends = {key: token for key, token in ends.items() if token is not None}
        return {**ends, "head_span": span(link.source), "child_span": span(link.target), "label": link.label}

    task = {
        "text": article.text,
        "tokens": [
            {
                "text": article.text[start:end],
                "start": start,
                "end": end,
                "id": i,
                "ws": article.text[end : end + 1] == " ",
            }
            for i, (start, end) in enumerate(tokens)
        ],
        "spans": [span(mark) for mark in marks.spans],
        "relations": [relation(link) for link in marks.links],
        "meta": {"id": article.id},
        "answer": "accept",
    }
    return task if plain else {**task, EXTENSION: extension(article)}
