"""Annotated articles in the formats of other tools, read and written with exact offsets.

    from mawaqif.data.formats import read, write
    write(read("news.jsonl"), "news.conll")              # formats are guessed from the name, on reading also by content
    write(articles, "to_doccano.jsonl", format="doccano")

What a format has no place for travels in an extension that its tool leaves alone (see `marks`), so that a file which
went there and back is the same; `plain` leaves the extension out, and `lost` says what is then lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from mawaqif.article import Article
from mawaqif.data.formats import brat, conll, doccano, label_studio, parquet, prodigy
from mawaqif.data.formats.marks import Marks, Warn, lost_without_extension, marks_of
from mawaqif.data.formats.records import OnError
from mawaqif.errors import InputError
from mawaqif.jsonl import read_articles, read_lines, write_articles

__all__ = ["FORMATS", "Format", "guess", "lost", "read", "write"]


def _read_jsonl(path: str | Path, *, on_error: OnError = None, warn: Warn = lambda _: None) -> Iterator[Article]:
    return read_articles(path, on_error=on_error)


def _write_jsonl(articles: Iterable[Article], path: str | Path, *, plain: bool = False) -> int:
    return write_articles(articles, path)


class Format(NamedTuple):
    """How files of one format are read and written, and which marks they hold without the extension (None: all)."""

    read: Callable[..., Iterator[Article]]
    write: Callable[..., int]
    marks: Callable[[Article], Marks] | None


FORMATS = {
    "jsonl": Format(_read_jsonl, _write_jsonl, None),
    "conll": Format(conll.read, conll.write, partial(marks_of, links=False)),
    "conll-columns": Format(conll.read, partial(conll.write, columns=True), partial(marks_of, links=False)),
    "brat": Format(brat.read, brat.write, partial(marks_of, details=True, same=True)),
    "doccano": Format(doccano.read, doccano.write, marks_of),
    "label-studio": Format(label_studio.read, label_studio.write, marks_of),
    "prodigy": Format(prodigy.read, prodigy.write, marks_of),
    "parquet": Format(parquet.read, parquet.write, None),
}
"""The formats by name. Each is read from and written to one file, brat to a directory; `prodigy` is also spaCy's."""

_ENDINGS = {
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".conll", ".iob", ".iob2", ".bio", ".tsv"), "conll"),
    **dict.fromkeys((".ann",), "brat"),
    ".json": "label-studio",
    ".parquet": "parquet",
}


def guess(path: str | Path, *, existing: bool) -> str:
    """The name of the format of a file: by its name, and for an existing one by its content.

    `news.doccano.jsonl` and `news.prodigy.jsonl` say which JSON lines are meant. Raises InputError where it is unclear.
    """
    path = Path(path)
    name = path.name.removesuffix(".gz")
    if existing and not path.exists():
        raise InputError("there is no such file; check the path", path=str(path))
    said = Path(Path(name).stem).suffix.removeprefix(".")
    if said in FORMATS:
        return said
    if path.is_dir() or (not existing and not Path(name).suffix):
        return "brat"
    found = _ENDINGS.get(Path(name).suffix.lower())
    if existing and found in ("jsonl", None):
        found = _by_content(path) or found
    if found is None:
        known = ", ".join(FORMATS)
        raise InputError(
            f"is of no format that its name tells; name one of {known} with --from or --to", path=str(path)
        )
    return found


def _by_content(path: Path) -> str | None:
    """JSON lines by the keys of the first record, a text with a .ann beside it as brat, other text as CoNLL."""
    if path.suffix == ".txt" and path.with_suffix(".ann").exists():
        return "brat"
    try:
        ((_, line),) = islice(read_lines(path, str(path)), 1)
        record: Any = json.loads(line)
    except ValueError:
        return "conll" if path.suffix in (".txt", "") else None
    if isinstance(record, list):
        return "prodigy" if len(record) == 2 and isinstance(record[0], str) else "label-studio"
    keys = {
        "prodigy": {"spans", "tokens"},
        "jsonl": {"mentions"},
        "doccano": {"relations", "label", "labels", "Comments"},
        "label-studio": {"data"},
    }
    return next((name for name, own in keys.items() if isinstance(record, dict) and record.keys() & own), "jsonl")


def read(
    path: str | Path, *, format: str | None = None, on_error: OnError = None, warn: Warn = lambda _: None
) -> Iterator[Article]:
    """Yield the articles of a file, or of a directory in the case of brat; without `format` it is guessed.

    An article that cannot be used makes an InputError, which goes to `on_error` or is raised where that is None; `warn`
    gets told of what is left out. A file that cannot be used at all raises InputError in any case.
    """
    return FORMATS[format or guess(path, existing=True)].read(path, on_error=on_error, warn=warn)


def write(articles: Iterable[Article], path: str | Path, *, format: str | None = None, plain: bool = False) -> int:
    """Write articles and return how many; without `format` the name of the file tells it. Raises InputError."""
    return FORMATS[format or guess(path, existing=False)].write(articles, path, plain=plain)


def lost(article: Article, format: str) -> list[str]:
    """What of an article a `plain` file of this format does not hold, in words."""
    marks = FORMATS[format].marks
    return lost_without_extension(article, marks(article)) if marks else []
