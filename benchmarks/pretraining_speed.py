"""How much of this machine's bf16 matrix-product rate does a pre-training step reach?

    python benchmarks/pretraining_speed.py configs/pretrain.yaml [--steps 30] [key=value …]

Times steps of the recipe (masking, forward, backward, optimiser) on random token ids, in turn with products of large
bf16 matrices, and prints tokens/s, the model's floating-point operations a token, and their share of the measured
rate. Counted are the matrix products that the model needs: 6 for each weight of the layers and token (2 forward, 4
backward), the attention products, and the vocabulary projection at masked positions only. Run it with the allocator of
docs/encoder.md.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from mawaqif.train.config import load_config
from mawaqif.train.corpus import Batches
from mawaqif.train.pretext import build_objective
from mawaqif.train.pretrain import fit
from mawaqif.train.settings import PretrainConfig
from mawaqif.train.tokenizer import train_tokenizer

SIZE = 2048  # of the measured products
WARM = 5  # steps, compilation included


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(options.config, PretrainConfig, [*options.overrides, f"output={folder}"])
        if config.encoder is None:
            raise SystemExit("give the configuration of a run from random weights (key `encoder`)")
        steps = options.steps + WARM
        first = config.stages[0].model_copy(update={"share": 1.0})
        config = config.model_copy(
            update={
                "stages": [first],
                "max_tokens": steps * config.batch_tokens,
                "held_out_every": 10**9,
                "checkpoint_minutes": 1e9,
            }
        )
        letters = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
        chooser = np.random.default_rng(0)
        words = ["".join(chooser.choice(list(letters), 5)) for _ in range(30_000)]
        tokenizer = train_tokenizer([" ".join(words)] * 3, config.vocab_size)
        tokens = chooser.integers(10, tokenizer.get_vocab_size(), 4 * config.batch_tokens + 4096).astype(np.uint16)
        torch.manual_seed(0)
        objective = build_objective(config, tokenizer)
        marks: list[float] = []
        rates: list[float] = []
        last = 0.0
        for step in fit(config, Accelerator(), objective, Batches(config, tokenizer, tokens)):
            if step.step >= steps:  # the last step saves
                break
            now = time.perf_counter()
            if step.step > WARM:
                marks.append(now - last)
                rates.append(product_rate())
            last = time.perf_counter()
    seconds, rate = statistics.median(marks), statistics.median(rates)
    operations = operations_a_token(objective.model.config, first.context, config.mask_rate)
    speed = config.batch_tokens / seconds
    print(f"{speed:,.0f} tokens/s; {operations / 1e6:.0f} MFLOP a token; bf16 products {rate / 1e9:,.0f} GFLOP/s")
    print(f"share of the measured rate: {operations * speed / rate:.0%}")


def product_rate() -> float:
    """Floating-point operations a second of one large bf16 matrix product."""
    a = torch.ones(SIZE, SIZE, dtype=torch.bfloat16)
    start = time.perf_counter()
    a @ a
    return 2 * SIZE**3 / (time.perf_counter() - start)


def operations_a_token(shape: Any, context: int, mask_rate: float) -> float:
    """Matrix-product operations of a step, forward and backward, a token."""
    hidden, layers = shape.hidden_size, shape.num_hidden_layers
    weights = layers * (4 * hidden**2 + 3 * hidden * shape.intermediate_size)
    attention = layers * 2 * hidden * context
    head = mask_rate * (hidden**2 + hidden * shape.vocab_size)
    return float(6 * (weights + attention + head))


if __name__ == "__main__":
    main()
