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
    rounded: dict[str, str] = {}  # left-hand sides that are there in 8 bits, and under what name
    for number, node in enumerate(graph.node):
        if node.op_type == "MatMul" and widths.get(node.input[1], 0) >= _LEAST_COLUMNS:
            name, (x, w), (y,) = f"int8.{number}", node.input, node.output
            if x not in rounded:
                rounded[x] = f"{name}.row"
                nodes += _rows(rounded[x], x)
            nodes += _product(f"{name}.col", w, rounded[x], y)
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
    """Number of columns of every constant matrix, also of one that is cast or transposed; of a part, of the whole."""
    shapes = {constant.name: tuple(constant.dims) for constant in graph.initializer if len(constant.dims) == 2}
    for node in graph.node:
        if node.op_type in ("Cast", "Transpose", "Split") and node.input[0] in shapes:
            rows, columns = shapes[node.input[0]]
            shape = (columns, rows) if node.op_type == "Transpose" else (rows, columns)
            shapes |= dict.fromkeys(node.output, shape)
    return {name: int(shape[1]) for name, shape in shapes.items()}


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, [output], **attributes)


def _scaled(name: str, value: str, axis: str, *, keepdims: bool) -> Iterator[Any]:
    """The scale of each row or column, under `name`, and the value divided by it."""
    yield _node("Abs", [value], f"{name}.abs")
    yield _node("ReduceMax", [f"{name}.abs", axis], f"{name}.max", keepdims=int(keepdims))
    yield _node("Div", [f"{name}.max", "int8.largest"], f"{name}.raw")
    yield _node("Max", [f"{name}.raw", "int8.tiny"], name)  # a row of zeros
    yield _node("Div", [value, name], f"{name}.scaled")


def _rows(name: str, x: str) -> Iterator[Any]:
    yield from _scaled(name, x, "int8.last", keepdims=True)
    yield _node("QuantizeLinear", [f"{name}.scaled", "int8.one", "int8.zero"], f"{name}.x")


def _product(name: str, w: str, rows: str, y: str) -> Iterator[Any]:
    yield from _scaled(name, w, "int8.first", keepdims=False)
    yield _node("Round", [f"{name}.scaled"], f"{name}.round")
    yield _node("Cast", [f"{name}.round"], f"{name}.w", to=TensorProto.INT8)
    inputs = [f"{rows}.x", f"{name}.w", "int8.one", name, "int8.zero"]
    yield _node("MatMulIntegerToFloat", inputs, f"{name}.unscaled", domain="com.microsoft")
    yield _node("Mul", [f"{name}.unscaled", rows], y)


def refill(field: Any, items: Sequence[Any]) -> None:
    """Puts items in the place of all that a repeated field of a graph holds; they may be among it."""
    del field[:]
    field.extend(items)
