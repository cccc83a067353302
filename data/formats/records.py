"""Files of records: how every reader reports what it cannot use and goes on, and how JSON is parsed and written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TextIO, cast

from mawaqif.article import Article
from mawaqif.errors import ArticleError, InputError, not_utf8
from mawaqif.jsonl import BOM, GZIP, read_lines
from mawaqif.jsonl import collect as collect_articles

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
    stem = Path(str(path).removesuffix(".gz")).stem
    numbers = count(1)

    def checked(record: Any, line: int | None) -> Article | None:
        number = next(numbers)
        if isinstance(record, InputError):
            raise record
        article = convert(record, f"{stem}:{line or number}")
        if article is not None and not article.text.strip():
            raise ArticleError("is empty; leave it out or give it a text", article_id=article.id, field="text")
        return article

    return collect_articles(given, checked, str(path), on_error)


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
