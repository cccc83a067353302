"""An encoder is found in a directory, or the run says at once how to get one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ModernBertModel
from transformers.utils import logging

import mawaqif.train.encoders
from mawaqif.errors import ConfigError, ModelError
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel, WordVectors
from mawaqif.saved import open_model
from mawaqif.train.encoders import find_words, load_encoder, take_heads
from mawaqif.train.words import save_words
from mawaqif.words import WordTable

HUB_ID = "invented-organisation/no-such-encoder"


def refused(name: str | Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_encoder(str(name))
    return str(caught.value)


def test_a_hugging_face_directory(tiny_encoder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    encoder, tokenizer = load_encoder(str(tiny_encoder))
    assert isinstance(encoder, ModernBertModel)
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    stored = load_file(tiny_encoder / "model.safetensors")["model.embeddings.tok_embeddings.weight"]
    torch.testing.assert_close(encoder.embeddings.tok_embeddings.weight.detach(), stored.float())
    assert tokenizer.encode("أعلن الحزب").tokens[0] == "[CLS]"
    assert (tokenizer.padding, tokenizer.truncation) == (None, None)
    assert capfd.readouterr() == ("", "")


def test_a_saved_model_lends_its_encoder(tiny_model: Path, tiny_encoder: Path) -> None:
    encoder, tokenizer = load_encoder(str(tiny_model))
    other, other_tokenizer = load_encoder(str(tiny_encoder))
    assert tokenizer.to_str() == other_tokenizer.to_str()
    for mine, theirs in zip(encoder.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)


def test_the_embedded_model_goes_by_its_name(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mawaqif.train.encoders, "EMBEDDED", tiny_model)
    assert isinstance(load_encoder("embedded")[0], ModernBertModel)
    monkeypatch.setattr(mawaqif.train.encoders, "EMBEDDED", tmp_path / "none")
    assert "no such directory" in refused("embedded")


def test_transformers_speaks_as_before(tiny_encoder: Path) -> None:
    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    load_encoder(str(tiny_encoder))
    refused("./none")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize("name", ["/none/at/all", "./none", "../none", "a/b/c"])
def test_no_directory(name: str) -> None:
    assert f"{Path(name)}: no such directory; give a model directory or a hub id" in refused(name)


def test_a_hub_id_without_a_network_fails_at_once_with_both_ways_out() -> None:
    started = time.monotonic()
    message = refused(HUB_ID)
    assert time.monotonic() - started < 20  # transformers alone retries for half a minute and more
    assert message.startswith(f"model.encoder: {HUB_ID!r} cannot be loaded (it is in no local cache and the hub says")
    assert "give a local directory that holds config.json, model.safetensors and tokenizer.json" in message
    assert message.endswith("or use the embedded encoder: model.encoder=embedded")


def test_the_hub_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Unreachable:
        def model_info(self, name: str, timeout: float) -> None:
            asked.append((name, timeout))
            raise TimeoutError("timed out\nafter a while")

    monkeypatch.setattr(mawaqif.train.encoders, "HfApi", Unreachable)
    assert "the hub says: timed out)" in refused(HUB_ID)
    assert asked == [(HUB_ID, mawaqif.train.encoders.HUB_SECONDS)]


@pytest.fixture
def copy(tiny_encoder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_directory_that_is_not_whole(copy: Path, name: str, damage: str) -> None:
    if damage == "missing":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes((copy / name).read_bytes()[:100])
    assert f"model.encoder: {str(copy)!r} cannot be loaded" in refused(copy)


def test_pickled_weights_are_not_read(copy: Path) -> None:
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    assert "cannot be loaded" in refused(copy)


def test_weights_that_are_not_all_there(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["model.embeddings.tok_embeddings.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert "its weights lack embeddings.tok_embeddings.weight and 0 more" in refused(copy)


def test_code_in_a_directory_is_not_run(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "evil.py").write_text("raise SystemExit('code was run')")
    assert "cannot be loaded" in refused(copy)


def test_a_damaged_model_says_so_itself(tiny_model: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (directory / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model.safetensors is missing"):
        load_encoder(str(directory))


# ------------------------------------------------------------------------------------------------------ trained heads


def new_model(tiny_model: Path, labels: LabelSet, width: int = 32) -> JointModel:
    encoder, _ = load_encoder(str(tiny_model))
    return JointModel(encoder, labels, {"stance_width": width, "stance_heads": 2}, {"own": 5})


def test_a_trained_model_lends_its_heads_too(tiny_model: Path, labels: LabelSet) -> None:
    model, trained = new_model(tiny_model, labels), JointModel.load(open_model(tiny_model))
    assert not torch.equal(model.mentions.weight, trained.mentions.weight)
    assert take_heads(model, str(tiny_model))
    own = model.state_dict()
    assert all(torch.equal(own[name], values) for name, values in trained.state_dict().items())
    assert len(own) > len(trained.state_dict())  # and the head of the other scheme


def test_vectors_of_words_come_with_the_model_or_from_a_directory(
    tiny_word_model: Path, tiny_model: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    trained = JointModel.load(open_model(tiny_word_model)).words
    assert trained
    tokenizer, hidden = open_model(tiny_word_model).tokenizer, trained.into.out_features
    found = find_words(str(tiny_word_model), None, tokenizer, hidden)
    assert found
    assert found.table.words == trained.table.words
    assert torch.equal(found.vectors.weight, trained.vectors.weight)
    assert torch.equal(found.into.weight, trained.into.weight)
    save_words(tmp_path, ["حزب", "مجلس"], np.ones((2, 4), np.float32))
    given = find_words(str(tiny_word_model), tmp_path, tokenizer, hidden)
    assert given
    assert given.table.words == ("حزب", "مجلس")
    assert torch.equal(given.vectors.weight[1:], torch.ones(2, 4))
    assert all(find_words(str(path), None, tokenizer, hidden) is None for path in (tiny_model, tiny_encoder))


def test_other_words_leave_the_other_heads(tiny_word_model: Path, labels: LabelSet) -> None:
    encoder, tokenizer = load_encoder(str(tiny_word_model))
    settings = {"stance_width": 32, "stance_heads": 2}
    words = WordVectors.begin(WordTable(["حزب"], tokenizer), torch.ones(1, 4), encoder.config.hidden_size)
    model = JointModel(encoder, labels, settings, words=words)
    assert take_heads(model, str(tiny_word_model))
    trained = JointModel.load(open_model(tiny_word_model))
    assert torch.equal(model.mentions.weight, trained.mentions.weight)
    assert model.words
    assert not model.words.into.weight.any()


def test_heads_that_do_not_fit_are_left_alone(tiny_model: Path, tiny_encoder: Path, labels: LabelSet) -> None:
    model = new_model(tiny_model, labels)
    before = {name: values.clone() for name, values in model.state_dict().items()}
    assert not take_heads(model, str(tiny_encoder))
    assert not take_heads(model, HUB_ID)
    assert all(torch.equal(before[name], values) for name, values in model.state_dict().items())
    assert not take_heads(new_model(tiny_model, labels, width=16), str(tiny_model))
    fewer = labels.model_copy(update={"voices": labels.voices[:2]})
    assert not take_heads(new_model(tiny_model, fewer), str(tiny_model))


def test_a_hub_cache_is_used_without_a_network(tiny_encoder: Path, tmp_path: Path) -> None:
    """The cache in the hub's own layout: refs name a commit, snapshots hold its files."""
    repository = tmp_path / "hub" / "models--someone--an-encoder"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    shutil.copytree(tiny_encoder, repository / "snapshots" / ("0" * 40))
    program = (
        "from mawaqif.train.encoders import load_encoder\n"
        "print(load_encoder('someone/an-encoder')[0].config.hidden_size)"
    )
    nowhere = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **nowhere, "HF_HUB_CACHE": str(tmp_path / "hub")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "32", done.stderr
