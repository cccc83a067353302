"""Files in: text files, JSON lines, directories and standard input as a stream of articles, bad records reported.

Each kind of error names the file (and line) and what to do; with `on_error` the rest of the input goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.jsonl import read_articles

STDIN = "-"
_JSONL = (".jsonl", ".jsonl.gz", ".ndjson", ".json")
_TEXT = (".txt", ".text", "")


def read_inputs(
    paths: Iterable[str], on_error: Callable[[InputError], None] | None = None, stdin: BinaryIO | None = None
) -> Iterator[Article]:
    """The articles in files, directories (their .txt and JSON lines files, by name) and `-` (standard input).

    A text file is one article with the file's stem as id; standard input is JSON lines if it begins with `{`, else one
    text. Annotations in the input are dropped. What cannot be read makes an InputError, which goes to `on_error` or is
    raised where that is None.
    """
    for path in chain.from_iterable(_expand(path, on_error) for path in paths):
        try:
            yield from _read(path, on_error, stdin)
        except InputError as error:
            if on_error is None:
                raise
            on_error(error)


def _expand(path: str, on_error: Callable[[InputError], None] | None) -> Iterator[str]:
    if path == STDIN or not Path(path).is_dir():
        yield path
        return
    found = sorted(p for p in Path(path).rglob("*") if p.is_file() and p.name.endswith((*_JSONL, ".txt")))
    if not found:
        error = InputError("holds no .txt or .jsonl file; name the files to tag", path=path)
        if on_error is None:
            raise error
        on_error(error)
    yield from map(str, found)


def _read(path: str, on_error: Callable[[InputError], None] | None, stdin: BinaryIO | None) -> Iterator[Article]:
    if path == STDIN:
        data = (stdin or sys.stdin.buffer).read()
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            stream = BytesIO(data)
            stream.name = "<stdin>"  # type: ignore[misc]
            yield from read_articles(stream, on_error=on_error, text_only=True)
        else:
            yield _text(data, "<stdin>", "stdin")
    elif path.endswith(_JSONL):
        yield from read_articles(path, on_error=on_error, text_only=True)
    elif Path(path).suffix.lower() in _TEXT:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror}); check the path", path=path) from error
        yield _text(data, path, Path(path).stem)
    else:
        raise InputError(f"{Path(path).suffix} files are not read; give text (.txt) or JSON lines (.jsonl)", path=path)


def _text(data: bytes, path: str, article_id: str) -> Article:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {error.start} (0x{error.object[error.start]:02x}) is not UTF-8; convert the file to UTF-8", path=path
        ) from error
    if not text.strip():
        raise InputError("is empty; give a file with a text", path=path)
    return Article(id=article_id, text=text)
