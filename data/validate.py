"""Find every problem of annotated articles, in any format that can be read: inside each article, and between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mawaqif.article import Article, parse_object
from mawaqif.data.check_article import check_article
from mawaqif.data.check_corpus import Sourced, check_corpus
from mawaqif.data.formats import guess, read
from mawaqif.data.problems import Problem
from mawaqif.errors import InputError
from mawaqif.jsonl import read_lines
from mawaqif.labels import LabelSet

__all__ = ["Report", "annotated_files", "validate"]


@dataclass
class Report:
    """The problems found, errors first in each file; the articles that are whole, and those that are not as values."""

    problems: list[Problem] = field(default_factory=list)
    sources: list[Sourced] = field(default_factory=list)
    broken: dict[tuple[str, int | None, str], dict[str, Any]] = field(default_factory=dict)
    files: int = 0

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors

    def data_of(self, problem: Problem) -> dict[str, Any]:
        """The article of a problem as plain values, as far as it could be read."""
        place = (problem.path or "", problem.line, problem.article_id or "")
        if place in self.broken:
            return self.broken[place]
        whole = (s.article for s in self.sources if (s.path, s.line, s.article.id) == place)
        return next((article.to_dict() for article in whole), {})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: counts, and the problems with their places."""
        return {
            "files": self.files,
            "articles": len(self.sources),
            "errors": self.errors,
            "warnings": self.warnings,
            "by_code": dict(Counter(problem.code for problem in self.problems).most_common()),
            "problems": [problem.to_dict() for problem in self.problems],
        }


def annotated_files(paths: Sequence[str | Path]) -> list[Path]:
    """The files meant by the paths: of a directory its JSON lines in order of name, unless it holds brat's files."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir() and not any(path.glob("*.ann")):
            inside = sorted(file for file in path.iterdir() if file.name.endswith((".jsonl", ".jsonl.gz", ".ndjson")))
            if not inside:
                raise InputError("holds neither .jsonl nor .ann files; name the files", path=str(path))
            found += inside
        else:
            found.append(path)
    return found


def validate(
    paths: Sequence[str | Path], labels: LabelSet, *, format: str | None = None, min_examples: int = 10
) -> Report:
    """Check files and directories; files stand for parts that must share no article, such as train and test.

    Raises InputError only for a directory without any annotated file; all else that is wrong is in the report.
    """
    report = Report()
    for path in annotated_files(paths):
        report.files += 1
        report.problems += _file(path, format, labels, report)
    report.problems += check_corpus(report.sources, labels, min_examples=min_examples)
    order = {str(path): i for i, path in enumerate(annotated_files(paths))}
    report.problems.sort(key=lambda p: (order.get(p.path or "", len(order)), p.severity, p.line or 0))
    return report


def _file(path: Path, format: str | None, labels: LabelSet, report: Report) -> Iterator[Problem]:
    try:
        name = format or guess(path, existing=True)
        if name == "jsonl":
            yield from _json_lines(path, labels, report)
        else:
            yield from _other(path, name, labels, report)
    except InputError as error:
        yield _problem(error, str(path))


def _problem(error: InputError, path: str, line: int | None = None) -> Problem:
    return Problem("unreadable", error.reason, error.path or path, error.line or line, error.article_id, error.field)


def _json_lines(path: Path, labels: LabelSet, report: Report) -> Iterator[Problem]:
    """The project's own format is checked before it becomes an article, so that all faults of a line are found."""
    empty = True
    for number, line in read_lines(path, str(path)):
        empty = False
        try:
            data = parse_object(line)
        except InputError as error:
            yield _problem(error, str(path), number)
            continue
        if data.get("id") in (None, ""):
            data["id"] = f"{path.stem}:{number}"
        yield from _checked(data, str(path), number, labels, report)
    if empty:
        yield Problem("unreadable", "is empty; it must hold one JSON object a line", str(path))


def _other(path: Path, name: str, labels: LabelSet, report: Report) -> Iterator[Problem]:
    found: list[Problem] = []
    articles = read(
        path,
        format=name,
        on_error=lambda error: found.append(_problem(error, str(path))),
        warn=lambda what: found.append(Problem("left-out", what, str(path))),
    )
    for article in articles:
        yield from _checked(article.to_dict(), str(path), None, labels, report)
    yield from found


def _checked(data: dict[str, Any], path: str, line: int | None, labels: LabelSet, report: Report) -> Iterator[Problem]:
    problems = [replace(p, path=path, line=line, article_id=str(data["id"])) for p in check_article(data, labels)]
    yield from problems
    try:
        report.sources.append(Sourced(Article.from_dict(data), path, line))
    except InputError:  # which check_article has reported
        report.broken[path, line, str(data["id"])] = data
