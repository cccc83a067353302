"""What worker processes say when they cannot work. That they give the same output: tests/test_cli_tag.py."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mawaqif.article import Article
from mawaqif.errors import ModelError
from mawaqif.inference.tagger import load
from mawaqif.inference.workers import WorkerError, in_processes

PARTS = [[Article(id=str(n), text="رفض البرلمان الخطة.")] for n in range(2)]


def test_a_worker_that_dies_is_told() -> None:
    dies: Any = partial(os._exit, 3)
    with pytest.raises(WorkerError, match="the same command goes on from where it stopped"):
        list(in_processes(PARTS, dies, 1))


def test_what_the_model_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model directory"):
        list(in_processes(PARTS, partial(load, tmp_path / "none"), 1))
