"""The mean of several models is a model of the same kind, and only like models have one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from mawaqif.errors import ModelError
from mawaqif.model import JointModel
from mawaqif.saved import open_model
from mawaqif.train.average import average


@pytest.fixture
def other(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model with other weights, calibrated."""
    saved = open_model(tiny_model)
    model = JointModel.load(saved)
    torch.manual_seed(1)
    with torch.no_grad():
        for values in model.parameters():
            values.add_(torch.randn_like(values) / 8)
    model.settings = {**model.settings, "temperature": 2.0, "min_score": 0.3}
    model.save(tmp_path / "other", saved.tokenizer)
    return tmp_path / "other"


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return JointModel.load(open_model(directory)).state_dict()


def test_the_weights_are_the_mean(tiny_model: Path, other: Path, tmp_path: Path) -> None:
    average([tiny_model, other, other], tmp_path / "mean")
    first, second, mean = weights(tiny_model), weights(other), weights(tmp_path / "mean")
    assert set(mean) == set(first)
    for name, values in mean.items():
        torch.testing.assert_close(values, (first[name] + 2 * second[name]) / 3, rtol=2e-3, atol=2e-3)  # 16-bit floats
    assert any(not torch.equal(values, first[name]) for name, values in mean.items())


def test_what_was_fitted_to_one_model_is_not_the_means(tiny_model: Path, other: Path, tmp_path: Path) -> None:
    average([other, tiny_model], tmp_path / "mean")
    assert not {"temperature", "min_score"} & set(open_model(tmp_path / "mean").settings)


def test_the_mean_has_a_card_if_all_have_one(tiny_model: Path, other: Path, tmp_path: Path) -> None:
    (other / "README.md").write_text("# other\n\n## Scores on dev\n\nnone\n", encoding="utf-8")
    shutil.copytree(other, tmp_path / "again")
    average([other, tmp_path / "again"], tmp_path / "mean")
    assert "those of 2 models" in (tmp_path / "mean" / "README.md").read_text(encoding="utf-8")
    (other / "README.md").unlink()
    average([other, tmp_path / "again"], tmp_path / "bare")
    assert not (tmp_path / "bare" / "README.md").exists()


def test_heads_of_another_beginning_have_no_mean(tiny_model: Path, tmp_path: Path) -> None:
    saved = open_model(tiny_model)
    model = JointModel.load(saved)
    torch.manual_seed(1)
    with torch.no_grad():
        for values in (*model.mentions.parameters(), *model.stances.parameters()):
            values.copy_(torch.randn_like(values) / 8)
    model.save(tmp_path / "other", saved.tokenizer)
    with pytest.raises(ModelError, match="other: its heads began from other random weights than those of"):
        average([tiny_model, tmp_path / "other"], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize("name", ["labels.json", "config.json"])
def test_unlike_models_have_no_mean(tiny_model: Path, other: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(other, tmp_path / "unlike")
    path = tmp_path / "unlike" / name
    content = json.loads(path.read_text(encoding="utf-8"))
    if name == "config.json":
        content["hidden_size"] = 64
    else:
        content["stances"][0]["en"] = "approval"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match=f"{name}: differs from"):
        average([tiny_model, tmp_path / "unlike"], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_one_model_has_no_mean_and_no_output_is_overwritten(tiny_model: Path, other: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="two models or more"):
        average([tiny_model], tmp_path / "mean")
    with pytest.raises(ModelError, match="is there already"):
        average([tiny_model, other], other)
