"""What the machine does in plain matrix products: operations a second in fp32, bf16 (PyTorch) and int8 (ONNX Runtime).

    python benchmarks/limits.py [--threads 2]

The best of ten runs of several shapes. No model can be faster than the limit of its precision allows.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

SHAPES = ((512, 768, 768), (1024, 768, 3072), (1024, 3072, 768), (2048, 2048, 2048))


def limits(threads: int) -> dict[str, float]:
    """Operations a second of plain matrix products, the best of several shapes, by precision."""
    import numpy as np
    import onnxruntime
    import torch
    from onnx import TensorProto, helper, numpy_helper

    torch.set_num_threads(threads)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    best = {"fp32": 0.0, "bf16": 0.0, "int8": 0.0}
    for rows, inner, columns in SHAPES:
        runs: dict[str, Callable[[], Any]] = {}
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            a, b = torch.randn(rows, inner, dtype=dtype), torch.randn(columns, inner, dtype=dtype)
            runs[name] = lambda a=a, b=b: torch.nn.functional.linear(a, b)  # type: ignore[misc]
        weights = np.random.default_rng(0).integers(-127, 128, (inner, columns), dtype=np.int8)
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger", ["a", "b", "zero"], ["y"])],
            "limit",
            [helper.make_tensor_value_info("a", TensorProto.UINT8, [rows, inner])],
            [helper.make_tensor_value_info("y", TensorProto.INT32, [rows, columns])],
            [numpy_helper.from_array(weights, "b"), numpy_helper.from_array(np.array(128, np.uint8), "zero")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
        left = np.random.default_rng(1).integers(0, 256, (rows, inner), dtype=np.uint8)
        runs["int8"] = lambda session=session, left=left: session.run(None, {"a": left})  # type: ignore[misc]
        for name, run in runs.items():
            run()
            for _ in range(10):
                begin = time.perf_counter()
                run()
                best[name] = max(best[name], 2 * rows * inner * columns / (time.perf_counter() - begin))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    for name, value in limits(parser.parse_args().threads).items():
        print(f"{name}: {1e-9 * value:,.0f} GFLOP/s")


if __name__ == "__main__":
    main()
