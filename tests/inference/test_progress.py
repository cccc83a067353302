"""Progress passes every step on and tells it: a bar in a terminal, else a line now and then."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mawaqif.inference import progress
from mawaqif.inference.batch import Step

STEPS = [Step([], records, records - 1000, records * 10) for records in (1256, 1512, 1768)]


def test_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 10.0, 10.0, 40.0, 40.0, 40.0, 100.0, 100.0, 100.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    told = io.StringIO()
    assert list(progress.follow(STEPS, 20_000, Console(file=told, width=100))) == STEPS
    # 2,560 bytes in 30 s, 4,880 to go; then 5,120 bytes in 90 s, 2,320 to go.
    assert told.getvalue().splitlines() == [
        "1,512 articles, 12.8 articles/s, 0:00:57 left",
        "1,768 articles, 7.7 articles/s, 0:00:40 left",
    ]


def test_a_bar_in_a_terminal() -> None:
    told = io.StringIO()
    console = Console(file=told, width=100, force_terminal=True)
    assert list(progress.follow(STEPS, 17_680, console)) == STEPS
    assert "1,768 articles" in told.getvalue()
    assert "100%" in told.getvalue()
    quiet = io.StringIO()
    assert list(progress.follow(STEPS, 0, Console(file=quiet, force_terminal=True), bar=False)) == STEPS
    assert quiet.getvalue() == ""
