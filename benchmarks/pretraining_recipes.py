"""Which way of pre-training makes the better encoder in the same time? Small runs from random weights, each probed.

    python benchmarks/pretraining_recipes.py configs/pretrain.yaml --ner ../shared/data/ner --output runs/recipes \
        embeddings=cooccurrence words=runs/words [--minutes 8 | --tokens 1000000] [--recipes reference "mask 40 %"] \
        [--epochs 4] [--rate 4e-4] [key=value …]

Every recipe changes one thing of the configuration. Each first runs for some steps to find its tokens a second
(compilation left out), then from random weights for the tokens that it makes in `--minutes`, its whole schedule in
them; then `benchmarks/encoder_probe.py` fine-tunes it on ANERcorp, one seed. So a recipe with slower steps sees fewer
tokens, as it would in a real run. With `--tokens` all see as many: for recipes whose steps cost the same, on a machine
whose speed changes from minute to minute. Held-out losses compare only between recipes of one vocabulary and objective.
The last recipe needs vectors of words (`words=`, what `mawaqif words` made).

What is done stands in `results.jsonl` of the output, and the same command goes on after it: a recipe takes its minutes
twice over with preparation and probe. Let nothing else run beside it. Prints a Markdown table. Run it with the
allocator of docs/encoder.md.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mawaqif.train.config import load_config
from mawaqif.train.embeddings import cooccurrence_embeddings
from mawaqif.train.settings import PretrainConfig

WARM, TIMED = 10, 30  # steps
PROBE = Path(__file__).with_name("encoder_probe.py")


def shape(layers: int, width: int, heads: int, inner: int) -> list[str]:
    return [
        f"encoder.num_hidden_layers={layers}",
        f"encoder.hidden_size={width}",
        f"encoder.num_attention_heads={heads}",
        f"encoder.intermediate_size={inner}",
    ]


@dataclass(frozen=True)
class Recipe:
    """Overrides of the configuration; `replaced`: the second half of the time detects what the first half's model
    puts in place of the text's words."""

    overrides: list[str] = field(default_factory=list)
    replaced: bool = False


RECIPES = {
    "reference": Recipe(),
    "deep and thin: 12 layers of 256": Recipe(shape(12, 256, 4, 704)),
    "shallow and wide: 3 layers of 512": Recipe(shape(3, 512, 8, 1408)),
    "vocabulary of 16,000": Recipe(["vocab_size=16000"]),
    "vocabulary of 32,000": Recipe(["vocab_size=32000"]),
    "vocabulary of 48,000": Recipe(["vocab_size=48000"]),
    "mask 15 %": Recipe(["mask_rate=0.15"]),
    "mask 40 %": Recipe(["mask_rate=0.4"]),
    "rate falls from the beginning": Recipe(["decay=0.96"]),
    "half the rate": Recipe(["learning_rate=0.0005"]),
    "twice the rate": Recipe(["learning_rate=0.002"]),
    "Muon": Recipe(["optimizer=muon", "learning_rate=0.003"]),
    "sequences of 512 throughout": Recipe(["stages=[{context: 512}]"]),
    "replaced pieces in the second half": Recipe(replaced=True),
    "random embeddings": Recipe(["embeddings=random"]),
    "hidden words told by their vectors": Recipe(["word_weight=0.3"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a configuration from random weights")
    parser.add_argument("overrides", nargs="*", help="for all recipes, such as sources")
    parser.add_argument("--ner", type=Path, required=True, help="folder with anercorp/")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, for each recipe")
    parser.add_argument("--tokens", type=int, help="of training, for each recipe, instead of --minutes")
    parser.add_argument("--recipes", nargs="*", choices=list(RECIPES), default=list(RECIPES), metavar="RECIPE")
    parser.add_argument("--epochs", type=int, default=4, help="of the probe")
    parser.add_argument("--rate", type=float, default=4e-4, help="of the probe")
    options = parser.parse_intermixed_args()
    options.output.mkdir(parents=True, exist_ok=True)
    results = options.output / "results.jsonl"
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    for name in options.recipes:
        if name not in {result["recipe"] for result in done}:
            done.append({"recipe": name, **measure(options, name)})
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1], ensure_ascii=False) + "\n")
            print(json.dumps(done[-1], ensure_ascii=False), file=sys.stderr, flush=True)
    print("| recipe | tokens/s | tokens, millions | held-out loss | ANERcorp test | test_fixed |")
    print("|---|---|---|---|---|---|")
    for r in done:
        print(
            f"| {r['recipe']} | {r['speed']:,.0f} | {r['tokens'] / 1e6:.2f} | {r['held_out']:.2f} "
            f"| {r['test']:.1f} | {r['test_fixed']:.1f} |"
        )


def measure(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """Trains and probes one recipe."""
    recipe = RECIPES[name]
    folder = options.output / re.sub(r"\W+", "-", name).strip("-")
    given = [*options.overrides, *recipe.overrides]
    runs = 2 if recipe.replaced else 1
    first = train(options, folder / "masked", given, runs)
    if not recipe.replaced:
        return first | probe(options, folder / "masked")
    begun = [f"initial={folder / 'masked'}", "encoder=null", "embeddings=random"]
    replaced = [*given, *begun, "objective=replaced", f"generator={folder / 'masked'}"]
    second = train(options, folder / "replaced", replaced, runs)
    return second | {"tokens": first["tokens"] + second["tokens"]} | probe(options, folder / "replaced")


def train(options: argparse.Namespace, output: Path, given: list[str], runs: int) -> dict[str, Any]:
    """One of the `runs` that share a recipe's minutes or tokens; its speed [tokens/s], tokens and held-out loss."""
    config = load_config(options.config, PretrainConfig, [*given, f"output={output}"])
    text = options.output / f"text-{config.vocab_size}"  # the same for all recipes of a vocabulary: prepared once
    seconds = 60 * options.minutes / runs
    tokens = options.tokens // runs if options.tokens else affordable(options, config, given, text, seconds)
    copy_text(text, output)
    pretrain(options, output, given, tokens)
    copy_text(output, text)
    last = metrics(output)[-1]
    return {"speed": speed(output, config.batch_tokens), "tokens": last["tokens"], "held_out": last["held_out"]}


def affordable(
    options: argparse.Namespace, config: PretrainConfig, given: list[str], text: Path, seconds: float
) -> int:
    """How many tokens the seconds allow at the speed of a trial, less the time that counted embeddings take."""
    trial = config.output.with_name(f"{config.output.name}-trial")
    copy_text(text, trial)
    pretrain(options, trial, given, config.batch_tokens * (WARM + TIMED))
    copy_text(trial, text)
    if config.embeddings == "cooccurrence":
        width = np.load(trial / "embeddings.npy", mmap_mode="r").shape[1]
        started = time.monotonic()
        cooccurrence_embeddings(np.load(trial / "tokens.npy"), config.vocab_size, width, config.seed)
        seconds -= time.monotonic() - started
    return int(seconds * speed(trial, config.batch_tokens))


def speed(output: Path, batch: int) -> float:
    """Tokens a second of a run's typical step, its first steps (compilation) left out."""
    seen = [step["tokens"] / step["tokens_per_second"] for step in metrics(output)]  # seconds since the beginning
    return batch / statistics.median(b - a for a, b in zip(seen[WARM:], seen[WARM + 1 :], strict=False))


def copy_text(source: Path, target: Path) -> None:
    """Takes over tokenizer and tokens, where they are there and not yet here."""
    target.mkdir(parents=True, exist_ok=True)
    for file in ("tokenizer.json", "tokens.npy"):
        if (source / file).exists() and not (target / file).exists():
            shutil.copyfile(source / file, target / file)


def pretrain(options: argparse.Namespace, output: Path, given: list[str], tokens: int) -> None:
    command = [sys.executable, "-m", "mawaqif.cli", "pretrain", str(options.config), *given]
    subprocess.run([*command, f"output={output}", f"max_tokens={tokens}"], check=True, stdout=subprocess.DEVNULL)


def metrics(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def probe(options: argparse.Namespace, encoder: Path) -> dict[str, float]:
    command = [
        sys.executable,
        str(PROBE),
        str(encoder),
        "--ner",
        str(options.ner),
        "--sets",
        "anercorp",
        "--seeds",
        "1",
    ]
    command += ["--epochs", str(options.epochs), "--rate", str(options.rate)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: float(value) for name, value in re.findall(r"^ANERcorp (\w+): ([\d.]+)", printed, re.M)}


if __name__ == "__main__":
    main()
