"""Files in: text, HTML, JSON lines, CSV, Parquet, directories and standard input as one stream of articles.

What cannot be read comes in its place as the InputError that names the file, the line and what to do; the rest goes on.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

from mawaqif.article import Article
from mawaqif.errors import InputError, not_utf8, require
from mawaqif.inference.records import Columns, Item, read_csv, read_jsonl, read_parquet
from mawaqif.jsonl import BOM

__all__ = ["STDIN", "Inputs", "read_inputs"]

STDIN = "-"
_PACKED = ("", ".gz", ".zst")
_JSONL = tuple(name + packed for name in (".jsonl", ".ndjson", ".json") for packed in _PACKED)
_CSV = tuple(name + packed for name in (".csv", ".tsv") for packed in _PACKED)
_PARQUET = (".parquet", ".pq")
_HTML = (".html", ".htm", ".xhtml")
_TEXT = (".txt", ".text")
_KNOWN = (*_JSONL, *_CSV, *_PARQUET, *_HTML, *_TEXT)
_OWN_PAGE = b'<meta name="generator" content="mawaqif">'


class Inputs:
    """The articles in files, directories (walked by name, files of known suffixes) and `-` (standard input).

    Iterating yields in a fixed order each article, or the InputError of what is none. A text or HTML file is one
    article with the file's stem as id, or its path where another file has that stem; standard input is JSON lines if
    it begins with `{`, else one text. Annotations in the input are dropped; `tagged` keeps them, and then only JSON
    lines and Parquet are read. `exclude`: resolved paths that a directory may hold and that are not read. `position`
    and `size` are bytes, on disk, of what has been read and of everything.
    """

    def __init__(
        self,
        paths: Iterable[str],
        *,
        columns: Columns | None = None,
        stdin: BinaryIO | None = None,
        exclude: Collection[Path] = (),
        tagged: bool = False,
    ) -> None:
        self.paths = list(paths)
        self._columns = replace(columns or Columns(), annotations=tagged)
        self._tagged = tagged
        self._known = (*_JSONL, *_PARQUET) if tagged else _KNOWN
        self._stdin = stdin
        self._exclude = exclude
        self._done = 0  # bytes in files that are read to their end
        self._open: BinaryIO | None = None
        self._stems: set[str] = set()

    def __iter__(self) -> Iterator[Item]:
        for path in self.paths:
            for file in self._expand(path):
                if isinstance(file, InputError):
                    yield file
                    continue
                try:
                    yield from self._read(file)
                except InputError as error:
                    error.path = error.path or file
                    yield error

    @property
    def position(self) -> int:
        inside = self._open.tell() if self._open and not self._open.closed else 0
        return self._done + inside

    @property
    def size(self) -> int:
        """0 where standard input is among the inputs: nobody knows its size."""
        sizes = [_stat(file)[0] for path in self.paths for file in self._expand(path) if isinstance(file, str)]
        return 0 if STDIN in self.paths else sum(sizes)

    def fingerprints(self) -> dict[str, str]:
        """Of each path given, a digest of its files' names, sizes and times of change: another one, another input."""
        found = {}
        for path in self.paths:
            digest = hashlib.sha256()
            for file in self._expand(path):
                digest.update(repr((file, *_stat(file)) if isinstance(file, str) else str(file)).encode())
            found[path] = digest.hexdigest()
        return found

    def _expand(self, path: str) -> Iterator[str | InputError]:
        if path == STDIN or not Path(path).is_dir():
            yield path
            return
        found = False
        for file in self._walk(path):
            found = True
            yield file
        if not found:
            kinds = ".jsonl or .parquet" if self._tagged else ".txt, .html, .jsonl, .csv or .parquet"
            wanted = "of tagged articles" if self._tagged else "to tag"
            yield InputError(f"holds no {kinds} file; name the files {wanted}", path=path)

    def _walk(self, directory: str) -> Iterator[str]:
        """Depth first, by name. Links to directories are not followed: they may lead back."""
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if self._exclude and Path(entry.path).resolve() in self._exclude:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(entry.path)
            elif entry.name.lower().endswith(self._known) and entry.is_file():
                yield entry.path

    def _read(self, path: str) -> Iterator[Item]:
        if path == STDIN:
            yield from self._read_stdin(self._stdin or sys.stdin.buffer)
            return
        name, stem = path.lower(), Path(path).name
        for suffix in (*_PACKED[1:], Path(path.removesuffix(".gz").removesuffix(".zst")).suffix):
            stem = stem.removesuffix(suffix) or stem
        suffix = Path(path).suffix
        if self._tagged and not name.endswith(self._known):
            raise InputError("is no file of tagged articles; give JSON lines (.jsonl) or Parquet", path=path)
        if not name.endswith(_KNOWN) and suffix:
            kinds = "text (.txt), HTML, JSON lines (.jsonl), CSV or Parquet"
            raise InputError(f"{suffix} files are not read; give {kinds}", path=path)
        try:
            with Path(path).open("rb") as stream:
                self._open = stream
                if name.endswith(_JSONL):
                    yield from read_jsonl(stream, path, stem, self._columns)
                elif name.endswith(_CSV):
                    yield from read_csv(stream, path, stem, self._columns)
                elif name.endswith(_PARQUET):
                    yield from read_parquet(stream, path, stem, self._columns)
                else:
                    make = _html if name.endswith(_HTML) else _text
                    article = make(stream.read(), path, Path(path).stem)
                    if article is not None:
                        yield self._with_own_id(article, path)
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror or error}); check the path", path=path) from error
        finally:
            self._open = None
            self._done += _stat(path)[0]

    def _with_own_id(self, article: Article, path: str) -> Article:
        if article.id in self._stems:
            article.id = path
        self._stems.add(article.id)
        return article

    def _read_stdin(self, stdin: BinaryIO) -> Iterator[Item]:
        stream = stdin if isinstance(stdin, BufferedReader) else _stdin(stdin.read())
        if not stream.peek(1).removeprefix(BOM).strip():  # nothing but white space as yet
            stream = _stdin(stream.read())
        if self._tagged or stream.peek(1).removeprefix(BOM).lstrip().startswith(b"{"):
            yield from read_jsonl(stream, "<stdin>", "stdin", self._columns)
        else:
            yield _text(stream.read(), "<stdin>", "stdin")


def read_inputs(
    paths: Iterable[str],
    on_error: Callable[[InputError], None] | None = None,
    stdin: BinaryIO | None = None,
    exclude: Collection[Path] = (),
) -> Iterator[Article]:
    """The articles of `Inputs`; the errors go to `on_error`, and the first is raised where that is None."""
    for item in Inputs(paths, stdin=stdin, exclude=exclude):
        if isinstance(item, Article):
            yield item
        elif on_error is None:
            raise item
        else:
            on_error(item)


def _stat(path: str) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds; zeros for what is not there."""
    try:
        found = Path(path).stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _stdin(data: bytes) -> BufferedReader:
    raw = BytesIO(data)
    raw.name = "<stdin>"
    return BufferedReader(cast(RawIOBase, raw), max(1, len(data)))


def _text(data: bytes, path: str, article_id: str) -> Article:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(not_utf8(error), path=path) from error
    if not text.strip():
        raise InputError("is empty; give a file with a text", path=path)
    return Article(id=article_id, text=text)


def _html(data: bytes, path: str, article_id: str) -> Article | None:
    """The main text of a page, with its title and date; None for a page that mawaqif itself has written.

    Extraction: trafilatura (Barbaresi 2021, https://aclanthology.org/2021.acl-demo.15), without comments and tables.
    """
    if _OWN_PAGE in data[:20_000]:
        return None
    trafilatura = require("trafilatura", "html")
    found = trafilatura.bare_extraction(data, include_comments=False, include_tables=False, with_metadata=True)
    text = (found.text or "").strip() if found else ""
    if not text:
        raise InputError("has no main text that could be found; give the text as .txt", path=path)
    facts = {"title": found.title, "date": found.date, "source": found.sitename, "url": found.url}
    return Article.from_dict({"id": article_id, "text": text, **{key: value for key, value in facts.items() if value}})
