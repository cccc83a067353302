"""What several processes of one run (`accelerate launch`) must do together, so that none waits for another in vain."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from mawaqif.errors import MawaqifError

T = TypeVar("T")


def meet(accelerator: Accelerator) -> None:
    """To be called once the processes know each other: they part in order when they end, however they end.

    Not earlier: one process may make several runs, as `mawaqif crossfit` does.
    """
    if accelerator.num_processes > 1:
        atexit.register(_part)


def _part() -> None:
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def anywhere(accelerator: Accelerator, asked: bool) -> bool:
    """Whether any process was asked to stop: they must stop after the same update."""
    if accelerator.num_processes == 1:
        return asked
    return bool(accelerator.reduce(torch.tensor(float(asked), device=accelerator.device)).item())


def shared(accelerator: Accelerator, compute: Callable[[], T]) -> T:
    """What the main process computes, on every process; an error that mawaqif foresees is raised on all of them."""
    box: list[T | MawaqifError | None] = [None]
    if accelerator.is_main_process:
        try:
            box = [compute()]
        except MawaqifError as error:
            if accelerator.num_processes == 1:
                raise
            box = [error]
    found = broadcast_object_list(box)[0]
    if isinstance(found, MawaqifError):
        raise found
    return found  # type: ignore[no-any-return]
