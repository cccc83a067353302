"""The rows of an answer: as a table in a terminal, or as JSON lines, CSV or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mawaqif.inference.outputs import replacing, unwritable
from mawaqif.inference.terminal import Isolated

__all__ = ["check_suffix", "json_lines", "show", "write"]

Row = dict[str, Any]
_SUFFIXES = (".jsonl", ".csv", ".parquet")
_SHOWN = 200  # rows of a table in a terminal


def check_suffix(path: Path) -> None:
    """Raises InputError for a name that says no form in which rows can be written."""
    if path.suffix not in _SUFFIXES:
        raise unwritable(path, ", ".join(_SUFFIXES))


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON object a row, each with its newline."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, default=to_jsonable_python) + "\n"


def write(columns: Sequence[str], rows: Iterable[Row], path: Path) -> int:
    """Writes rows in the form that the suffix names, and returns how many. Raises InputError."""
    check_suffix(path)
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            _write_parquet(columns, list(counted()), temporary)
        elif path.suffix == ".csv":
            with temporary.open(
                "w", encoding="utf-8-sig", newline=""
            ) as file:  # the mark by which spreadsheets know it
                table = csv.DictWriter(file, columns)
                table.writeheader()
                table.writerows(counted())
        else:
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(json_lines(counted()))
    return count


def _write_parquet(columns: Sequence[str], rows: list[Row], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    values = {name: pa.array([row[name] for row in rows]) for name in columns}
    parquet.write_table(pa.table(values), path, compression="zstd")


def show(columns: Sequence[str], rows: Iterable[Row], console: Console) -> None:
    """The first rows as a table; a last line says whether there are more."""
    iterator = iter(rows)
    table = Table(box=SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in islice(iterator, _SHOWN):
        table.add_row(*(Isolated("" if row[name] is None else str(row[name])) for name in columns))
    console.print(table if table.row_count else "no rows")
    if more := sum(1 for _ in iterator):
        console.print(f"and {more:,} more: write them to a file by -o", style="dim")
