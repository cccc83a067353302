"""Files of records: how every reader reports what it cannot use and goes on, and how JSON is parsed and written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from mawaqif.article import Article
from mawaqif.errors import ArticleError, InputError, not_utf8
from mawaqif.jsonl import BOM, GZIP, read_lines

__all__ = ["OnError", "collect", "dump", "open_text", "read_text", "records"]

OnError = Callable[[InputError], None] | None
Record = tuple[int | None, Any]


def collect(
    given: Iterable[tuple[int | None, Any]],
    convert: Callable[[Any, str], Article | None],
    path: str | Path,
    on_error: OnError,
) -> Iterator[Article]:
    """Convert numbered records to articles; `convert` takes a record and the id of one that has none, or gives None.

    What it raises about a record gets the path and line and goes to `on_error`, or is raised where that is None. So
    does an article without text, or whose id came before.
    """
    seen: set[str] = set()
    stem = Path(str(path).removesuffix(".gz")).stem
    for count, (line, record) in enumerate(given, 1):
        try:
            if isinstance(record, InputError):
                raise record
            article = convert(record, f"{stem}:{line or count}")
            if article is None:
                continue
            if not article.text.strip():
                raise ArticleError("is empty; leave it out or give it a text", article_id=article.id, field="text")
            if article.id in seen:
                raise ArticleError("came before in this file; give every article its own id", article_id=article.id)
        except InputError as error:
            error.path, error.line = error.path or str(path), error.line or line
            if on_error is None:
                raise
            on_error(error)
        else:
            seen.add(article.id)
            yield article


def records(path: str | Path) -> Iterator[Record]:
    """The JSON values of a file of JSON lines (plain or gzip) with their line numbers; an InputError for a bad one."""
    empty = True
    for number, line in read_lines(path, str(path)):
        empty = False
        try:
            yield number, json.loads(line.decode())
        except UnicodeDecodeError as error:
            yield number, InputError(not_utf8(error))
        except (ValueError, RecursionError) as error:
            yield number, InputError(f"is not JSON: {error}; write one JSON value a line")
    if empty:
        raise InputError("is empty; it must hold one JSON value a line", path=str(path))


def read_text(path: str | Path, *, bom: bool = False) -> str:
    """The text of a file (plain or gzip) with its line ends, and with a byte order mark if `bom`. Raises InputError."""
    try:
        content = Path(path).read_bytes()
        if content[:2] == GZIP:
            content = gzip.decompress(content)
        return (content if bom else content.removeprefix(BOM)).decode()
    except UnicodeDecodeError as error:
        raise InputError(not_utf8(error), path=str(path)) from None
    except (OSError, EOFError) as error:
        raise InputError(f"cannot be read: {error}", path=str(path)) from error


def dump(value: Any) -> str:
    """JSON on one line, Arabic unescaped."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def open_text(path: str | Path) -> TextIO:
    """Open a file for writing as UTF-8 with its line ends as given, compressed where its name ends in .gz."""
    opener = gzip.open if str(path).endswith(".gz") else open
    return cast(TextIO, opener(path, "wt", encoding="utf-8", newline=""))
