"""Articles in JSON lines, the project's own file format: one article a line, plain, gzip or (to read) zstd. A bad line
is reported with file and line number, and the lines after it are read all the same.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, TextIO, TypeVar, cast

from mawaqif.article import Article, parse_object
from mawaqif.errors import ArticleError, InputError

T = TypeVar("T")

__all__ = ["open_plain", "read_articles", "read_lines", "write_articles"]

BOM = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ANNOTATIONS = ("mentions", "entities", "stances")


def read_articles(
    path: str | Path | BinaryIO,
    *,
    on_error: Callable[[InputError], None] | None = None,
    text_only: bool = False,
) -> Iterator[Article]:
    """Yield the articles of a JSON lines file (plain or gzip) or of an open binary stream, which is not closed.

    A line that is no usable article (not UTF-8, not a JSON object, no text, an id that came before, broken offsets)
    makes an InputError with path and line, which goes to `on_error`, or is raised where that is None. A file that
    cannot be read at all, or holds no line, raises InputError in any case. A record without id is called
    `<file stem>:<line>`. `text_only` drops the mentions, entities and stances given, unread.
    """
    if isinstance(path, str | Path):
        name, stem = str(path), Path(str(path).removesuffix(".gz")).stem
        if not Path(path).exists():
            raise InputError("there is no such file; check the path", path=name)
        if Path(path).is_dir():
            raise InputError("is a directory, not a file; name the JSON lines file in it", path=name)
    else:
        name = str(getattr(path, "name", "<stream>"))
        stem = Path(name.strip("<>").removesuffix(".gz")).stem
    return _read(path, name, stem, on_error, text_only)


def _read(
    path: str | Path | BinaryIO,
    name: str,
    stem: str,
    on_error: Callable[[InputError], None] | None,
    text_only: bool,
) -> Iterator[Article]:
    empty = True

    def lines() -> Iterator[tuple[int, bytes]]:
        nonlocal empty
        for number, line in read_lines(path, name):
            empty = False
            yield number, line

    def convert(line: bytes, number: int | None) -> Article:
        return _article(line, f"{stem}:{number}", text_only)

    yield from collect(lines(), convert, name, on_error)
    if empty:
        raise InputError("is empty; it must hold one JSON object a line", path=name)


def collect(
    given: Iterable[tuple[int | None, T]],
    convert: Callable[[T, int | None], Article | None],
    name: str,
    on_error: Callable[[InputError], None] | None,
) -> Iterator[Article]:
    """The articles that `convert` makes of numbered records (and their numbers), without those for which it gives None.

    What it raises about a record, and an id that came before, gets the file's name and the number as its line, and goes
    to `on_error`, or is raised where that is None.
    """
    seen: set[str] = set()
    for number, record in given:
        try:
            article = convert(record, number)
            if article is None:
                continue
            if article.id in seen:
                raise ArticleError("came before in this file; give every article its own id", article_id=article.id)
        except InputError as error:
            error.path, error.line = error.path or name, error.line or number
            if on_error is None:
                raise
            on_error(error)
        else:
            seen.add(article.id)
            yield article


def read_lines(path: str | Path | BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file (plain, gzip or zstd) or stream that are not blank, with their numbers from 1.

    Only a newline ends a line, no other separator of Unicode. Raises InputError, which calls the file `name`.
    """
    number = 0
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(path).open("rb")) if isinstance(path, str | Path) else path
            for number, line in enumerate(stack.enter_context(open_plain(stream)), 1):
                content = line.removeprefix(BOM)
                if content.strip():
                    yield number, content
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"cannot be read after line {number}: {error}", path=name) from error


@contextmanager
def open_plain(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The bytes of an open file, decompressed where they are gzip or zstd.

    Only a BufferedReader is looked into: peeking leaves the bytes in place, and the file may be a pipe, which opens
    only once.
    """
    start = stream.peek(4)[:4] if isinstance(stream, BufferedReader) else b""
    if start.startswith(GZIP):
        with gzip.open(stream) as plain:
            yield cast(BinaryIO, plain)
    elif start == ZSTD:
        import pyarrow  # only here: starting up must stay quick

        with pyarrow.CompressedInputStream(stream, "zstd") as raw, BufferedReader(raw) as plain:
            yield plain
    else:
        yield stream


def _article(line: bytes, default_id: str, text_only: bool) -> Article:
    data = parse_object(line)
    if text_only:
        data = {key: value for key, value in data.items() if key not in ANNOTATIONS}
    article = Article.from_dict(data, default_id=default_id)
    if not article.text.strip():
        raise ArticleError("is empty; leave the article out or give it a text", article_id=article.id, field="text")
    return article


def write_articles(articles: Iterable[Article], path: str | Path | TextIO) -> int:
    """Write one article a line and return how many; a path that ends in `.gz` is compressed, a stream stays open."""
    count = 0
    with ExitStack() as stack:
        if isinstance(path, str | Path):
            opener = gzip.open if str(path).endswith(".gz") else open
            out = cast(TextIO, stack.enter_context(opener(path, "wt", encoding="utf-8", newline="\n")))
        else:
            out = path
        for article in articles:
            out.write(article.to_json() + "\n")
            count += 1
    return count
