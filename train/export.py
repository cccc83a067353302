"""Writes a model directory's ONNX graphs, which read their weights from the directory's own model.safetensors.

A graph is exported by PyTorch, then each of its large constants is found among the saved weights and replaced by a
reference into model.safetensors (ONNX external data) with a cast to fp32. So the weights exist once, both engines use
the very same numbers, and the graphs are a few hundred kilobytes. ONNX Runtime folds the casts when it loads. The
embeddings, stored as 8-bit integers, stay so in memory: the rows that a text needs are scaled when they are looked up.

The int8 graphs are the same with 8-bit matrix products: weights rounded a column (from the 16-bit ones when the graph
is loaded, so they cost no disk), activations rounded a token at run time. A token's result depends on no other article
of the batch; one scale for the batch, as ONNX Runtime's own dynamic quantisation has it, would let neighbours in.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from mawaqif.errors import ModelError
from mawaqif.model import JointModel
from mawaqif.saved import PRECISIONS, WEIGHTS, SavedModel, graph_paths, open_model, scales, weight_index
from mawaqif.train.operators import fewer_operators
from mawaqif.train.quantise import quantise, refill

OPSET = 23  # the first with Attention and RotaryEmbedding
_SMALL = 256  # constants with fewer elements stay inside the graph


class _Encode(nn.Module):
    def __init__(self, model: JointModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.model.encode(ids, mask, rows)


def export_onnx(directory: str | Path) -> list[Path]:
    """Writes encoder.onnx and stances.onnx, and the same in int8, into a model directory and returns their paths.

    encoder.onnx: ids, mask [batch, tokens] int64 → hidden [batch, tokens, hidden], tags [batch, tokens, tags]; also
    rows [batch, tokens] where words have vectors, see `WordTable.rows`.
    stances.onnx: hidden, mask, entity_mask [batch, entities, tokens] bool, types [batch, entities], distance [batch,
    entities, tokens], pairs [batch, pairs, 2] → stance, voice, evidence; see `StanceHead.forward`.
    """
    saved = open_model(directory)
    model = JointModel.load(saved)
    model.encoder.set_attn_implementation("sdpa")  # becomes one Attention operator a layer
    batch, tokens, entities, pairs = 2, 24, 5, 7
    ids = torch.randint(5, 100, (batch, tokens))
    mask = torch.ones_like(ids)
    hidden = model.encode(ids, mask)[0].detach()
    entity_mask = torch.zeros(batch, entities, tokens, dtype=torch.bool)
    entity_mask[:, torch.arange(entities), torch.arange(entities)] = True
    types = torch.zeros(batch, entities, dtype=torch.int64)
    distance = torch.zeros(batch, entities, tokens, dtype=torch.int64)
    rows = torch.randint(0, entities, (batch, pairs, 2))
    weights = _saved_weights(saved)
    with fewer_operators(model.encoder):
        inputs = {"ids": ids, "mask": mask} | ({"rows": model.words.rows(ids)} if model.words else {})
        encoder = _export(_Encode(model), inputs, ["hidden", "tags"], dict.fromkeys(inputs, 2))
    inputs = {"hidden": hidden, "token_mask": mask, "entity_mask": entity_mask}
    inputs |= {"types": types, "distance": distance, "pairs": rows}
    dynamic = {name: 3 if name in {"entity_mask", "distance"} else 2 for name in inputs}
    stances = _export(model.stances, inputs, ["stance", "voice", "evidence"], dynamic)
    for graph in (encoder, stances):
        _share_weights(graph, weights, saved.directory / WEIGHTS)
    paths: list[Path] = []
    for precision in PRECISIONS:
        for graph, path in zip((encoder, stances), graph_paths(saved.directory, precision), strict=True):
            onnx.save_model(quantise(graph) if precision == "int8" else graph, str(path))
            paths.append(path)
    return paths


def _export(module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], dynamic: dict[str, int]) -> Any:
    """The ONNX graph of a module in evaluation mode; the first `dynamic` dimensions of each input may vary."""
    auto = torch.export.Dim.DYNAMIC
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes={name: dict.fromkeys(range(count), auto) for name, count in dynamic.items()},
            input_names=list(inputs),
            output_names=outputs,
            opset_version=OPSET,
            verbose=False,
        )
    return program.model_proto


@dataclass(frozen=True)
class _Stored:
    """A saved weight: its values in fp32, its data in model.safetensors, and, where it is of 8 bits, its scales."""

    values: NDArray[np.float32]
    kind: int
    offset: int
    length: int
    scale: _Stored | None = None

    def reference(self, name: str, file: str) -> Any:
        """An initialiser of a graph with the data in model.safetensors."""
        shared = TensorProto(name=name, data_type=self.kind, dims=self.values.shape)
        shared.data_location = TensorProto.EXTERNAL
        for key, value in (("location", file), ("offset", str(self.offset)), ("length", str(self.length))):
            shared.external_data.add(key=key, value=value)
        return shared


_KINDS: dict[str, tuple[int, Any]] = {"F16": (TensorProto.FLOAT16, np.float16), "I8": (TensorProto.INT8, np.int8)}


def _saved_weights(saved: SavedModel) -> dict[str, _Stored]:
    """The weights in model.safetensors by name, scales with the tensors that they scale."""
    path = saved.directory / WEIGHTS
    header, start = weight_index(path)
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    found: dict[str, _Stored] = {}
    for name, entry in header.items():
        if entry["dtype"] not in _KINDS:
            raise ModelError(f"{path}: {name} is {entry['dtype']}; a saved mawaqif model holds F16 and I8")
        kind, dtype = _KINDS[entry["dtype"]]
        begin, end = (start + int(offset) for offset in entry["data_offsets"])
        values = np.frombuffer(raw[begin:end].tobytes(), dtype=dtype).reshape(entry["shape"])
        found[name] = _Stored(values.astype(np.float32), kind, begin, end - begin)
    for name, scale_name in scales(header).items():
        stored, scale = found[name], found.pop(scale_name)
        found[name] = replace(stored, values=stored.values * scale.values, scale=scale)
    return found


def _share_weights(model: Any, weights: dict[str, _Stored], path: Path) -> None:
    """Replaces the graph's large constants by references into the weights file. Raises ModelError if one is missing."""
    graph = model.graph
    kept, nodes = [], []
    tables: set[str] = set()  # constants of 8 bits
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.size < _SMALL or values.dtype != np.float32:
            kept.append(constant)
            continue
        name, transposed = _find(values, weights)
        if name is None:
            raise ModelError(f"{path}: the exported constant {constant.name} {values.shape} is no saved weight")
        stored = weights[name]
        if stored.scale is not None:
            tables.add(constant.name)
            kept.append(stored.reference(f"{constant.name}.i8", path.name))
            kept.append(stored.scale.reference(f"{constant.name}.scale", path.name))
            continue
        kept.append(stored.reference(f"{constant.name}.f16", path.name))
        cast = f"{constant.name}.f32" if transposed else constant.name
        nodes.append(helper.make_node("Cast", [f"{constant.name}.f16"], [cast], to=TensorProto.FLOAT))
        if transposed:
            nodes.append(helper.make_node("Transpose", [cast], [constant.name], perm=[1, 0]))
    for node in graph.node:
        if tables & set(node.input):
            nodes += _look_up(node, path)
        else:
            nodes.append(node)
    refill(graph.initializer, kept)
    refill(graph.node, nodes)
    del graph.value_info[:]
    for node in graph.node:  # stack traces of the exported Python code
        node.ClearField("doc_string")
        node.ClearField("metadata_props")


def _look_up(node: Any, path: Path) -> Iterator[Any]:
    """Gather of a table that is stored in 8 bits: its rows, scaled."""
    table, rows = node.input
    if node.op_type != "Gather" or any(a.name == "axis" and a.i != 0 for a in node.attribute):
        raise ModelError(f"{path}: {table} is stored in 8 bits, but used by {node.op_type}, not only looked up")
    result = node.output[0]
    for part in ("i8", "scale"):
        yield helper.make_node("Gather", [f"{table}.{part}", rows], [f"{result}.{part}"], axis=0)
        yield helper.make_node("Cast", [f"{result}.{part}"], [f"{result}.{part}.f32"], to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [f"{result}.i8.f32", f"{result}.scale.f32"], [result])


def _find(values: NDArray[np.float32], weights: dict[str, _Stored]) -> tuple[str | None, bool]:
    for name, entry in weights.items():
        stored = entry.values
        if stored.shape == values.shape and np.array_equal(stored, values):
            return name, False
        if stored.ndim == 2 and stored.T.shape == values.shape and np.array_equal(stored.T, values):
            return name, True
    return None, False
