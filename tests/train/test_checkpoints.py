"""State on disk is whole or as it was, and never that of another run."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import pytest
import torch

from mawaqif.errors import ConfigError
from mawaqif.train.checkpoints import interruptible, keep_metrics, load_state, same_run, save_state


def test_a_state_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    assert load_state(path) is None
    save_state({"step": 3, "weights": torch.arange(3.0)}, path)
    state = load_state(path)
    assert state is not None
    assert state["step"] == 3
    assert state["weights"].tolist() == [0, 1, 2]


def test_a_write_that_fails_leaves_the_last_state(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state({"step": 1}, path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save_state({"step": 2, "unwritable": lambda: None}, path)
    assert load_state(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/executed-by-a-checkpoint",)


def test_no_code_in_a_state_is_run(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"step": _Evil()}, path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_state(path)
    assert not Path("/tmp/executed-by-a-checkpoint").exists()


def test_a_run_is_the_same_with_the_same_settings_and_data(tmp_path: Path) -> None:
    data, output = tmp_path / "data.txt", tmp_path / "run"
    data.write_text("one")
    settings = {"rate": 0.1, "model": {"size": 3, "names": ["a"]}}
    same_run(output, settings, [data])
    same_run(output, settings, [data])
    for changed, key in [({"rate": 0.2}, "rate"), ({"model": {"size": 3, "names": ["b"]}}, "model.names")]:
        with pytest.raises(ConfigError, match=f"^{key}: "):
            same_run(output, {**settings, **changed}, [data])
    data.write_text("two")
    with pytest.raises(ConfigError, match="content of the data"):
        same_run(output, settings, [data])


def test_the_first_ctrl_c_asks_and_the_second_stops() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as interrupt:
        assert not interrupt.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_metrics_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    keep_metrics(path, 0)
    assert not path.exists()
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n')
    keep_metrics(path, 2)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'
