"""Shards on a real Ray cluster of this machine: a worker is killed in mid-run, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from mawaqif.errors import ConfigError, InputError
from mawaqif.inference.distributed import Shards

pytest.importorskip("fsspec")

SETTINGS: dict[str, dict[str, Any]] = {"option": {"min-score": None}}

# Two actors; the first of them that comes to the article n3-40 is killed while it has the shard in hand.
PROGRAM = """
import json, os, signal, sys
from pathlib import Path

os.environ["RAY_worker_niceness"] = "0"  # at Ray's 15, the actors of a busy machine would never start

import ray

from mawaqif.inference.distributed import Shards, Tagging

source, target = sys.argv[1:]
marker = Path(source).with_name("killed")

class Deadly:
    def pipe(self, articles, *, min_score=None):
        for article in articles:
            if article.id == "n3-40" and not marker.exists():
                marker.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            yield article.model_copy(update={"source": "tagged"})

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 2**20)

def run():
    shards = Shards(source, target, {"option": {"min-score": None}})
    steps = list(shards.tag(Tagging(Deadly), replicas=2))
    return [len(steps), steps[-1].records if steps else 0, len(shards.open())]

found, kept = [run()], Path(target, "0.jsonl").stat().st_mtime_ns
Path(target, "2.jsonl").unlink()
found += [run(), run(), Path(target, "0.jsonl").stat().st_mtime_ns == kept]
Path(source).with_name("told").write_text(json.dumps(found))
"""


def shards(folder: Path) -> Path:
    """Six shards of 60 articles, two of them Parquet, one with a line that is none."""
    folder.mkdir()
    for shard in range(6):
        rows = [{"id": f"n{shard}-{n}", "text": f"رفض البرلمان الخطة {n}."} for n in range(60)]
        if shard % 3 == 1:
            parquet.write_table(pa.Table.from_pylist(rows), folder / f"{shard}.parquet")
        else:
            lines = [json.dumps(row) for row in rows] + ["oops"] * (shard == 3)
            (folder / f"{shard}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_worker_loses_nothing_and_a_rerun_does_the_rest(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    source, target = shards(tmp_path / "in"), tmp_path / "out"
    command = [sys.executable, "-c", PROGRAM, str(source), str(target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
    # All six shards with a record that is none; the one that was removed; nothing. What is done is left alone.
    told = json.loads((tmp_path / "told").read_text(encoding="utf-8"))
    assert told == [[6, 361, 0], [1, 60, 0], [0, 0, 0], True]
    found = {}
    for path in target.iterdir():
        if path.suffix == ".parquet":
            found[path.name] = parquet.read_table(path).to_pylist()
        elif path.suffix == ".jsonl":
            found[path.name] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert set(found) == {path.name for path in source.iterdir()}
    assert {row["id"] for rows in found.values() for row in rows} == {f"n{s}-{n}" for s in range(6) for n in range(60)}
    for name, rows in found.items():
        assert [(row["id"], row["source"]) for row in rows] == [(f"n{name[0]}-{n}", "tagged") for n in range(60)]
    (reject,) = map(json.loads, (target / "_rejects" / "3.jsonl.jsonl").read_text(encoding="utf-8").splitlines())
    assert (reject["file"], reject["line"], reject["record"]) == (str(source / "3.jsonl"), 61, "oops")
    assert not (target / "_unfinished").exists()


def test_shards_of_a_store_that_is_no_disk(tmp_path: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe_file("/news/day/a.jsonl.gz", b"x")
    store.pipe_file("/news/b.parquet", b"xyz")
    store.pipe_file("/news/notes.md", b"x")
    found = Shards("memory://news", "memory://news/tagged", SETTINGS)
    assert found.sizes == {"b.parquet": 3, "day/a.jsonl.gz": 1}
    store.pipe_file("/news/tagged/day/a.jsonl.gz", b"x")
    assert Shards("memory://news", "memory://news/tagged", SETTINGS).open() == ["b.parquet"]
    store.pipe_file("/news/c.parquet", b"new")
    assert Shards("memory://news", "memory://news/tagged", SETTINGS).open() == ["b.parquet", "c.parquet"]
    store.rm("/news", recursive=True)


def test_changed_shards_and_settings_are_refused(tmp_path: Path) -> None:
    source, target = shards(tmp_path / "in"), tmp_path / "out"
    Shards(str(source), str(target), SETTINGS)
    with pytest.raises(ConfigError, match="option 'min-score' has changed"):
        Shards(str(source), str(target), {"option": {"min-score": 0.5}})
    (source / "0.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"input '0\.jsonl' has changed"):
        Shards(str(source), str(target), SETTINGS)


def test_a_directory_without_shards_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no shard"):
        Shards(str(tmp_path), str(tmp_path / "out"), SETTINGS)
