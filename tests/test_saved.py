"""A model directory that is not whole is refused, in one line that names the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mawaqif.errors import ModelError
from mawaqif.saved import CONFIG, LABELS, SCALE, TOKENIZER, WEIGHTS, digests, open_model, store_settings, weight_index

FILES = (CONFIG, WEIGHTS, TOKENIZER, LABELS)


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def refused(directory: Path) -> str:
    with pytest.raises(ModelError) as caught:
        open_model(directory)
    return str(caught.value)


def test_a_whole_directory_opens(tiny_model: Path, tiny_onnx_model: Path) -> None:
    saved = open_model(str(tiny_model))
    assert saved.directory == tiny_model
    assert saved.settings["max_tokens"] == 64
    assert saved.labels.type_names[0] == "PERS"
    assert saved.graphs("fp32") is None
    assert saved.tokenizer.padding is None
    assert saved.tokenizer.truncation is None
    assert open_model(tiny_onnx_model).graphs("int8")


def test_no_directory(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == f"{tmp_path / 'none'}: no such model directory"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(model: Path, name: str) -> None:
    (model / name).unlink()
    assert f"{model}: {name} is missing; copy the model again" in refused(model)


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.pt"])
def test_a_pickle_is_no_substitute_for_weights(model: Path, pickle: str) -> None:
    (model / WEIGHTS).rename(model / pickle)
    assert f"{WEIGHTS} is missing ({pickle} is a pickle and is never loaded)" in refused(model)


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_is_cut(model: Path, name: str, share: float) -> None:
    cut(model / name, share)
    message = refused(model)
    assert str(model / name) in message
    assert message.endswith("copy the model again")


def header(path: Path, content: bytes) -> None:
    path.write_bytes(len(content).to_bytes(8, "little") + content)


@pytest.mark.parametrize(
    "content",
    [b"[]", b'{"a": 1}', b'{"a": {"dtype": "F16"}}', b'{"a": {"dtype": "F16", "data_offsets": [4, 2]}}', b"\xff{}"],
)
def test_weights_with_a_damaged_header(model: Path, content: bytes) -> None:
    header(model / WEIGHTS, content)
    assert f"{model / WEIGHTS}: damaged header" in refused(model)


def test_weights_with_something_behind_them(model: Path) -> None:
    with (model / WEIGHTS).open("ab") as file:
        file.write(b"more")
    assert "truncated or damaged" in refused(model)


def change(model: Path, edit: Callable[[dict[str, object]], object]) -> None:
    config = json.loads((model / CONFIG).read_text())
    edit(config)
    (model / CONFIG).write_text(json.dumps(config))


def test_a_configuration_of_another_kind(model: Path) -> None:
    change(model, lambda config: config.pop("mawaqif"))
    assert f"{model / CONFIG}: has no section 'mawaqif'" in refused(model)
    (model / CONFIG).write_text("[1]")
    assert f"{model / CONFIG}: has no section 'mawaqif'" in refused(model)
    (model / CONFIG).write_bytes(b"\xff\xfe")
    assert f"{model / CONFIG}: is no JSON" in refused(model)


def test_a_configuration_that_points_to_code(model: Path) -> None:
    change(model, lambda config: config.update(auto_map={"AutoModel": "evil.Model"}))
    assert f"{model / CONFIG}: asks to run code from the directory (auto_map)" in refused(model)


def test_words_are_as_many_as_their_vectors(tiny_word_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_word_model, tmp_path / "words"))
    assert len(open_model(model).words) == 8
    (model / "words.txt").write_text("الحزب\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"words\.txt: 1 words, but model\.safetensors has vectors of 8"):
        open_model(model)
    (model / "words.txt").unlink()
    with pytest.raises(ModelError, match=r"words\.txt: cannot be read"):
        open_model(model)


def test_labels_of_another_form(model: Path) -> None:
    (model / LABELS).write_text("{}")
    assert f"{model / LABELS}: types: is missing" in refused(model)


def test_weight_index_points_to_the_data(tiny_model: Path) -> None:
    tensors, start = weight_index(tiny_model / WEIGHTS)
    assert "__metadata__" not in tensors
    assert start + max(entry["data_offsets"][1] for entry in tensors.values()) == (tiny_model / WEIGHTS).stat().st_size
    kinds = {name: entry["dtype"] for name, entry in tensors.items()}
    rounded = [name for name, kind in kinds.items() if kind == "I8"]
    assert len(rounded) == 1
    assert rounded[0] + SCALE in kinds
    assert set(kinds.values()) == {"F16", "I8"}


def test_store_settings_changes_one_setting(model: Path) -> None:
    before = open_model(model)
    store_settings(before, min_score=0.42)
    after = open_model(model)
    assert after.settings == {**before.settings, "min_score": 0.42}
    assert {**after.config, "mawaqif": None} == {**before.config, "mawaqif": None}


def test_digests_tell_a_changed_model_but_for_its_card(model: Path) -> None:
    before = digests(model)
    assert set(FILES) <= set(before)
    (model / "README.md").write_text("changed", encoding="utf-8")
    assert digests(model) == before
    with (model / WEIGHTS).open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    changed = digests(model)
    assert {name for name in changed if changed[name] != before[name]} == {WEIGHTS}
