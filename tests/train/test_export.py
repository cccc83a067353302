"""The ONNX graphs compute what PyTorch computes, and take their weights from the one weights file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.testing import assert_allclose
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from mawaqif.errors import ModelError
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel
from mawaqif.saved import ENCODER_GRAPH, PRECISIONS, STANCE_GRAPH, WEIGHTS, graph_paths, open_model
from mawaqif.train.export import export_onnx

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def bert(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer, tiny_shape: dict[str, int], labels: LabelSet
) -> Path:
    """A model with absolute positions and a pooler that is never used."""
    torch.manual_seed(0)
    config = BertConfig(**{**tiny_shape, "num_hidden_layers": 1})
    directory = tmp_path_factory.mktemp("bert")
    JointModel(BertModel(config), labels, {"stance_width": 32, "stance_heads": 2, "max_tokens": 128}).save(
        directory, tiny_tokenizer
    )
    export_onnx(directory)
    return directory


def session(directory: Path, name: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(directory / name), options, providers=["CPUExecutionProvider"])


def random_inputs(encoder: Any, batch: int, tokens: int, entities: int, pairs: int) -> tuple[Arrays, Arrays]:
    """Encoder inputs and stance inputs; each row has its own length, and an entity may have no token."""
    chooser = np.random.default_rng([batch, tokens, entities, pairs])
    mask = np.ones((batch, tokens), dtype=np.int64)
    for row in range(1, batch):
        mask[row, chooser.integers(2, tokens + 1) :] = 0
    stance: Arrays = {
        "entity_mask": (chooser.random((batch, entities, tokens)) < 0.2) & (mask[:, None] > 0),
        "types": chooser.integers(0, 11, (batch, entities)),
        "distance": chooser.integers(0, 15, (batch, entities, tokens)),
        "pairs": chooser.integers(0, entities, (batch, pairs, 2)),
    }
    inputs = {"ids": chooser.integers(0, 100, (batch, tokens)), "mask": mask}
    if len(encoder.get_inputs()) > len(inputs):
        inputs["rows"] = chooser.integers(0, 9, (batch, tokens))
    return inputs, stance


SHAPES = [(1, 2, 1, 1), (1, 24, 5, 7), (2, 24, 5, 7), (3, 64, 9, 40), (5, 17, 2, 1), (2, 127, 30, 300)]


@pytest.mark.parametrize("kind", ["tiny_onnx_model", "tiny_word_model", "bert"])
def test_graphs_and_pytorch_agree(request: pytest.FixtureRequest, kind: str) -> None:
    directory = request.getfixturevalue(kind)
    model = JointModel.load(open_model(directory))
    encoder, stances = session(directory, ENCODER_GRAPH), session(directory, STANCE_GRAPH)
    for shape in SHAPES:
        inputs, given = random_inputs(encoder, *shape)
        found = encoder.run(["hidden", "tags"], inputs)
        with torch.no_grad():
            hidden, tags = model.encode(*map(torch.from_numpy, inputs.values()))
            expected = model.stances(
                hidden, torch.from_numpy(inputs["mask"]), *(torch.from_numpy(array) for array in given.values())
            )
        real = inputs["mask"] > 0
        for mine, theirs in zip(found, (hidden, tags), strict=True):
            assert_allclose(mine[real], theirs.numpy()[real], atol=1e-4)
        given |= {"hidden": hidden.numpy(), "token_mask": inputs["mask"]}
        for mine, theirs in zip(stances.run(["stance", "voice", "evidence"], given), expected, strict=True):
            assert_allclose(mine, theirs.numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["tiny_onnx_model", "tiny_word_model", "bert"])
def test_8_bits_are_near_and_no_batch_changes_them(request: pytest.FixtureRequest, kind: str) -> None:
    directory = request.getfixturevalue(kind)
    exact, rounded = (
        [session(directory, path.name) for path in graph_paths(directory, precision)] for precision in PRECISIONS
    )
    for shape in SHAPES:
        inputs, given = random_inputs(exact[0], *shape)
        real = inputs["mask"] > 0
        hidden, tags = exact[0].run(["hidden", "tags"], inputs)
        found = rounded[0].run(["hidden", "tags"], inputs)
        for mine, theirs in zip(found, (hidden, tags), strict=True):
            error = np.linalg.norm((mine - theirs)[real]) / np.linalg.norm(theirs[real])
            assert 0 < error < 0.02  # it is rounded, and it is near
        for row in range(shape[0]):
            length = int(inputs["mask"][row].sum())
            alone = rounded[0].run(["hidden"], {name: array[row : row + 1, :length] for name, array in inputs.items()})
            assert_allclose(alone[0][0], found[0][row, :length], atol=2e-5)
        given |= {"hidden": hidden, "token_mask": inputs["mask"]}
        results = (run.run(["stance", "voice", "evidence"], given) for run in (rounded[1], exact[1]))
        for mine, theirs in zip(*results, strict=True):
            assert np.abs(mine - theirs)[np.abs(theirs) < 1e3].max() < 0.05


def test_what_is_constant_and_wide_is_rounded(tiny_onnx_model: Path) -> None:
    kinds = [node.op_type for node in onnx.load(graph_paths(tiny_onnx_model, "int8")[0]).graph.node]
    assert kinds.count("MatMulIntegerToFloat") == 2 * 5  # two layers; what leads back to 32 units is too narrow
    assert kinds.count("QuantizeLinear") == 2 * 2  # products of the same states share their rounding
    assert kinds.count("MatMul") > 2  # narrow products


@pytest.mark.parametrize("kind", ["tiny_onnx_model", "bert"])
@pytest.mark.parametrize("name", [ENCODER_GRAPH, STANCE_GRAPH, "encoder.int8.onnx", "stances.int8.onnx"])
def test_graphs_are_small_and_hold_no_weights(request: pytest.FixtureRequest, kind: str, name: str) -> None:
    directory = request.getfixturevalue(kind)
    assert (directory / name).stat().st_size < 1_000_000
    graph = onnx.load(directory / name, load_external_data=False)
    onnx.checker.check_model(str(directory / name))
    shared = [t for t in graph.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    assert len(shared) > 3
    for tensor in shared:
        assert not tensor.raw_data
        assert {entry.key: entry.value for entry in tensor.external_data}["location"] == WEIGHTS
    kept = [t for t in graph.graph.initializer if t.data_location != onnx.TensorProto.EXTERNAL]
    assert all(np.prod(t.dims) < 256 for t in kept if t.data_type == onnx.TensorProto.FLOAT)
    assert not any(node.doc_string or node.metadata_props for node in graph.graph.node)


def test_a_graph_follows_its_weights_file(tiny_onnx_model: Path, tmp_path: Path) -> None:
    """Other weights beside the same graph give other outputs: they are stored once, there."""
    directory = Path(shutil.copytree(tiny_onnx_model, tmp_path / "model"))
    inputs, _ = random_inputs(session(directory, ENCODER_GRAPH), 1, 8, 1, 1)
    before = session(directory, ENCODER_GRAPH).run(["tags"], inputs)[0]
    content = bytearray((directory / WEIGHTS).read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    (directory / WEIGHTS).write_bytes(content)
    assert np.abs(session(directory, ENCODER_GRAPH).run(["tags"], inputs)[0] - before).max() > 0.01


def test_weights_of_another_precision_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    weights = load_file(directory / WEIGHTS)
    floats = {name: values.bfloat16() for name, values in weights.items() if values.is_floating_point()}
    save_file(weights | floats, directory / WEIGHTS)
    with pytest.raises(ModelError, match="is BF16; a saved mawaqif model holds F16"):
        export_onnx(directory)


def test_nothing_is_cut_apart_or_turned_around_between_products(tiny_onnx_model: Path) -> None:
    layers = open_model(tiny_onnx_model).config["num_hidden_layers"]
    graph = onnx.load_model(str(tiny_onnx_model / ENCODER_GRAPH), load_external_data=False).graph
    kinds = [node.op_type for node in graph.node]
    assert (kinds.count("Attention"), kinds.count("RotaryEmbedding"), kinds.count("Softmax")) == (layers, 2 * layers, 0)
    computed = {name for node in graph.node if node.op_type == "MatMul" for name in node.output}
    moved = [node for node in graph.node if node.op_type in ("Split", "Slice", "Transpose", "Reshape")]
    assert not any(computed & set(node.input) for node in moved)
