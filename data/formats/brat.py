"""brat standoff: a directory with NAME.txt, the text, and NAME.ann, what is marked in it (https://brat.nlplab.org/standoff.html).

    T1	ORG 0 9	حزب النخيل
    *	Equiv T1 T7                                   mentions of one entity
    R1	against Arg1:T1 Arg2:T2                       a stance, from its holder to its target
    #1	AnnotatorNotes R1	{"voice": "speech", "evidence": [0, 31]}

Offsets are code points, line ends as they are in the file. A mention that runs over a line end is written as fragments
(`0 4;5 9`), which is what brat does, and fragments with nothing but white space between them are read as one span. A
truly discontinuous span is refused: an article has none. Events, normalisations and attributes are left out with a
warning. What brat cannot hold (ids and names of entities, scores, stances of an AUTHOR, other fields) is in
NAME.mawaqif.json, which brat ignores. `write` adds the annotation.conf that brat needs to show the files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from mawaqif.article import Article, parse_object
from mawaqif.data.formats.marks import COREFERENCE, Link, Marks, Span, Warn, extended, extension, marks_of, to_article
from mawaqif.data.formats.records import OnError, collect, dump, read_text
from mawaqif.errors import ArticleError, InputError

__all__ = ["read", "write"]

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_NOTES = re.compile(r"#\S*\tAnnotatorNotes (R\S+)\t(\{.*\})")
_LINE_ENDS = re.compile(r"[\n\r]+")
_ENTITY_RELATION = "Arg1:<ENTITY>, Arg2:<ENTITY>"


def read(path: str | Path, *, on_error: OnError = None, warn: Warn = lambda _: None) -> Iterator[Article]:
    """Yield the articles of a directory of brat files, or of one .ann or .txt file and its partner, in order of name.

    A pair that cannot be used goes to `on_error`. Raises InputError where there is no .txt file at all.
    """
    path = Path(path)
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path.with_suffix(".txt")]
    if not files or not files[0].exists():
        raise InputError("holds no .txt file; name a directory of brat's .txt and .ann files", path=str(path))
    return collect(((None, file) for file in files), lambda file, _: _named(file, warn), path, on_error)


def _named(file: Path, warn: Warn) -> Article:
    try:
        return _article(file, warn)
    except InputError as error:
        error.path = error.path or str(file)
        raise


def _article(file: Path, warn: Warn) -> Article:
    annotations, side = file.with_suffix(".ann"), file.with_name(f"{file.stem}.mawaqif.json")
    text = read_text(file, bom=True)  # brat counts a byte order mark
    base = extended(parse_object(read_text(side)), text) if side.exists() else None
    found = Marks()
    if annotations.exists():
        lines = read_text(annotations).split("\n")
        found = _Reader(annotations, text, warn).marks(lines)
    else:
        warn(f"{file}: has no {annotations.name}: nothing is marked in it")
    written = marks_of(base, details=True, same=True) if base else None
    return to_article(text, found, id=unquote(file.stem), base=base, written=written, warn=warn)


class _Reader:
    """Reads the lines of one .ann file."""

    def __init__(self, path: Path, text: str, warn: Warn) -> None:
        self.path, self.text, self.warn = path, text, warn
        self.spans: dict[str, Span] = {}
        self.relations: list[tuple[str, str, str, str]] = []
        self.notes: dict[str, dict[str, Any]] = {}
        self.equivalent: list[list[str]] = []

    def marks(self, lines: list[str]) -> Marks:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                self._read(line.removesuffix("\r"))
            except ArticleError as error:
                error.path, error.line = str(self.path), number
                raise
            except (ValueError, IndexError, KeyError):
                reason = f"{line!r:.60} is no line of brat's standoff format"
                raise InputError(reason, path=str(self.path), line=number) from None
        try:
            marks = Marks(list(self.spans.values()), same=[self._group(names) for names in self.equivalent])
            for name, label, *ends in self.relations:
                source, target = (self.spans[end] for end in ends)
                if label.lower() in COREFERENCE:
                    marks.same.append((source, target))
                    continue
                notes = self.notes.get(name, {})
                evidence = notes.get("evidence")
                marks.links.append(
                    Link(source, target, label, notes.get("voice"), tuple(evidence) if evidence else None)
                )
        except KeyError as error:
            raise InputError(f"names {error}, which is no T line of the file", path=str(self.path)) from None
        return marks

    def _group(self, names: list[str]) -> tuple[Span, ...]:
        return tuple(self.spans[name] for name in names)

    def _read(self, line: str) -> None:
        kind = line[0]
        if kind == "T":
            name, where, *_ = line.split("\t", 2)
            label, places = where.split(" ", 1)
            self.spans[name] = Span(*self._span(places), label)
        elif kind == "R":
            name, rest = line.split("\t")[:2]
            label, *arguments = rest.split()
            first, second = (argument.partition(":")[2] for argument in arguments)
            self.relations.append((name, label, first, second))
        elif kind == "*":
            label, *names = line.split("\t")[1].split()
            self.equivalent.append(names)
        elif found := _NOTES.fullmatch(line):
            self.notes[found[1]] = parse_object(found[2])
        else:
            self.warn(f"{self.path}: {line!r:.60} is left out: an article has no place for it")

    def _span(self, places: str) -> tuple[int, int]:
        fragments = [tuple(map(int, place.split())) for place in places.split(";")]
        for (_, end), (start, _) in pairwise(fragments):
            if self.text[end:start].strip() or start < end:
                reason = f"{places} is a discontinuous span; make it one span, or two mentions"
                raise ArticleError(reason)
        return fragments[0][0], fragments[-1][1]


def write(articles: Iterable[Article], path: str | Path, *, plain: bool = False) -> int:
    """Write a directory of brat files and return how many articles; `plain` leaves out the .mawaqif.json files.

    Raises InputError where the directory already holds .txt or .ann files, and ArticleError for a label that is not
    made of Latin letters, digits, - and _, which is all that brat takes.
    """
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.glob("*.txt")) or any(directory.glob("*.ann")):
        raise InputError("holds .txt or .ann files already; write to a new directory", path=str(path))
    types: dict[str, None] = {}
    stances: dict[str, None] = {}
    count = 0
    for article in articles:
        count += 1
        marks = marks_of(article, details=True, same=True)
        types |= dict.fromkeys(span.label for span in marks.spans)
        stances |= dict.fromkeys(link.label for link in marks.links)
        lines = "".join(f"{line}\n" for line in _lines(article, marks))
        name = _file_name(article.id)
        for suffix, content in ((".txt", article.text), (".ann", lines)):
            _write(directory / (name + suffix), content)
        if not plain:
            _write(directory / f"{name}.mawaqif.json", json.dumps(extension(article), ensure_ascii=False, indent=1))
    relations = [
        *(f"{label}\t{_ENTITY_RELATION}" for label in stances),
        "Equiv\tArg1:<ENTITY>, Arg2:<ENTITY>, <REL-TYPE>:symmetric-transitive",
    ]
    sections = {"entities": list(types), "relations": relations, "events": [], "attributes": []}
    config = "\n".join("\n".join([f"[{name}]", *rows, ""]) for name, rows in sections.items())
    _write(directory / "annotation.conf", config)
    return count


def _write(path: Path, content: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(content)


def _file_name(article_id: str) -> str:
    """A file name that `unquote` turns back into the id, unless the id is too long for one."""
    name = quote(article_id, safe=" ").replace(".", "%2E")
    return name if len(name) <= 200 else f"{name[:100]}-{sha256(article_id.encode()).hexdigest()[:16]}"


def _lines(article: Article, marks: Marks) -> Iterator[str]:
    names = {span: f"T{i}" for i, span in enumerate(marks.spans, 1)}
    for label in [*(span.label for span in marks.spans), *(link.label for link in marks.links)]:
        if not _NAME.fullmatch(label):
            raise ArticleError(
                f"{label!r} is no label that brat takes; rename it", article_id=article.id, field="label"
            )
    for i, span in enumerate(marks.spans, 1):
        pieces = [(m.start(), m.end()) for m in re.finditer(r"[^\n\r]+", article.text[span.start : span.end])]
        places = ";".join(f"{span.start + start} {span.start + end}" for start, end in _edged(pieces, span))
        surface = _LINE_ENDS.sub(" ", article.text[span.start : span.end])
        yield f"T{i}\t{span.label} {places}\t{surface}"
    for group in marks.same:
        yield "*\tEquiv " + " ".join(names[span] for span in group)
    for i, link in enumerate(marks.links, 1):
        yield f"R{i}\t{link.label} Arg1:{names[link.source]} Arg2:{names[link.target]}"
        notes = {"voice": link.voice, "evidence": link.evidence}
        notes = {key: value for key, value in notes.items() if value is not None}
        if notes:
            yield f"#{i}\tAnnotatorNotes R{i}\t{dump(notes)}"


def _edged(pieces: list[tuple[int, int]], span: Span) -> list[tuple[int, int]]:
    """The pieces between line ends, stretched to the edges of the span: it may begin or end with one."""
    length = span.end - span.start
    if not pieces:
        return [(0, length)]
    return [(0 if i == 0 else a, length if i == len(pieces) - 1 else b) for i, (a, b) in enumerate(pieces)]
