"""Convert annotated articles from one format to another, telling what the new file cannot hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from mawaqif.article import Article
from mawaqif.data.formats import FORMATS, guess, lost, read, write
from mawaqif.data.formats.marks import Warn
from mawaqif.data.formats.records import OnError
from mawaqif.errors import InputError

__all__ = ["convert"]


def convert(
    source: str | Path,
    target: str | Path,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    plain: bool = False,
    on_error: OnError = None,
    warn: Warn = lambda _: None,
) -> int:
    """Write the articles of one file to another and return how many.

    Formats are those of `mawaqif.data.formats`, guessed where not given. `plain` writes the bare format, without the
    extension that makes the way back exact; `warn` is told what is lost by that, and what reading leaves out. Articles
    that cannot be used go to `on_error`. Raises InputError for a file that cannot be used, before the target is opened.
    """
    for name in filter(None, (source_format, target_format)):
        if name not in FORMATS:
            raise InputError(f"{name!r} is no format; name one of {', '.join(FORMATS)}")
    if Path(source).resolve() == Path(target).resolve():
        raise InputError("is to be read and to be written; write to another file", path=str(target))
    target_format = target_format or guess(target, existing=False)
    articles = read(source, format=source_format, on_error=on_error, warn=warn)
    first = next(articles, None)
    if first is None:
        raise InputError("holds no usable article", path=str(source))
    given: Iterable[Article] = chain([first], articles)
    missing: Counter[str] = Counter()
    count = write(
        _counted(given, target_format, missing) if plain else given, target, format=target_format, plain=plain
    )
    for what, times in missing.most_common():
        warn(f"{target}: {what} of {times} articles are lost; without --plain they are kept")
    return count


def _counted(articles: Iterable[Article], format: str, missing: Counter[str]) -> Iterator[Article]:
    for article in articles:
        missing.update(lost(article, format))
        yield article
