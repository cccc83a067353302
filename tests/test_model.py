"""The model's outputs depend on nothing but the article: not on padding, neighbours, or a trip through the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from mawaqif.article import Article
from mawaqif.encoding import Pairs, encode, pad_pairs, pad_windows, pairs_of, special_ids
from mawaqif.errors import ModelError
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel, _restored, _rounded
from mawaqif.saved import BOUNDARIES, CONFIG, SCALE, WEIGHTS, open_model

Outputs = tuple[Tensor, ...]


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> JointModel:
    return JointModel.load(open_model(tiny_model))


@pytest.fixture(scope="module")
def bert(tiny_shape: dict[str, int], labels: LabelSet) -> JointModel:
    torch.manual_seed(0)
    return JointModel(
        BertModel(BertConfig(**tiny_shape)), labels, {"stance_width": 32, "stance_heads": 4, "max_tokens": 128}
    ).eval()


def inputs_of(articles: list[Article], tokenizer: Tokenizer, labels: LabelSet) -> tuple[dict[str, Tensor], list[Pairs]]:
    encoded = encode([article.text for article in articles], tokenizer, 128)
    windows = [pairs_of(a, e, e.windows[0], labels) for a, e in zip(articles, encoded, strict=True)]
    ids, mask = pad_windows([e.ids for e in encoded], special_ids(tokenizer))
    arrays = {"ids": ids, "mask": mask, **pad_pairs(windows, ids.shape[1])}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}, windows


def run(model: JointModel, inputs: dict[str, Tensor]) -> Outputs:
    """Tag, stance, voice and evidence logits."""
    hidden, tags = model.encode(inputs["ids"], inputs["mask"])
    order = ("mask", "entity_mask", "types", "distance", "pairs")
    return (tags, *model.stances(hidden, *(inputs[name] for name in order)))


def assert_same(first: Outputs, second: Outputs, tolerance: float = 1e-4) -> None:
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


def test_shapes(model: JointModel, tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]) -> None:
    inputs, windows = inputs_of(gold_articles, tiny_tokenizer, labels)
    tags, stance, voice, evidence = run(model, inputs)
    tokens, pairs = inputs["ids"].shape[1], max(len(w.pairs) for w in windows)
    assert tags.shape == (3, tokens, 2 * len(labels.types) + 1)
    assert stance.shape == (3, pairs, 1 + len(labels.stances))
    assert voice.shape == (3, pairs, len(labels.voices))
    assert evidence.shape == (3, pairs, tokens)
    assert all(output.isfinite().all() for output in (tags, stance, voice, evidence))


@pytest.mark.parametrize("kind", ["model", "bert"])
def test_an_article_alone_and_in_a_batch(
    request: pytest.FixtureRequest,
    kind: str,
    tiny_tokenizer: Tokenizer,
    labels: LabelSet,
    gold_articles: list[Article],
) -> None:
    """Neither tokens, entities nor pairs of padding change anything."""
    model = request.getfixturevalue(kind)
    batch, windows = inputs_of(gold_articles, tiny_tokenizer, labels)
    outputs = run(model, batch)
    for n, article in enumerate(gold_articles):
        inputs, _ = inputs_of([article], tiny_tokenizer, labels)
        tokens, pairs = inputs["ids"].shape[1], len(windows[n].pairs)
        tags, stance, voice, evidence = (output[n : n + 1] for output in outputs)
        cut = (tags[:, :tokens], stance[:, :pairs], voice[:, :pairs], evidence[:, :pairs, :tokens])
        assert_same(run(model, inputs), cut)


def test_before_training_more_entities_change_no_other_pair(
    model: JointModel, tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]
) -> None:
    article = gold_articles[0]
    kept = [m for m in article.mentions if m.entity not in {"e4", "e6"}]
    fewer = article.model_copy(
        update={"mentions": kept, "entities": [e for e in article.entities if e.id not in {"e4", "e6"}]}
    )
    found = []
    for variant in (article, fewer):
        inputs, (window,) = inputs_of([variant], tiny_tokenizer, labels)
        _, stance, voice, evidence = run(model, inputs)
        keys = [(window.entities[h], window.entities[t]) for h, t in window.pairs]
        found.append({key: (stance[0, n], voice[0, n], evidence[0, n]) for n, key in enumerate(keys)})
    assert set(found[1]) < set(found[0])
    for key, outputs in found[1].items():
        assert_same(outputs, found[0][key])


def test_an_entity_is_read_at_its_own_mentions(model: JointModel) -> None:
    hidden, evidence, rows = torch.randn(1, 6, 32), torch.randn(1, 1, 6), torch.tensor([[1]])
    mask = torch.tensor([[[1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]]]).float()
    read = model.stances._entity(0, hidden, mask, evidence, rows)
    elsewhere = torch.where(mask[0, 1][None, :, None] > 0, hidden, 0)
    torch.testing.assert_close(model.stances._entity(0, elsewhere, mask, evidence, rows), read)
    sharp = model.stances._entity(0, hidden, mask, torch.tensor([[[0, 0, 0, 99.0, 0, 0]]]), rows)
    torch.testing.assert_close(sharp[0, 0], model.stances.entity[0](hidden[0, 3]))


def test_the_direction_of_a_pair_matters(
    model: JointModel, tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]
) -> None:
    inputs, _ = inputs_of(gold_articles[:1], tiny_tokenizer, labels)
    _, stance, *_ = run(model, inputs)
    _, swapped, *_ = run(model, {**inputs, "pairs": inputs["pairs"].flip(-1)})
    assert (stance - swapped).abs().max() > 1e-3


def test_nothing_is_random_once_loaded(
    model: JointModel, tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]
) -> None:
    inputs, _ = inputs_of(gold_articles, tiny_tokenizer, labels)
    assert not model.training
    assert_same(run(model, inputs), run(model, inputs), 0)


@pytest.mark.parametrize("kind", ["model", "bert"])
def test_saving_and_loading_keeps_the_outputs(
    request: pytest.FixtureRequest,
    kind: str,
    tmp_path: Path,
    tiny_tokenizer: Tokenizer,
    labels: LabelSet,
    gold_articles: list[Article],
) -> None:
    model = request.getfixturevalue(kind)
    inputs, _ = inputs_of(gold_articles, tiny_tokenizer, labels)
    model.save(tmp_path / "new" / "model", tiny_tokenizer)
    saved = open_model(tmp_path / "new" / "model")
    loaded = JointModel.load(saved)
    assert saved.settings == model.settings
    assert saved.labels == labels
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert_same(run(loaded, inputs), run(model, inputs), 2e-2)  # weights are saved in 16 bits
    loaded.save(tmp_path / "again", tiny_tokenizer)
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (tmp_path / "new" / "model" / WEIGHTS).read_bytes()


@given(
    st.lists(st.lists(st.floats(-8, 8, width=32), min_size=5, max_size=5), min_size=1, max_size=6),
    st.floats(0.1, 1e3),
)
def test_embeddings_in_8_bits_are_near_and_are_rounded_once(rows: list[list[float]], size: float) -> None:
    table = torch.tensor(rows)
    table = torch.where(table.abs().amax(1, keepdim=True) < 0.1, torch.zeros_like(table), table) * size
    stored = dict(zip(("table", "table.scale"), _rounded(table), strict=True))
    own = {
        "other": torch.ones(3).half(),
        "other.scale": torch.ones(1).half(),
    }  # an encoder may have a weight of this name
    restored = _restored({**stored, **own})
    assert set(restored) == {"table", *own}
    largest = table.abs().amax(1, keepdim=True)
    assert (
        (restored["table"] - table).abs() <= largest * 0.0045
    ).all()  # half a step of 1/127, and the scale's 16 bits
    again = _rounded(restored["table"])
    assert torch.equal(again[0], stored["table"])
    assert torch.equal(again[1], stored["table.scale"])


def test_bounds_of_other_weights_do_not_outlive_them(
    model: JointModel, tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    (tmp_path / BOUNDARIES).write_bytes(b"fitted to what was here")
    model.save(tmp_path, tiny_tokenizer)
    assert not (tmp_path / BOUNDARIES).exists()


def test_heads_of_other_schemes_are_not_saved(
    model: JointModel, tiny_tokenizer: Tokenizer, labels: LabelSet, tmp_path: Path
) -> None:
    several = JointModel(model.encoder, labels, model.settings, {"other": 7})
    assert several.schemes["other"].out_features == 7
    several.save(tmp_path, tiny_tokenizer)
    assert not any(name.startswith("schemes.") for name in load_file(tmp_path / WEIGHTS))
    JointModel.load(open_model(tmp_path))


@pytest.fixture
def damaged(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def load_fails(directory: Path) -> str:
    with pytest.raises(ModelError) as caught:
        JointModel.load(open_model(directory))
    return str(caught.value)


@pytest.mark.parametrize("change", ["missing", "unknown", "misshapen"])
def test_weights_that_do_not_fit(damaged: Path, change: str) -> None:
    weights = load_file(damaged / WEIGHTS)
    if change == "missing":
        del weights["mentions.bias"]
    else:
        weights["mentions.bias" if change == "misshapen" else "else"] = torch.zeros(2, dtype=torch.float16)
    save_file(weights, damaged / WEIGHTS)
    message = load_fails(damaged)
    assert f"{damaged / WEIGHTS}: does not fit {CONFIG}" in message
    assert "mentions.bias" in message or "else" in message


def test_embeddings_without_their_scales(damaged: Path) -> None:
    weights = load_file(damaged / WEIGHTS)
    name = next(name for name, values in weights.items() if values.dtype == torch.int8)
    del weights[name + SCALE]
    save_file(weights, damaged / WEIGHTS)
    assert f"{damaged / WEIGHTS}: lacks {name}{SCALE}" in load_fails(damaged)


@pytest.mark.parametrize("change", [{"model_type": "no-such-encoder"}, {"hidden_size": 33}, {"num_hidden_layers": "x"}])
def test_a_configuration_that_cannot_be_built(damaged: Path, change: dict[str, object]) -> None:
    config = json.loads((damaged / CONFIG).read_text())
    (damaged / CONFIG).write_text(json.dumps(config | change))
    assert str(damaged / CONFIG) in load_fails(damaged)
