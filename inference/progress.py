"""How far a batch run is: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from mawaqif.inference.batch import Step

__all__ = ["follow"]

_LOG_EVERY = 30.0  # seconds between two lines where there is no terminal


def follow(steps: Iterable[Step], size: int, console: Console, *, bar: bool = True) -> Iterator[Step]:
    """The same steps, shown as they pass. `size`: bytes of the whole input, 0 if unknown; `bar`: in a terminal."""
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not (console.is_terminal and bar), transient=True) as shown:
        task = shown.add_task("", total=size or None)
        last = time.monotonic()
        for step, line in _told(steps, size):
            shown.update(task, completed=step.position, description=line)
            if not console.is_terminal and time.monotonic() - last > _LOG_EVERY:
                console.print(line, markup=False)
                last = time.monotonic()
            yield step


def _told(steps: Iterable[Step], size: int) -> Iterator[tuple[Step, str]]:
    """With each step the line that tells it: articles, articles/s of this session, time left by bytes of input."""
    start, first = time.monotonic(), None
    for step in steps:
        seconds = max(time.monotonic() - start, 1e-9)
        parts = [f"{step.records:,} articles", f"{step.new / seconds:,.1f} articles/s"]
        # What an earlier session did took no time now: the pace counts from the first part of this one, which itself
        # is left out of bytes and time.
        if first is None:
            first = seconds, step.position
        elif size and step.position > first[1]:
            left = int((seconds - first[0]) / (step.position - first[1]) * (size - step.position))
            parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        yield step, ", ".join(parts)
