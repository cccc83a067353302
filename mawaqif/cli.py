"""The command line: thin commands over the plain functions of the rooms. Nothing here needs torch until a command does.

Errors go to standard error, one line each. Exit status: 0 all right, 1 some input could not be used (the rest was
processed), 2 the command could not run.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mawaqif import __version__
from mawaqif.cli_data import app as data_app
from mawaqif.cli_eval import app as eval_app
from mawaqif.cli_graph import app as graph_app
from mawaqif.cli_serve import app as serve_app
from mawaqif.cli_tag import app as tag_app
from mawaqif.cli_train import app as train_app
from mawaqif.console import complain
from mawaqif.errors import MawaqifError

app = typer.Typer(
    name="mawaqif",
    help="Who is named in Arabic political news, and who stands where.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(tag_app)
app.add_typer(serve_app)
app.add_typer(graph_app)
app.add_typer(train_app)
app.add_typer(eval_app)
app.add_typer(data_app)


def main() -> None:
    """Runs the command line, with one line on standard error for every error that mawaqif foresees."""
    try:
        app()
    except MawaqifError as error:
        complain("error", error)
        sys.exit(2)
    except OSError as error:  # no room, no right, no such folder to write to
        complain("error", f"{error.filename}: {error.strerror}" if error.filename else error)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(f"mawaqif {__version__}")
        raise typer.Exit


if __name__ == "__main__":
    main()
