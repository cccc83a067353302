"""Parquet and Hugging Face `datasets`: one article a row, its parts as lists of structs.

JSON lines of articles load as they are: `load_dataset("json", data_files="news.jsonl")`, or `load_dataset("corpus/")`
for a directory with train.jsonl, dev.jsonl and test.jsonl. Types are then inferred, and a field that only some articles
have is null in the others. This Parquet file has the same columns with fixed types, so that every file fits every
other, and fields outside the article format in one column `extra`, as JSON. `from_row` makes an article of a row of
either, with its nulls.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mawaqif.article import Article, Entity, Mention, Stance
from mawaqif.data.formats.marks import Warn
from mawaqif.data.formats.records import OnError, collect, dump
from mawaqif.errors import ArticleError, InputError

__all__ = ["from_row", "read", "to_row", "write"]

_PARTS: dict[str, type[BaseModel]] = {"mentions": Mention, "entities": Entity, "stances": Stance}
_ROWS = 1000  # in a row group


def _schema() -> Any:
    import pyarrow as pa

    text, number, score = pa.string(), pa.int64(), pa.float64()
    mention = {"start": number, "end": number, "type": text, "entity": text, "score": score}
    entity = {"id": text, "type": text, "name": text, "score": score}
    stance = {
        **dict.fromkeys(("holder", "target", "stance", "voice"), text),
        "evidence": pa.list_(number),
        "score": score,
    }
    parts = {"mentions": mention, "entities": entity, "stances": stance}
    columns = dict.fromkeys(("id", "text", "title", "date", "source"), text)
    lists = {name: pa.list_(pa.struct(list(fields.items()))) for name, fields in parts.items()}
    return pa.schema(list({**columns, **lists, "extra": text}.items()))


def to_row(article: Article) -> dict[str, Any]:
    """The article as a row: every field of the format, None where absent, and all others as JSON in `extra`."""
    row: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    data = article.to_dict()
    for name, part in _PARTS.items():
        fields = part.model_fields
        given = data.pop(name)
        row[name] = [{key: item.get(key) for key in fields} for item in given]
        unknown = [{key: value for key, value in item.items() if key not in fields} for item in given]
        if any(unknown):
            extra[name] = unknown
    known = [key for key in Article.model_fields if key not in _PARTS]
    row |= {key: data.pop(key, None) for key in known}
    if data:
        extra["article"] = data
    return {**row, "extra": dump(extra) if extra else None}


def from_row(row: Mapping[str, Any], *, default_id: str | None = None) -> Article:
    """The article of a row of this file, or of a row of `datasets`. Raises ArticleError."""
    data = {key: value for key, value in row.items() if key != "extra" and value is not None}
    try:
        extra = json.loads(row["extra"]) if row.get("extra") else {}
        for name in _PARTS:
            items = [{k: v for k, v in item.items() if v is not None} for item in data.get(name, [])]
            unknown = extra.get(name, [{}] * len(items))
            data[name] = [{**item, **more} for item, more in zip(items, unknown, strict=True)]
        data |= extra.get("article", {})
    except (ValueError, TypeError, AttributeError) as error:
        reason = f"`extra` does not fit the row ({error}); was the row changed? Drop the column"
        raise ArticleError(reason, article_id=str(row.get("id"))) from None
    return Article.from_dict(data, default_id=default_id)


def read(path: str | Path, *, on_error: OnError = None, warn: Warn = lambda _: None) -> Iterator[Article]:
    """Yield the articles of a Parquet file. Rows that cannot be used go to `on_error`. Raises InputError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"cannot be read as Parquet: {error}", path=str(path)) from None
    if "text" not in file.schema_arrow.names:
        raise InputError(f"has no column `text`, only {', '.join(file.schema_arrow.names)}", path=str(path))
    rows = (row for batch in file.iter_batches(_ROWS) for row in batch.to_pylist())
    numbered = ((number, row) for number, row in enumerate(rows, 1))
    return collect(numbered, lambda row, given: from_row(row, default_id=given), path, on_error)


def write(articles: Iterable[Article], path: str | Path, *, plain: bool = False) -> int:
    """Write a Parquet file and return how many articles; `plain` leaves out the column `extra`'s content."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count = _schema(), 0
    given = iter(articles)
    with pq.ParquetWriter(path, schema) as out:
        while rows := [to_row(article) for article in islice(given, _ROWS)]:
            if plain:
                rows = [{**row, "extra": None} for row in rows]
            out.write_table(pa.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count
