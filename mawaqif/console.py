"""What the commands of several rooms share: how trouble is told, and the options that choose and run a model."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from mawaqif.errors import InputError

errors = Console(stderr=True, highlight=False, soft_wrap=True)

ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Model directory or hub id; default: embedded.")]
EngineOption = Annotated[Literal["auto", "onnx", "torch"], typer.Option(help="What runs the model.")]
PrecisionOption = Annotated[
    Literal["fp32", "int8", "bf16"] | None,
    typer.Option(
        help="int8: ONNX Runtime; bf16: PyTorch. Default: the model's own; PyTorch: bf16 on a GPU, else fp32."
    ),
]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Processor threads; default: all.")]
MinScoreOption = Annotated[float | None, typer.Option(min=0, max=1, help="Least probability of a stance.")]


def complain(what: str, why: Exception | str) -> None:
    """One line on standard error."""
    errors.print(Text.assemble((what, "bold red"), " ", str(why)))


def drop_output() -> None:
    """Lets standard output go nowhere, for whoever read it has seen enough (BrokenPipeError) and closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Skipped:
    """Reports input that cannot be used, and makes the exit status say so once the rest is done."""

    def __init__(self) -> None:
        self.any = False

    def __call__(self, error: InputError) -> None:
        self.any = True
        complain("skipped", error)

    def exit(self) -> None:
        if self.any:
            raise typer.Exit(1)
