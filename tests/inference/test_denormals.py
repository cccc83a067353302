"""Denormals are zero while a model runs, and the caller's thread is afterwards as it was before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mawaqif.inference.denormals import CAN_FLUSH, flushed
from mawaqif.inference.tagger import load

pytestmark = pytest.mark.skipif(not CAN_FLUSH, reason="this system leaves denormals as they are")


def has_denormals() -> bool:
    """Whether half of the smallest normal number is more than zero in this thread."""
    smallest = np.full(16, 2.0**-126, np.float32)
    return bool((smallest * np.float32(0.5)).any())


def test_denormals_are_zero_within_and_not_after() -> None:
    assert has_denormals()
    with flushed():
        with flushed():
            assert not has_denormals()
        assert not has_denormals()
    assert has_denormals()


def test_an_error_within_leaves_the_thread_as_it_was() -> None:
    with pytest.raises(ValueError, match="within"), flushed():
        raise ValueError("within")
    assert has_denormals()


@pytest.mark.parametrize("part", ["_encoder", "_stances"])
def test_graphs_run_without_denormals(part: str, tiny_onnx_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger, seen = load(tiny_onnx_model, engine="onnx", threads=1), []
    graph = getattr(tagger.engine, part)
    run = graph.run

    def watched(*given: object) -> object:
        seen.append(has_denormals())
        return run(*given)

    monkeypatch.setattr(graph, "run", watched)
    tagger("أيدت نقابة المزارعين قانون الآبار.")
    assert set(seen) == {False}
    assert has_denormals()


def test_the_first_model_of_a_process_leaves_its_thread_as_it_was(tiny_onnx_model: Path) -> None:
    code = (
        "import mawaqif, numpy;"
        f"mawaqif.load({str(tiny_onnx_model)!r}, engine='onnx', threads=1);"
        "print((numpy.full(16, 2.0**-126, numpy.float32) * numpy.float32(0.5)).any())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "True"
