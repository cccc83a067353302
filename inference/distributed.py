"""A directory of shards, tagged by Ray on one machine or a cluster: `mawaqif tag --engine ray`.

Every shard (JSON lines or Parquet, on a disk or in any store that fsspec knows) becomes one file of the same name in
the output directory. Ray Data hands shards to a pool of actors, each with a model of its own; it starts actors that
die again and hands out anew what they had begun. A shard is moved to its name once it is whole, so what has its name
is done, and a rerun does the rest. Within a shard everything is as in a run on one machine.

    OUTPUT/run.json            the shards, the model and the options; a run with others is refused
    OUTPUT/<shard>             the tagged articles
    OUTPUT/_rejects/<shard>.jsonl   the records that could not be used, where there are any
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mawaqif.errors import InputError, require
from mawaqif.inference.batch import Pipe, Run, Step, check_settings
from mawaqif.inference.files import Inputs
from mawaqif.inference.records import Columns, Item
from mawaqif.inference.workers import here
from mawaqif.labels import LabelSet

__all__ = ["Shards", "Tagging"]

_SUFFIXES = (*(name + packed for name in (".jsonl", ".ndjson") for packed in ("", ".gz", ".zst")), ".parquet")
_STATE, _REJECTS, _UNFINISHED = "run.json", "_rejects", "_unfinished"


@dataclass(frozen=True)
class Tagging:
    """What is done with every shard. `make` makes the tagger of an actor, on the actor's machine."""

    make: Callable[[], Pipe]
    min_score: float | None = None
    columns: Columns = field(default_factory=Columns)


class Shards:
    """The shards under `source` and what of them is done under `target`; both a path or a URL that fsspec knows.

    `settings`: what the result depends on beside the shards, as for `batch.Run`. Raises InputError where there is no
    shard, ConfigError where a run with other settings, or other content of a shard, has written to `target`. Shards
    may be added between two runs.
    """

    def __init__(self, source: str, target: str, settings: dict[str, dict[str, Any]]) -> None:
        fsspec = require("fsspec", "ray")
        files, root = fsspec.core.url_to_fs(source)
        self._out, self._root = fsspec.core.url_to_fs(target)
        self.source, self.target = _url(files, root), _url(self._out, self._root)
        found = files.find(root, detail=True)
        self.sizes = {
            os.path.relpath(path, root): int(info["size"])
            for path, info in sorted(found.items())
            if path.lower().endswith(_SUFFIXES) and not path.startswith(self._root.rstrip("/") + "/")
        }
        if not self.sizes:
            raise InputError("holds no shard (.jsonl, .jsonl.gz, .jsonl.zst or .parquet)", path=source)
        versions = {os.path.relpath(path, root): _version(info) for path, info in found.items()}
        self._settle({**settings, "input": {name: versions[name] for name in self.sizes}})

    def _settle(self, settings: dict[str, dict[str, Any]]) -> None:
        state = f"{self._root}/{_STATE}"
        if self._out.exists(state):
            before = json.loads(self._out.cat_file(state))
            added = {name: version for name, version in settings["input"].items() if name not in before["input"]}
            check_settings({**before, "input": {**before["input"], **added}}, settings, self.target)
        self._out.makedirs(self._root, exist_ok=True)
        self._out.pipe_file(f"{state}.tmp", json.dumps(settings, ensure_ascii=False, indent=1).encode())
        self._out.mv(f"{state}.tmp", state)

    def open(self) -> list[str]:
        """The shards that are not done yet."""
        done = {os.path.relpath(path, self._root) for path in self._out.find(self._root)}
        return [name for name in self.sizes if name not in done]

    def tag(self, tagging: Tagging, *, replicas: int = 1, cpus: float = 1, gpus: float = 0) -> Iterator[Step]:
        """Does the open shards with so many actors, each with so many processors, and yields after each shard.

        A step's lines are left in the shards; its numbers count the shards' records and bytes. Joins the cluster that
        RAY_ADDRESS names, or starts one here. Raises MissingExtraError without Ray, and what the model raises.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray = require("ray", "ray")
        data = require("ray.data", "ray")
        todo = self.open()
        if not todo:
            return
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="warning")
        data.DataContext.get_current().enable_progress_bars = False
        rows = data.from_items([{"shard": name} for name in todo], override_num_blocks=len(todo)).map_batches(
            _Replica,
            fn_constructor_args=(self.source, self.target, tagging),
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(replicas, len(todo))),
            num_cpus=cpus,
            num_gpus=gpus,
            max_restarts=-1,  # the default of newer versions only
            max_task_retries=-1,
        )
        records, position = 0, sum(size for name, size in self.sizes.items() if name not in todo)
        for row in rows.iter_rows():
            records += row["records"]
            position += self.sizes[row["shard"]]
            yield Step([], records, records, position)
        if self._out.exists(f"{self._root}/{_UNFINISHED}"):
            self._out.rm(f"{self._root}/{_UNFINISHED}", recursive=True)

    def rejects(self) -> list[str]:
        """The files that hold rejected records."""
        folder = f"{self._root}/{_REJECTS}"
        return sorted(self._out.find(folder)) if self._out.exists(folder) else []


def _url(files: Any, path: str) -> str:
    """What names a path on every machine of the cluster, wherever its processes run."""
    return path if "file" in files.protocol else str(files.unstrip_protocol(path))


def _version(info: dict[str, Any]) -> str:
    """What tells a changed file: its size and what its store knows of when or what it is."""
    known = (info.get(key) for key in ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created"))
    return f"{info['size']} {next((str(value) for value in known if value), '')}"


class _Replica:
    """An actor of the pool."""

    def __init__(self, source: str, target: str, tagging: Tagging) -> None:
        import fsspec

        self._in, self._source = fsspec.core.url_to_fs(source)
        self._out, self._target = fsspec.core.url_to_fs(target)
        self._tagging, self._tagger = tagging, tagging.make()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        names = [str(name) for name in batch["shard"]]
        return {"shard": names, "records": [self._tag(name) for name in names]}

    def _tag(self, name: str) -> int:
        """Tags one shard on this machine's disk and puts it in its place; how many records it has."""
        records = 0
        with tempfile.TemporaryDirectory() as folder:
            given, tagged, bad = (
                Path(folder) / "in" / name,
                Path(folder) / "out" / Path(name).name,
                Path(folder) / "bad",
            )
            given.parent.mkdir(parents=True)
            tagged.parent.mkdir(parents=True)
            self._in.get_file(f"{self._source}/{name}", str(given))
            run = Run(tagged, {})
            work = partial(here, tagger=self._tagger, min_score=self._tagging.min_score)
            for step in run.tag(self._items(given, name), work):
                records = step.records
            if run.finish(LabelSet.default(), rejects=bad):
                self._put(bad, f"{_REJECTS}/{name}.jsonl")
            self._put(tagged, name)
        return records

    def _items(self, path: Path, name: str) -> Iterator[Item]:
        for item in Inputs([str(path)], columns=self._tagging.columns):
            if isinstance(item, InputError):
                item.path = f"{self._source}/{name}"  # where a person finds it, not the copy here
            yield item

    def _put(self, path: Path, name: str) -> None:
        """Beside and then into place: a store may be a disk, where a file grows under its name."""
        unfinished = f"{self._target}/{_UNFINISHED}/{uuid.uuid4().hex}"
        final = f"{self._target}/{name}"
        self._out.makedirs(unfinished.rpartition("/")[0], exist_ok=True)
        self._out.makedirs(final.rpartition("/")[0], exist_ok=True)
        self._out.put_file(str(path), unfinished)
        self._out.mv(unfinished, final)
