"""Shows a recipe's progress: a bar in a terminal, a line now and then in a log. The recipes print nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

_LOG_EVERY = 30.0  # seconds between two lines where there is no terminal


def follow(steps: Iterable[Any], title: str, console: Console) -> None:
    """Runs a recipe (see `finetune.Progress`, `pretrain.Progress`) to its end and shows how it goes."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    last = 0.0
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        for step in steps:
            line = describe(asdict(step))
            bar.update(task, completed=step.step, total=step.steps, description=line)
            milestone = getattr(step, "scores", None) or getattr(step, "held_out", None)
            if milestone or (not console.is_terminal and time.monotonic() - last > _LOG_EVERY):
                console.print(f"{step.step}/{step.steps} {line}", markup=False)
                last = time.monotonic()


def describe(step: dict[str, Any]) -> str:
    """One line of a step's figures: losses, speed, scores, time left."""
    parts = [f"{name} {value:.3f}" for name, value in step.get("losses", {}).items()]
    parts += [f"{name} {step[name]:.3f}" for name in ("loss", "held_out") if step.get(name) is not None]
    if "tokens_per_second" in step:
        parts.append(f"{step['tokens_per_second']:,.0f} tokens/s")
    parts += [f"{name} {value:.3f}" for name, value in (step.get("scores") or {}).items()]
    if step.get("best"):
        parts.append("best so far")
    minutes, seconds = divmod(int(step["seconds_left"]), 60)
    return ", ".join([*parts, f"{minutes}:{seconds:02d} left"])
