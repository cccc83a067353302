"""8-bit matrix products in an ONNX graph (see `mawaqif.train.export`).

x @ w becomes

    row   = max |x| a row / 127                     uint8(round(x / row) + 128), 128 standing for zero
    col   = max |w| a column / 127                  int8(round(w / col)); constant, so folded when the graph is loaded
    y     = int32 product * col * row               the first two in one pass: MatMulIntegerToFloat of ONNX Runtime

after LLM.int8() (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339: a scale for each row and each column).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

_LEAST_COLUMNS = 64  # the last layers, which tell labels apart, are narrow and cost nothing: they stay as they are


def quantise(model: Any) -> Any:
    """A copy of a graph whose products with a constant matrix are done in 8 bits."""
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    widths = _constant_widths(graph)
    nodes: list[Any] = []
    for number, node in enumerate(graph.node):
        if node.op_type == "MatMul" and widths.get(node.input[1], 0) >= _LEAST_COLUMNS:
            nodes += _product(f"int8.{number}", node.input[0], node.input[1], node.output[0])
        else:
            nodes.append(node)
    constants: dict[str, Any] = {
        "int8.largest": np.array(127, np.float32),
        "int8.tiny": np.array(1e-30, np.float32),
        "int8.one": np.array(1, np.float32),
        "int8.zero": np.array(128, np.uint8),
        "int8.last": np.array([-1], np.int64),
        "int8.first": np.array([0], np.int64),
    }
    refill(graph.node, nodes)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    copy.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return copy


def _constant_widths(graph: Any) -> dict[str, int]:
    """Number of columns of every constant matrix, those that are cast or transposed constants included."""
    shapes = {constant.name: tuple(constant.dims) for constant in graph.initializer if len(constant.dims) == 2}
    for node in graph.node:
        if node.op_type in ("Cast", "Transpose") and node.input[0] in shapes:
            shape = shapes[node.input[0]]
            shapes[node.output[0]] = shape if node.op_type == "Cast" else shape[::-1]
    return {name: int(shape[1]) for name, shape in shapes.items()}


def _product(name: str, x: str, w: str, y: str) -> Iterator[Any]:
    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
        return helper.make_node(kind, inputs, [output], **attributes)

    for value, axis, side in ((x, "int8.last", "row"), (w, "int8.first", "col")):
        yield node("Abs", [value], f"{name}.{side}.abs")
        yield node("ReduceMax", [f"{name}.{side}.abs", axis], f"{name}.{side}.max", keepdims=int(side == "row"))
        yield node("Div", [f"{name}.{side}.max", "int8.largest"], f"{name}.{side}.raw")
        yield node("Max", [f"{name}.{side}.raw", "int8.tiny"], f"{name}.{side}")  # a row of zeros
        yield node("Div", [value, f"{name}.{side}"], f"{name}.{side}.scaled")
    yield node("QuantizeLinear", [f"{name}.row.scaled", "int8.one", "int8.zero"], f"{name}.x")
    yield node("Round", [f"{name}.col.scaled"], f"{name}.col.round")
    yield node("Cast", [f"{name}.col.round"], f"{name}.w", to=TensorProto.INT8)
    inputs = [f"{name}.x", f"{name}.w", "int8.one", f"{name}.col", "int8.zero"]
    yield node("MatMulIntegerToFloat", inputs, f"{name}.unscaled", domain="com.microsoft")
    yield node("Mul", [f"{name}.unscaled", f"{name}.row"], y)


def refill(field: Any, items: Sequence[Any]) -> None:
    """Puts items in the place of all that a repeated field of a graph holds; they may be among it."""
    del field[:]
    field.extend(items)
