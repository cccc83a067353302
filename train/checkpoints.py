"""State of a run on disk: written beside and moved into place, so that a kill or a full disk leaves the last good one;
never taken over by a run with other settings or data; saved on Ctrl-C.
"""

from __future__ import annotations

import hashlib
import json
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mawaqif.errors import ConfigError

SETTINGS, METRICS = "run.json", "metrics.jsonl"


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Writes a state, all of it or nothing."""
    temporary = path.with_suffix(".tmp")
    try:
        torch.save(dict(state), temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_state(path: Path) -> dict[str, Any] | None:
    """The state in a file (tensors and plain values only, no code is run), or None where there is no file."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # pickle, zip and torch raise many kinds
        raise ConfigError(f"{path}: cannot be read ({error}); delete it to begin the run anew") from error
    return state


def same_run(output: Path, settings: Mapping[str, Any], data: Iterable[Path]) -> None:
    """Keeps a run's settings and the digests of its data in `run.json`.

    Raises ConfigError where the output holds a run with other ones, since going on would mix the two.
    """
    path = output / SETTINGS
    digests = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in data if file.is_file()]
    given = json.loads(json.dumps({**settings, "content of the data": digests}))
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        if key := next(_differences(earlier, given), None):
            raise ConfigError(f"{key}: {output} holds a run with another one; give another output, or empty this one")
    output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(given, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def keep_metrics(path: Path, number: int) -> None:
    """Keeps the first lines of the metrics: a killed run wrote the others after its last checkpoint, and will again."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()[:number]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _differences(a: Any, b: Any, place: str = "") -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*b, *(key for key in a if key not in b)]:
            yield from _differences(a.get(key), b.get(key), f"{place}.{key}".lstrip("."))
    elif a != b:
        yield place


@dataclass
class Interrupt:
    """Whether the run was asked to stop (Ctrl-C, or SIGTERM from a scheduler)."""

    asked: bool = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Ctrl-C and SIGTERM only set a flag, so that the step is finished and saved; a second Ctrl-C stops at once."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():  # signals belong to the main thread
        yield interrupt
        return

    def handle(number: int, frame: Any) -> None:
        if interrupt.asked:
            raise KeyboardInterrupt
        interrupt.asked = True

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
