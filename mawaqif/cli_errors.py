"""What every part of the command line says on standard error, and the exit status of skipped input."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.text import Text

from mawaqif.errors import InputError

__all__ = ["Skipped", "complain", "errors"]

errors = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(what: str, why: Exception | str) -> None:
    """Print one line on standard error: `what` (error, skipped, warning), and why."""
    errors.print(Text.assemble((what, "bold red"), " ", str(why)))


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
