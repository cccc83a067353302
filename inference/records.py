"""Records in: the lines of JSON lines, the rows of CSV and Parquet, each an article or the InputError that says why.

All three are streamed: no more of a file is in memory than a line, a row or one batch of rows. Annotations in the
input are dropped unless they are asked for, other fields and columns are kept as the article's extra fields.
"""

from __future__ import annotations

import csv
import math
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, BinaryIO

from mawaqif.article import Article, parse_object
from mawaqif.errors import ArticleError, InputError
from mawaqif.jsonl import ANNOTATIONS, BOM, open_plain, read_lines

__all__ = ["Columns", "Item", "read_csv", "read_jsonl", "read_parquet"]

Item = Article | InputError
_ROWS = 64  # of Parquet decoded at a time
_DELIMITERS = (",", ";", "\t", "|")
_PANDAS_INDEX = "__index_level_"


@dataclass(frozen=True)
class Columns:
    """The fields or columns that hold an article's text and its id, and whether the annotations are read too."""

    text: str = "text"
    id: str = "id"
    annotations: bool = False


def read_jsonl(stream: BinaryIO, name: str, stem: str, columns: Columns) -> Iterator[Item]:
    """The articles of an open JSON lines file (plain, gzip, zstd). Ids may come twice; without one: `<stem>:<line>`.

    Raises InputError where the rest of the file cannot be read, or it holds no line.
    """
    empty = True
    for number, line in read_lines(stream, name):
        empty = False
        try:
            yield _article(parse_object(line), f"{stem}:{number}", columns)
        except InputError as error:
            raw = line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
            yield _placed(error, name, number, raw)
    if empty:
        raise InputError("is empty; it must hold one JSON object a line", path=name)


def read_csv(stream: BinaryIO, name: str, stem: str, columns: Columns) -> Iterator[Item]:
    """The articles of an open CSV file (UTF-8; plain, gzip, zstd) whose first row names the columns.

    The delimiter is the first of , ; tab | that gives a column of the text's name. Empty cells are left out. A row's
    line is the one on which it starts. Raises InputError as `read_jsonl` does.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the module's own 128 KiB are less than a long article
    lines = _csv_lines(stream, name)
    first = next(lines, "")
    header, delimiter = _header(first, name, columns)
    # Rows are read with the header in front, so that its line counts.
    rows = csv.reader(_chain(first, lines), delimiter=delimiter)
    next(rows)
    empty = True
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            yield InputError(f"is no CSV row: {error}", path=name, line=number)
            continue
        if not row:
            continue
        empty = False
        record = dict(zip(header, row, strict=False))
        try:
            if len(row) != len(header):
                raise InputError(
                    f"has {len(row)} cells, the header {len(header)}; quote cells with {delimiter!r} in them"
                )
            if not _is_utf8(row):
                raise InputError("is not UTF-8; convert the file to UTF-8")
            yield _article({key: value for key, value in record.items() if value}, f"{stem}:{number}", columns)
        except InputError as error:
            shown = {_shown(key): _shown(value) for key, value in record.items()}
            yield _placed(error, name, number, shown)
    if empty:
        raise InputError("holds no row below its header", path=name)


def _header(line: str, name: str, columns: Columns) -> tuple[list[str], str]:
    header: list[str] = []
    for delimiter in _DELIMITERS:
        header = next(csv.reader([line], delimiter=delimiter), [])
        if columns.text in header:
            if len(set(header)) < len(header):
                raise InputError("names a column twice in its first row; rename one", path=name)
            return header, delimiter
    first = next(csv.reader([line]), [])
    raise InputError(_no_column(columns, [_shown(cell) for cell in first]), path=name)


def _no_column(columns: Columns, given: list[str]) -> str:
    shown = ", ".join(given[:20]) or "none"
    return f"has no column {columns.text!r}, but {shown}; name the one with the text by --text-column"


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _csv_lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """Bytes that are not UTF-8 come as surrogates, so that only their row is refused and not the rest of the file."""
    number = 0
    try:
        with open_plain(stream) as plain:
            for number, line in enumerate(plain, 1):
                content = line.removeprefix(BOM) if number == 1 else line
                yield content.decode("utf-8", "surrogateescape")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read after line {number}: {error}", path=name) from error


def _is_utf8(row: list[str]) -> bool:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_parquet(stream: BinaryIO, name: str, stem: str, columns: Columns) -> Iterator[Item]:
    """The articles of an open Parquet file; an error's line is the row, counted from 1.

    Dates become ISO text, NaN counts as absent, the index that pandas stores is dropped. Raises InputError as
    `read_jsonl` does.
    """
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        # Buffered, or a row group's columns would be in memory at once, however large.
        table = parquet.ParquetFile(stream, buffer_size=1 << 20, pre_buffer=False)
        names = [column for column in table.schema_arrow.names if not column.startswith(_PANDAS_INDEX)]
        if columns.text not in names:
            raise InputError(_no_column(columns, names), path=name)
        dropped = () if columns.annotations else ANNOTATIONS
        for batch in table.iter_batches(batch_size=_ROWS, columns=[n for n in names if n not in dropped]):
            for row in batch.to_pylist():
                number += 1
                record = {key: plain for key, value in row.items() if (plain := _plain(value)) is not None}
                try:
                    yield _article(record, f"{stem}:{number}", columns)
                except InputError as error:
                    yield _placed(error, name, number, record)
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"cannot be read after row {number}: {error}", path=name) from error
    if not number:
        raise InputError("holds no row", path=name)


def _plain(value: Any) -> Any:
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value


def _article(record: Mapping[str, Any], default_id: str, columns: Columns) -> Article:
    """Raises ArticleError for a record that is no article or has no text."""
    data = {key: value for key, value in record.items() if columns.annotations or key not in ANNOTATIONS}
    for field, column in (("text", columns.text), ("id", columns.id)):
        if column != field and column in data:
            if field in data:  # another column has the field's name: kept, under a name of its own
                data[f"{field}_column"] = data.pop(field)
            data[field] = data[column] if field == "id" else data.pop(column)
    article = Article.from_dict(data, default_id=default_id)
    if not article.text.strip():
        raise ArticleError("is empty; leave the article out or give it a text", article_id=article.id, field="text")
    return article


def _placed(error: InputError, name: str, number: int, record: Any) -> InputError:
    error.path, error.line, error.record = name, number, record
    return error
