"""Many articles from files to a file, in parts, so that a run that is killed at any point goes on where it stopped.

The input is cut into parts of PART records. What becomes of a part is one file in the directory `<output>.parts`, which
is written beside and moved into place: it is there whole or not at all. A rerun leaves out as many parts of the input
as there are files. When the input ends, the output is written from the parts in one go, moved into place, and the
directory removed. So the output is the same to the last byte however often a run was killed, in every format. What the
output was made from stays in a small file beside it, so that a rerun of a run that has ended does nothing.

    <output>.parts/run.json      the inputs, the model and the options; a run with others is refused
    <output>.run                   the same of a run that has ended, with size and time of the files it wrote
    <output>.parts/00000000.part   gzip of lines, one a record: `+` and the tagged article, or `-` and the reject
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from pydantic_core import to_jsonable_python

from mawaqif import __version__
from mawaqif.article import Article
from mawaqif.errors import ConfigError, InputError
from mawaqif.inference.outputs import Rows, replacing, write
from mawaqif.inference.records import Item
from mawaqif.labels import LabelSet

__all__ = ["PART", "Pipe", "Run", "Step", "Work", "check_settings", "finished", "reject_line", "steps", "tag_items"]

PART = 256  # records: some seconds of work
_GOOD, _BAD = b"+", b"-"
_STATE = "run.json"

Settings = dict[str, dict[str, Any]]
Work = Callable[[Iterable[Sequence[Item]]], Iterator[list[bytes]]]
"""Maps parts of the input to their lines, in order: `tag_items` here or in other processes."""


class Pipe(Protocol):
    """What tags: a `Tagger`, or anything with its method `pipe`."""

    def pipe(self, articles: Iterable[Article], *, min_score: float | None = None) -> Iterator[Article]: ...


@dataclass(frozen=True)
class Step:
    """What became of one part: its lines; records done in all and in this session; bytes of input read for them."""

    lines: list[bytes]
    records: int
    new: int
    position: int

    @property
    def articles(self) -> list[bytes]:
        """The tagged articles, each a line of JSON."""
        return [line[1:] for line in self.lines if _is_article(line)]

    @property
    def errors(self) -> list[InputError]:
        """Why the others are none."""
        return [_rejected(line) for line in self.lines if not _is_article(line)]

    def until_error(self) -> Step:
        """Without what comes after the first record that could not be used."""
        bad = (number for number, line in enumerate(self.lines, 1) if not _is_article(line))
        return replace(self, lines=self.lines[: next(bad, None)])


def steps(
    items: Iterable[Item], work: Work, position: Callable[[], int] = int, *, part: int = PART, skip: int = 0
) -> Iterator[Step]:
    """Tags a stream of records part by part, without the first `skip` parts. `position`: bytes of input read so far."""
    stream, marks = iter(items), deque[tuple[int, int]]()
    before = records = sum(1 for _ in islice(stream, skip * part))

    def parts() -> Iterator[list[Item]]:
        while taken := list(islice(stream, part)):
            marks.append((len(taken), position()))
            yield taken

    for lines in work(parts()):
        length, at = marks.popleft()
        records += length
        yield Step(lines, records, records - before, at)


def tag_items(items: Sequence[Item], tagger: Pipe, min_score: float | None = None) -> list[bytes]:
    """One line for each record, with its newline: `+` and the tagged article, or `-` and the reject, both JSON.

    Should the model fail on an article, that article is a reject; should it fail on all, the fault is not theirs and
    its exception is raised.
    """
    articles = [item for item in items if isinstance(item, Article)]
    try:
        tagged: Iterator[Item] = iter(list(tagger.pipe(articles, min_score=min_score)))
    except Exception:
        alone = [_tag_alone(article, tagger, min_score) for article in articles]
        if not any(isinstance(item, Article) for item in alone):
            raise
        tagged = iter(alone)
    return [_line(next(tagged) if isinstance(item, Article) else item) for item in items]


def _tag_alone(article: Article, tagger: Pipe, min_score: float | None) -> Item:
    try:
        return next(iter(tagger.pipe([article], min_score=min_score)))
    except Exception as error:
        reason = f"could not be tagged ({type(error).__name__}: {error})"
        return InputError(reason, article_id=article.id, record=article.to_dict())


def _line(item: Item) -> bytes:
    if isinstance(item, Article):
        return _GOOD + item.to_json().encode() + b"\n"
    reject = {
        "file": item.path,
        "line": item.line,
        "id": item.article_id,
        "field": item.field,
        "reason": item.reason,
        "record": item.record,
    }
    shown = json.dumps(reject, ensure_ascii=False, default=lambda value: to_jsonable_python(value, fallback=str))
    return _BAD + shown.encode("utf-8", "backslashreplace") + b"\n"  # a path or text may hold half a character


def _is_article(line: bytes) -> bool:
    return line.startswith(_GOOD)


def _rejected(line: bytes) -> InputError:
    told = json.loads(line[1:])
    place = {"path": told["file"], "line": told["line"], "article_id": told["id"], "field": told["field"]}
    return InputError(told["reason"], **place, record=told["record"])


def reject_line(error: InputError) -> bytes:
    """A record that could not be used, as a line of JSON: file, line, id, field, reason, record."""
    return _line(error)[1:]


def check_settings(before: Settings, now: Settings, place: str) -> None:
    """Raises ConfigError where the settings of a run that is to be taken up have changed. `place`: its directory."""
    now = json.loads(json.dumps(now))
    for section in {**before, **now}:
        old, new = before.get(section, {}), now.get(section, {})
        changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        if changed:
            raise ConfigError(
                f"{place}: holds a run that was stopped, and since then {section} {changed[0]!r} has changed; give "
                f"what was given then to go on with it, or delete {place} to start over"
            )


def finished(
    output: Path,
    settings: Settings,
    *,
    part: int = PART,
    rows: Rows = "mentions",
    html: Path | None = None,
    rejects: Path | None = None,
) -> int | None:
    """How many records a run rejected that has ended and whose output is there as it left it; None if there is none.

    The arguments are those of Run and `Run.finish`. A run that was killed after its last word is tidied up.
    """
    try:
        told = json.loads(_receipt(output).read_text(encoding="utf-8"))
        same = told["settings"] == _whole(settings, part) and told["files"] == _written(rows, output, html, rejects)
    except (OSError, ValueError, KeyError, TypeError):  # of a file that was moved, or that is no receipt
        return None
    if not same:
        return None
    directory = _directory(output)
    state = directory / _STATE
    if state.exists() and json.loads(state.read_text(encoding="utf-8")) == told["settings"]:
        state.unlink()
    if directory.exists() and not state.exists():
        _clear(directory)
    return int(told["rejected"])


def _whole(settings: Settings, part: int) -> Settings:
    """The settings with those of the program itself, as they come back from a file."""
    found: Settings = json.loads(json.dumps({**settings, "run": {"version": __version__, "part": part}}))
    return found


def _written(rows: Rows, *files: Path | None) -> list[Any]:
    """What the rows are, and path, size and time of change of each file."""
    found = [(file, file.stat()) if file else None for file in files]
    return [rows, *([str(f[0].resolve()), f[1].st_size, f[1].st_mtime_ns] if f else None for f in found)]


def _receipt(output: Path) -> Path:
    return output.with_name(output.name + ".run")


def _directory(output: Path) -> Path:
    return output.with_name(output.name + ".parts")


def _clear(directory: Path) -> None:
    """Removes what was left by a run that had ended but for the removal."""
    if directory.exists():
        if not all(path.name.endswith((".part", ".tmp")) for path in directory.iterdir()):
            raise ConfigError(f"{directory}: is needed for the run's parts; move it away")
        shutil.rmtree(directory)


class Run:
    """A run from inputs to the file `output` that can be taken up again.

    `settings` is what the result depends on, as JSON values, in sections: name → key → value. A run that has ended
    begins again; ask `finished` first. Raises ConfigError where another run, with other settings, has begun to write
    this output. `fresh`: forget what a run before has done.
    """

    def __init__(self, output: Path, settings: Settings, *, part: int = PART, fresh: bool = False) -> None:
        self.output = output
        self.directory = _directory(output)
        self._part = part
        self._settings = settings = _whole(settings, part)
        state = self.directory / _STATE
        if fresh:
            state.unlink(missing_ok=True)
        if state.exists():
            check_settings(json.loads(state.read_text(encoding="utf-8")), settings, str(self.directory))
        else:
            _clear(self.directory)
            self.directory.mkdir()
            with replacing(state) as temporary:
                temporary.write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")

    def tag(
        self, items: Iterable[Item], work: Work, position: Callable[[], int] = int, *, stop: bool = False
    ) -> Iterator[Step]:
        """Does the parts that are not done yet (see `steps`) and yields each when it is safe.

        `stop`: raise the InputError of the first record that cannot be used, instead of going on.
        """
        done = len(self._parts())
        for number, step in enumerate(steps(items, work, position, part=self._part, skip=done), start=done):
            if stop and (errors := step.errors):
                raise errors[0]
            with replacing(self.directory / f"{number:08}.part") as temporary:
                temporary.write_bytes(gzip.compress(b"".join(step.lines), compresslevel=1, mtime=0))
            yield step

    def finish(
        self, labels: LabelSet, *, rows: Rows = "mentions", html: Path | None = None, rejects: Path | None = None
    ) -> int:
        """Writes the output, and where asked for the page and the rejects, and removes the parts.

        Returns how many records were rejected, by this session and those before.
        """
        bad = 0
        receipt = _receipt(self.output)
        receipt.unlink(missing_ok=True)

        def articles() -> Iterator[bytes]:
            return (line[1:] for line in self._lines() if _is_article(line))

        if html:
            write(articles(), html, labels)
        with ExitStack() as stack:
            out = stack.enter_context(stack.enter_context(replacing(rejects)).open("wb")) if rejects else None
            for line in self._lines():
                if not _is_article(line):
                    bad += 1
                    if out:
                        out.write(line[1:])
        write(articles(), self.output, labels, rows)
        told = {"rejected": bad, "files": _written(rows, self.output, html, rejects), "settings": self._settings}
        with replacing(receipt) as temporary:
            temporary.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
        (self.directory / _STATE).unlink()
        shutil.rmtree(self.directory)
        return bad

    def _parts(self) -> list[Path]:
        return sorted(self.directory.glob("*.part"))

    def _lines(self) -> Iterator[bytes]:
        for path in self._parts():
            with gzip.open(path) as file:
                yield from file
