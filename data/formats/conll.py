"""CoNLL: one word a line with its IOB2 tag in the last column, a blank line after each sentence (`conll`).

    -DOCSTART-	O

    # mawaqif = {"id": "n1", "text": "…", …}
    رفض	O
    حزب	B-ORG
    النخيل	I-ORG

`conll-columns` writes word, start and end (code points), entity id or _, and tag. Columns are parted by tabs, so that
the words # and _ are safe. The format has no stances and no text: both are in the comment `# mawaqif`, which holds the
whole article. A mention that cuts a word, overlaps another or runs over a sentence end has no tag: it is in the comment
only.

Read is any file with a column of IOB1, IOB2, IOBES or BILOU tags (the last one of several), parted by tabs or spaces
 (CoNLL-2003 with its four columns, ANERcorp, …). Without the comment the words of a sentence are joined by single
spaces and the sentences by line ends. Without any `-DOCSTART-` a file is one article.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mawaqif.article import Article, Mention
from mawaqif.data.formats.marks import Marks, Span, Warn, to_article
from mawaqif.data.formats.records import OnError, collect, open_text, read_text
from mawaqif.errors import ArticleError, InputError
from mawaqif.text import sentences, words

__all__ = ["read", "write"]

_DOCSTART = "-DOCSTART-"
_ARTICLE = "# mawaqif = "
_COMMENT = re.compile(r"# (?:[^\t]* = [^\t]*|new(?:doc|par))")
_TAG = re.compile(r"O|[BIELSU]-\S+")
_LABEL = re.compile(r"\S+")


class _Word(NamedTuple):
    line: int
    surface: str
    tag: str


class _Document(NamedTuple):
    """The sentences of one document, its comment, and the line where it begins."""

    line: int
    article: str | None
    sentences: list[list[_Word]]


def read(path: str | Path, *, on_error: OnError = None, warn: Warn = lambda _: None) -> Iterator[Article]:
    """Yield the articles of a CoNLL file. Documents that cannot be used go to `on_error`. Raises InputError."""
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    column = _tag_column(lines)
    if column is None:
        raise InputError("has no column of IOB tags (O, B-TYPE, I-TYPE)", path=str(path))
    documents = list(_documents(lines, column, str(path)))
    return collect(((d.line, d) for d in documents), lambda d, given: _article(d, given, warn), path, on_error)


def _columns(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split()


def _is_comment(line: str) -> bool:
    return line.startswith(_ARTICLE) or bool(_COMMENT.fullmatch(line))


def _tag_column(lines: list[str]) -> int | None:
    """The column, counted from the end, with tags on most lines; the last of several."""
    rows = [columns for line in lines if line.strip() and not _is_comment(line) for columns in [_columns(line)]]
    rows = [columns for columns in rows if columns[0] != _DOCSTART]
    width = max(map(len, rows), default=0)
    counts = {-i: sum(len(row) > i - 1 and bool(_TAG.fullmatch(row[-i])) for row in rows) for i in range(1, width)}
    best = max(counts, key=lambda column: counts[column], default=None)
    return best if best is not None and counts[best] > len(rows) / 2 else None


def _documents(lines: list[str], column: int, path: str) -> Iterator[_Document]:
    current = _Document(1, None, [[]])
    for number, line in enumerate(lines, 1):
        if line.startswith(_ARTICLE):
            current = current._replace(article=line.removeprefix(_ARTICLE))
        elif not line.strip():
            if current.sentences[-1]:
                current.sentences.append([])
        elif not _is_comment(line):
            columns = _columns(line)
            if columns[0] == _DOCSTART:
                if current.sentences[0] or current.article:
                    yield current
                current = _Document(number, None, [[]])
            else:
                tag = columns[column] if len(columns) > 1 and len(columns) >= -column else ""
                current.sentences[-1].append(_Word(number, columns[0], tag))
    if current.sentences[0] or current.article:
        yield current


def _article(document: _Document, default_id: str, warn: Warn) -> Article:
    rows = [sentence for sentence in document.sentences if sentence]
    for word in (word for row in rows for word in row if not _TAG.fullmatch(word.tag)):
        raise _at(word, ArticleError(f"the tag of {word.surface!r} is {word.tag!r}, none of O, B-TYPE, I-TYPE"))
    base = Article.from_json(document.article) if document.article else None
    if base is not None:
        text, article_id = base.text, base.id
        places = _located(rows, base)
    else:
        text, article_id = "\n".join(" ".join(word.surface for word in row) for row in rows), default_id
        places = _joined(rows)
    found = Marks([span for row, spans in zip(rows, places, strict=True) for span in _spans(row, spans)])
    return to_article(text, found, id=article_id, base=base, written=_written(base) if base else None, warn=warn)


def _joined(rows: list[list[_Word]]) -> list[list[tuple[int, int]]]:
    places, offset = [], 0
    for row in rows:
        spans = []
        for word in row:
            spans.append((offset, offset + len(word.surface)))
            offset += len(word.surface) + 1
        places.append(spans)
    return places


def _located(rows: list[list[_Word]], article: Article) -> list[list[tuple[int, int]]]:
    """Where the words stand in the text of the comment."""
    places, offset = [], 0
    for row in rows:
        spans = []
        for word in row:
            start = article.text.find(word.surface, offset)
            if start < 0:
                reason = f"the word {word.surface!r} does not come in the text of the comment at its place; restore it"
                raise _at(word, ArticleError(reason, article_id=article.id))
            offset = start + len(word.surface)
            spans.append((start, offset))
        places.append(spans)
    return places


def _at(word: _Word, error: ArticleError) -> ArticleError:
    error.line = word.line
    return error


def _spans(row: list[_Word], places: list[tuple[int, int]]) -> Iterator[Span]:
    """The tagged spans of one sentence; an I- or E- that continues nothing begins a span, as in IOB1."""
    opened: Span | None = None
    for word, (start, end) in zip(row, places, strict=True):
        prefix, _, label = word.tag.partition("-")
        if opened and prefix in ("I", "E", "L") and label == opened.label:
            opened = opened._replace(end=end)
        else:
            if opened:
                yield opened
            opened = None if word.tag == "O" else Span(start, end, label)
        if opened and prefix in ("E", "L", "S", "U"):
            yield opened
            opened = None
    if opened:
        yield opened


def _tagged(article: Article) -> list[list[tuple[tuple[int, int], Mention | None, str]]]:
    """For each sentence its words with the mention that covers them and its tag; longer mentions win over shorter."""
    rows: list[list[tuple[int, int]]] = []
    all_words = iter(words(article.text))
    for _, sentence_end in sentences(article.text):
        rows.append([])
        for place in all_words:
            rows[-1].append(place)
            if place[1] >= sentence_end:
                break
    row_of = {place: i for i, row in enumerate(rows) for place in row}
    first = {start: i for (start, _), i in row_of.items()}
    last = {end: i for (_, end), i in row_of.items()}
    taken: dict[int, Mention] = {}
    for mention in sorted(article.mentions, key=lambda m: (m.start - m.end, m.start)):
        row = first.get(mention.start)
        whole = row is not None and row == last.get(mention.end)
        covered = range(mention.start, mention.end)
        if whole and _LABEL.fullmatch(mention.type) and not any(place in taken for place in covered):
            taken |= dict.fromkeys(covered, mention)
    return [[(place, taken.get(place[0]), _tag(place[0], taken.get(place[0]))) for place in row] for row in rows]


def _tag(start: int, mention: Mention | None) -> str:
    return "O" if mention is None else f"{'B' if mention.start == start else 'I'}-{mention.type}"


def _written(article: Article) -> Marks:
    """The mentions that have tags."""
    mentions = (m for row in _tagged(article) for place, m, _ in row if m is not None and m.start == place[0])
    return Marks([Span(mention.start, mention.end, mention.type) for mention in mentions])


def _entity(mention: Mention | None) -> str:
    return "_" if mention is None or mention.entity is None else re.sub(r"\s", "_", mention.entity)


def write(articles: Iterable[Article], path: str | Path, *, plain: bool = False, columns: bool = False) -> int:
    """Write one CoNLL file and return how many articles; `plain` leaves out the comment, `columns` adds columns."""
    count = 0
    with open_text(path) as out:
        for article in articles:
            count += 1
            out.write("\t".join([_DOCSTART, *(["_"] * 3 if columns else []), "O"]) + "\n\n")
            if not plain:
                out.write(f"{_ARTICLE}{article.to_json()}\n")
            for row in _tagged(article):
                for (start, end), mention, tag in row:
                    middle = [str(start), str(end), _entity(mention)] if columns else []
                    out.write("\t".join([article.text[start:end], *middle, tag]) + "\n")
                out.write("\n")
    return count
