"""Where a fine-tuning run stands, and its way to disk and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelerate import Accelerator

from mawaqif.model import JointModel
from mawaqif.train.checkpoints import load_state, save_state


class State:
    """Where a run stands: the next update, the epoch's losses so far, the best score, and the tensors of all parts."""

    def __init__(self, accelerator: Accelerator, model: JointModel, optimizer: Any, scheduler: Any) -> None:
        self.accelerator = accelerator
        self.parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
        if accelerator.scaler is not None:
            self.parts["scaler"] = accelerator.scaler
        self.epoch, self.update, self.waited, self.best = 0, 0, 0, -1.0
        self.sums: dict[str, tuple[float, int]] = {}

    def add(self, found: dict[str, tuple[float, int]]) -> None:
        for task, (value, number) in found.items():
            before = self.sums.get(task, (0.0, 0))
            self.sums[task] = (before[0] + value, before[1] + number)

    def losses(self) -> dict[str, float]:
        return {task: value / max(1, number) for task, (value, number) in self.sums.items()}

    def next_epoch(self, score: float) -> None:
        self.epoch, self.update, self.sums = self.epoch + 1, 0, {}
        self.best, self.waited = (score, 0) if score > self.best else (self.best, self.waited + 1)

    def save(self, path: Path) -> None:
        if self.accelerator.is_main_process:
            place = {key: getattr(self, key) for key in ("epoch", "update", "waited", "best", "sums")}
            save_state({**place, **{name: part.state_dict() for name, part in self.parts.items()}}, path)

    def load(self, path: Path) -> None:
        state = load_state(path)
        if state is not None:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            for key in ("epoch", "update", "waited", "best", "sums"):
                setattr(self, key, state[key])
