"""Draws the loss of pre-training runs over the tokens seen: training (smoothed) and held-out.

python benchmarks/pretraining_curves.py A=runs/a/metrics.jsonl,runs/a2/metrics.jsonl B=… -o docs/encoder-loss.svg

The sittings of one run are told one after the other, with commas.
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="NAME=metrics.jsonl,…")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    mpl.rcParams["svg.hashsalt"] = "mawaqif"  # the same file each time
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for number, run in enumerate(options.runs):
        name, _, path = run.partition("=")
        steps = []
        for sitting in path.split(","):
            before = steps[-1]["tokens"] if steps else 0
            lines = map(json.loads, Path(sitting).read_text(encoding="utf-8").splitlines())
            steps += [{**line, "tokens": before + line["tokens"]} for line in lines]
        every = max(1, len(steps) // 100)
        whole = len(steps) // every * every
        millions = np.array([s["tokens"] / 1e6 for s in steps])[:whole].reshape(-1, every).mean(1)
        losses = np.array([s["loss"] for s in steps])[:whole].reshape(-1, every).mean(1)
        axes.plot(millions, losses, color=f"C{number}", alpha=0.4, linewidth=1, label=f"{name}, training")
        held = [(s["tokens"] / 1e6, s["held_out"]) for s in steps if s["held_out"] is not None]
        axes.plot(*zip(*held, strict=True), color=f"C{number}", marker="o", markersize=3, label=f"{name}, held out")
    axes.set(xlabel="million tokens seen", ylabel="nats a masked piece", ylim=(4, 9))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(options.output, metadata={"Date": None})


if __name__ == "__main__":
    main()
