"""Files in: text files, JSON lines, directories and standard input as a stream of articles, bad records reported.

Each kind of error names the file (and line) and what to do; with `on_error` the rest of the input goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from mawaqif.article import Article
from mawaqif.errors import InputError, not_utf8
from mawaqif.jsonl import BOM, read_articles

STDIN = "-"
_JSONL = (".jsonl", ".jsonl.gz", ".ndjson", ".json")
_TEXT = (".txt", ".text", "")


def read_inputs(
    paths: Iterable[str],
    on_error: Callable[[InputError], None] | None = None,
    stdin: BinaryIO | None = None,
    exclude: Collection[Path] = (),
) -> Iterator[Article]:
    """The articles in files, directories (their .txt and JSON lines files, by name) and `-` (standard input).

    A text file is one article with the file's stem as id, or its path where another file has that stem; standard input
    is JSON lines if it begins with `{`, else one text. Annotations in the input are dropped. `exclude`: resolved paths
    that a directory may hold and that are not read. What cannot be read makes an InputError, which goes to `on_error`
    or is raised where that is None.
    """
    stems: set[str] = set()

    def read(path: str) -> Iterator[Article]:
        try:
            if path == STDIN:
                yield from _read_stdin(stdin or sys.stdin.buffer, on_error)
            elif path.lower().endswith(_JSONL):
                yield from read_articles(path, on_error=on_error, text_only=True)
            else:
                article = _read_text(path)
                if article.id in stems:
                    article.id = path
                stems.add(article.id)
                yield article
        except InputError as error:
            error.path = error.path or path
            if on_error is None:
                raise
            on_error(error)

    for path in paths:
        for file in _expand(path, on_error, exclude):
            yield from read(file)


def _expand(path: str, on_error: Callable[[InputError], None] | None, exclude: Collection[Path]) -> Iterator[str]:
    if path == STDIN or not Path(path).is_dir():
        yield path
        return
    found = sorted(
        file
        for file in Path(path).rglob("*")
        if file.name.lower().endswith((*_JSONL, ".txt")) and file.is_file() and file.resolve() not in exclude
    )
    if not found:
        error = InputError("holds no .txt or .jsonl file; name the files to tag", path=path)
        if on_error is None:
            raise error
        on_error(error)
    yield from map(str, found)


def _read_stdin(stdin: BinaryIO, on_error: Callable[[InputError], None] | None) -> Iterator[Article]:
    stream = stdin if isinstance(stdin, BufferedReader) else _stdin(stdin.read())
    if not stream.peek(1).removeprefix(BOM).strip():  # nothing but white space as yet
        stream = _stdin(stream.read())
    if stream.peek(1).removeprefix(BOM).lstrip().startswith(b"{"):
        yield from read_articles(stream, on_error=on_error, text_only=True)
    else:
        yield _text(stream.read(), "<stdin>", "stdin")


def _stdin(data: bytes) -> BufferedReader:
    raw = BytesIO(data)
    raw.name = "<stdin>"
    return BufferedReader(cast(RawIOBase, raw), max(1, len(data)))


def _read_text(path: str) -> Article:
    if Path(path).suffix.lower() not in _TEXT:
        raise InputError(f"{Path(path).suffix} files are not read; give text (.txt) or JSON lines (.jsonl)", path=path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); check the path", path=path) from error
    return _text(data, path, Path(path).stem)


def _text(data: bytes, path: str, article_id: str) -> Article:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(not_utf8(error), path=path) from error
    if not text.strip():
        raise InputError("is empty; give a file with a text", path=path)
    return Article(id=article_id, text=text)
