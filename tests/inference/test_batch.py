"""A run that crashes at any point and is started again ends as if nothing had happened, in every format."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.errors import ConfigError, InputError
from mawaqif.inference.batch import Run, finished, steps, tag_items
from mawaqif.inference.files import Inputs
from mawaqif.inference.workers import here
from mawaqif.labels import LabelSet

MEMORY = Path(__file__).resolve().parents[2] / "benchmarks" / "memory.py"
SETTINGS = {"input": {"news.jsonl": "1"}, "option": {"min-score": None}}


class Fake:
    """Tags the first word of every text; the model "fails" on texts with the word خلل."""

    def __init__(self) -> None:
        self.seen = 0

    def pipe(self, articles: Iterable[Article], *, min_score: float | None = None) -> Iterator[Article]:
        for article in articles:
            if "خلل" in article.text:
                raise RuntimeError("no memory")
            self.seen += 1
            end = len(article.text.split()[0])
            tagged = article.to_dict() | {
                "mentions": [{"start": 0, "end": end, "type": "ORG", "entity": "e1", "score": 0.5}],
                "entities": [{"id": "e1", "type": "ORG", "name": "حزب"}],
                "stances": [{"holder": "AUTHOR", "target": "e1", "stance": "favor", "evidence": [0, end]}],
            }
            yield Article.from_dict(tagged)


def news(path: Path, good: Iterable[bool]) -> Path:
    """JSON lines with an article for True and no article for False; ids come twice."""
    lines = [json.dumps({"id": f"n{n // 2}", "text": f"حزب {n}", "n": n}) if ok else "{}" for n, ok in enumerate(good)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(source: Path, output: Path, tagger: Fake, part: int, rejects: Path | None = None, **options: Any) -> int:
    if (rejected := finished(output, SETTINGS, part=part, rows="stances", rejects=rejects)) is not None:
        return rejected
    made = Run(output, SETTINGS, part=part)
    for _ in made.tag(Inputs([str(source)]), partial(here, tagger=tagger), **options):
        pass
    return made.finish(LabelSet.default(), rows="stances", rejects=rejects)


class Crash(BaseException):
    """As sudden as a kill: no `except Exception` stops it."""


class Fuse:
    """Lets so many operations on the disk happen and crashes before or after the next one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.after = False
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (shutil, "rmtree"), (Path, "mkdir")):
            monkeypatch.setattr(owner, name, self._guard(getattr(owner, name), cleans_up=name == "unlink"))

    def _guard(self, operation: Callable[..., Any], cleans_up: bool) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            if self.left is None:
                return operation(*arguments, **options)
            if self.left < 0 and cleans_up:  # a killed process does not tidy up
                return None
            self.left -= 1
            if self.left < 0:
                if self.after:
                    operation(*arguments, **options)
                raise Crash
            return operation(*arguments, **options)

        return guarded


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.jsonl.zst", "o.csv", "o.csv.gz", "o.parquet", "o.html"])
@settings(max_examples=12)
@given(
    good=st.lists(st.booleans(), min_size=1, max_size=13),
    part=st.integers(1, 5),
    crashes=st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=4),
)
def test_crashes_leave_no_trace(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    good: list[bool],
    part: int,
    crashes: list[tuple[int, bool]],
) -> None:
    folder = tmp_path_factory.mktemp("run")
    source = news(folder / "news.jsonl", good)
    expected, output, rejects = folder / "whole" / name, folder / name, folder / "rejects"
    expected.parent.mkdir()
    bad = run(source, expected, Fake(), part, folder / "whole" / "rejects")
    assert bad == good.count(False)
    with pytest.MonkeyPatch.context() as monkeypatch:
        fuse = Fuse(monkeypatch)
        for fuse.left, fuse.after in crashes:
            with suppress(Crash):
                run(source, output, Fake(), part, rejects)
            assert not output.exists() or output.read_bytes() == expected.read_bytes()
        fuse.left = None
        assert run(source, output, Fake(), part, rejects) == bad
    assert output.read_bytes() == expected.read_bytes()
    assert rejects.read_bytes() == (folder / "whole" / "rejects").read_bytes()
    left = {path.name for path in folder.iterdir()}
    assert left == {"news.jsonl", "rejects", "whole", name, f"{name}.run"}
    again = Fake()
    assert run(source, output, again, part, rejects) == bad
    assert again.seen == 0


def test_every_article_once_and_in_order(tmp_path: Path) -> None:
    source = news(tmp_path / "news.jsonl", [True] * 20)
    run(source, tmp_path / "out.jsonl", Fake(), 3)
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(record["id"], record["n"]) for record in found] == [(f"n{n // 2}", n) for n in range(20)]


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    source = news(tmp_path / "news.jsonl", [True] * 20)
    first = Run(tmp_path / "out.jsonl", SETTINGS, part=4).tag(Inputs([str(source)]), partial(here, tagger=Fake()))
    assert [next(first).records, next(first).records] == [4, 8]
    first.close()  # type: ignore[attr-defined]
    tagger = Fake()
    assert run(source, tmp_path / "out.jsonl", tagger, 4) == 0
    assert tagger.seen == 12


@pytest.mark.parametrize("change", ["settings", "part", "rows", "output", "rejects", "no output", "page", "damage"])
def test_what_is_no_longer_so_is_done_again(tmp_path: Path, change: str) -> None:
    source, output, rejects = news(tmp_path / "n.jsonl", [True, False]), tmp_path / "o.jsonl", tmp_path / "rejects"
    assert run(source, output, Fake(), 2, rejects) == 1
    whole = output.read_bytes()
    if change in ("output", "rejects"):
        with {"output": output, "rejects": rejects}[change].open("ab") as file:
            file.write(b"{}\n")
    elif change == "no output":
        output.unlink()
    elif change == "damage":
        (tmp_path / "o.jsonl.run").write_text("[]", encoding="utf-8")
    settings = {**SETTINGS, "more": {"a": 1}} if change == "settings" else SETTINGS
    found = finished(
        output,
        settings,
        part=3 if change == "part" else 2,
        rows="mentions" if change == "rows" else "stances",
        html=tmp_path / "page.html" if change == "page" else None,
        rejects=rejects,
    )
    assert found is None
    tagger = Fake()
    if change in ("output", "rejects", "no output", "damage"):
        assert run(source, output, tagger, 2, rejects) == 1
        assert tagger.seen == 1
        assert output.read_bytes() == whole


def test_a_run_that_has_ended_leaves_another_alone(tmp_path: Path) -> None:
    source, output = news(tmp_path / "n.jsonl", [True]), tmp_path / "o.jsonl"
    run(source, output, Fake(), 2)
    Run(output, {**SETTINGS, "more": {"a": 1}}, part=2)
    assert finished(output, SETTINGS, part=2, rows="stances") == 0
    assert (tmp_path / "o.jsonl.parts" / "run.json").exists()


def test_a_fresh_run_forgets_the_one_before(tmp_path: Path) -> None:
    source = news(tmp_path / "news.jsonl", [True] * 20)
    next(Run(tmp_path / "out.jsonl", SETTINGS, part=4).tag(Inputs([str(source)]), partial(here, tagger=Fake())))
    again = Run(tmp_path / "out.jsonl", SETTINGS, part=4, fresh=True)
    assert next(again.tag(Inputs([str(source)]), partial(here, tagger=Fake()))).new == 4
    assert next(again.tag(Inputs([str(source)]), partial(here, tagger=Fake()))).records == 8


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"input": {"news.jsonl": "2"}}, "input 'news.jsonl' has changed"),
        ({"input": {"news.jsonl": "1", "more.txt": "1"}}, "input 'more.txt' has changed"),
        ({"option": {"min-score": 0.5}}, "option 'min-score' has changed"),
    ],
)
def test_another_run_is_refused(tmp_path: Path, changed: dict[str, dict[str, Any]], message: str) -> None:
    Run(tmp_path / "out.jsonl", SETTINGS)
    with pytest.raises(ConfigError, match=message) as refused:
        Run(tmp_path / "out.jsonl", {**SETTINGS, **changed})
    assert f"delete {tmp_path / 'out.jsonl.parts'} to start over" in str(refused.value)
    Run(tmp_path / "out.jsonl", SETTINGS)


def test_a_directory_of_somebody_else_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl.parts").mkdir()
    (tmp_path / "out.jsonl.parts" / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="move it away"):
        Run(tmp_path / "out.jsonl", SETTINGS)
    assert (tmp_path / "out.jsonl.parts" / "thesis.txt").exists()


def test_stop_raises_the_first_error_and_keeps_what_is_done(tmp_path: Path) -> None:
    source = news(tmp_path / "news.jsonl", [True] * 5 + [False] + [True] * 5)
    with pytest.raises(InputError, match=r"news\.jsonl:6: .*text: is missing"):
        run(source, tmp_path / "out.jsonl", Fake(), 2, stop=True)
    assert len(list((tmp_path / "out.jsonl.parts").glob("*.part"))) == 2
    assert not (tmp_path / "out.jsonl").exists()


def test_rejects_tell_record_file_line_and_reason(tmp_path: Path) -> None:
    source = tmp_path / "news.jsonl"
    source.write_bytes(b'{"id": "a", "text": "\xc7"}\n' + json.dumps({"id": "b", "text": "خلل", "n": 1}).encode())
    with source.open("ab") as file:
        file.write(b"\n" + json.dumps({"id": "c", "text": "حزب"}).encode() + b"\n")
    assert run(source, tmp_path / "out.jsonl", Fake(), 9, tmp_path / "rejects.jsonl") == 2
    first, second = map(json.loads, (tmp_path / "rejects.jsonl").read_text(encoding="utf-8").splitlines())
    assert first["record"] == '{"id": "a", "text": "\\xc7"}'
    assert (first["file"], first["line"], first["id"]) == (str(source), 1, None)
    assert first["reason"].startswith("byte 21 (0xc7) is not UTF-8")
    assert second["reason"] == "could not be tagged (RuntimeError: no memory)"
    assert (second["id"], second["record"]["n"]) == ("b", 1)


def test_a_model_that_fails_on_everything_is_no_fault_of_the_articles() -> None:
    with pytest.raises(RuntimeError, match="no memory"):
        tag_items([Article(id="a", text="خلل"), Article(id="b", text="خلل")], Fake())


def test_steps_say_how_far_they_are() -> None:
    items = [Article(id="a", text="حزب"), InputError("is bad", path="x", line=2), Article(id="c", text="حزب")]
    found = list(steps(items, partial(here, tagger=Fake()), part=2))
    assert [(step.records, len(step.articles), [str(e) for e in step.errors]) for step in found] == [
        (2, 1, ["x:2: is bad"]),
        (3, 1, []),
    ]
    reversed_items = [items[1], items[0]]
    (step,) = steps(reversed_items, partial(here, tagger=Fake()))
    assert (len(step.until_error().articles), len(step.until_error().errors)) == (0, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="no resource usage")
@pytest.mark.parametrize("name", ["out.jsonl.zst", "out.csv", "out.parquet"])
def test_memory_does_not_grow_with_the_articles(name: str) -> None:
    def peak(articles: int) -> int:
        command = [sys.executable, MEMORY, "--articles", str(articles), "--output", name]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert f"{articles:,} articles" in told
        found = re.search(r"peak memory ([\d,]+) MiB", told)
        assert found
        return int(found[1].replace(",", ""))

    assert peak(20_000) - peak(4_000) < 20  # the texts alone are 10 MiB in the input and more than twice that in memory
