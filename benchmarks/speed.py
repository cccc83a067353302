"""Speed of mawaqif and of a plain `transformers` pipeline: one run, the same weights, the same articles.

    python benchmarks/speed.py ../shared/data/arabert_tokenizer ../shared/data/news/dev.jsonl --threads 2

Two models: one of AraBERT's true size (random weights; the directory holds its config.json and tokenizer.json), which
finds no entity, so that only reading is measured, and the embedded one with both tasks. A pipeline does entities
alone; it reads long articles in windows with a stride, as mawaqif does. Its classifier has the mention head's shape,
but for the small layer that transformers puts before it in ModernBERT.

Every contestant runs in a process of its own, all in turn, `--rounds` times; the best rate, the least memory and
start-up, the median latency count. Start-up: from the start of the process to the first article's result. "A process
a core": as many processes as threads, each with a share of the articles, as `mawaqif tag --workers` has them; rates
and memory are sums. Word pieces are those of the text, each counted once. The share is FLOPs of the encoder's matrix
products and attention, as its layers define them, over what the machine does in plain matrix products of that
precision in the same run (benchmarks/limits.py). Writes a table (`--table`) and a plot (`--plot`; needs matplotlib).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from limits import limits

DOCS = Path(__file__).resolve().parent.parent / "docs"
BATCHED = 16  # articles in a batch of a pipeline
CONTESTANTS = {  # name → engine, precision
    "transformers pipeline fp32, one by one": ("pipeline", "fp32"),
    "transformers pipeline fp32, batched": ("batched", "fp32"),
    "transformers pipeline bf16, batched": ("batched", "bf16"),
    "mawaqif PyTorch fp32": ("torch", "fp32"),
    "mawaqif PyTorch bf16": ("torch", "bf16"),
    "mawaqif ONNX fp32": ("onnx", "fp32"),
    "mawaqif ONNX int8": ("onnx", "int8"),
    "mawaqif ONNX int8, a process a core": ("workers", "int8"),
}
Result = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="directory with config.json and tokenizer.json of AraBERT")
    parser.add_argument("articles", type=Path, help="articles in JSON lines")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--number", type=int, default=60, help="articles a round, for the model of AraBERT's size")
    parser.add_argument("--embedded-number", type=int, default=300, help="the same for the embedded model")
    parser.add_argument("--single", type=int, default=20, help="articles whose latency is taken, one at a time")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=["true size", "embedded"], help="models")
    parser.add_argument("--table", type=Path, default=DOCS / "speed.md")
    parser.add_argument("--plot", type=Path, default=DOCS / "speed.svg")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(limits(options.threads) if options.run[0] == "limits" else measure(options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        if "true size" in options.only:
            models["true size"] = true_size(options.encoder, Path(folder) / "arabert"), options.number
        if "embedded" in options.only:
            models["embedded"] = embedded(Path(folder) / "embedded"), options.embedded_number
        results: dict[str, dict[str, list[Result]]] = {model: {name: [] for name in CONTESTANTS} for model in models}
        peaks: list[Result] = []
        for _ in range(options.rounds):
            peaks.append(child(options, options.encoder, 0, ("limits", "-"), options.threads))
            for model, (directory, number) in models.items():
                for name, run in CONTESTANTS.items():
                    results[model][name].append(contest(options, directory, number, run))
                    print(f"{model}: {name}: {results[model][name][-1]}", file=sys.stderr)
        costs = {model: flops(directory) for model, (directory, _) in models.items()}
    limit = {precision: max(peak[precision] for peak in peaks) for precision in peaks[0]}
    best = {model: {name: summary(found) for name, found in rows.items()} for model, rows in results.items()}
    text = table(best, limit, costs, options.threads)
    print(text)
    options.table.write_text(text, encoding="utf-8")
    plot(best, options.plot)


# --------------------------------------------------------------------------------------------------------------- models


def true_size(source: Path, directory: Path) -> Path:
    """A mawaqif model of AraBERT's size with random weights that marks no word, its graphs, the same as a pipeline."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoConfig, AutoModel

    from mawaqif.labels import LabelSet
    from mawaqif.model import JointModel
    from mawaqif.train.export import export_onnx

    torch.manual_seed(0)
    model = JointModel(AutoModel.from_config(AutoConfig.from_pretrained(source)), LabelSet.default())
    with torch.no_grad():
        model.mentions.bias[0] = 100
    model.save(directory, Tokenizer.from_file(str(source / "tokenizer.json")))
    export_onnx(directory)
    as_pipeline(directory)
    return directory


def embedded(directory: Path) -> Path:
    """A copy of the embedded model with the same as a pipeline."""
    import shutil

    from mawaqif.saved import EMBEDDED

    shutil.copytree(EMBEDDED, directory)
    as_pipeline(directory)
    return directory


def as_pipeline(directory: Path) -> None:
    """The model's encoder with a token classifier of transformers, and its tokenizer, in the directory `pipeline`."""
    from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedTokenizerFast

    from mawaqif.model import JointModel
    from mawaqif.saved import open_model

    model = JointModel.load(open_model(directory))
    config = AutoConfig.from_pretrained(directory)
    tags = model.labels.bio_tags
    config.num_labels, config.id2label = len(tags), dict(enumerate(tags))
    classifier = AutoModelForTokenClassification.from_config(config)
    getattr(classifier, classifier.base_model_prefix).load_state_dict(model.encoder.state_dict(), strict=False)
    classifier.classifier.load_state_dict(model.mentions.state_dict())
    classifier.save_pretrained(directory / "pipeline")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(directory / "tokenizer.json"), model_max_length=512)
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"})
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.save_pretrained(directory / "pipeline")


def flops(directory: Path) -> Callable[[float], float]:
    """FLOPs of the encoder for a word piece in a text of so many: 2 a weight of each matrix, 4 a width of each pair."""
    from torch import nn

    from mawaqif.model import JointModel
    from mawaqif.saved import open_model

    encoder = JointModel.load(open_model(directory)).encoder
    config = encoder.config
    matrices = [m for name, m in encoder.named_modules() if isinstance(m, nn.Linear) and "pooler" not in name]
    weights = sum(m.weight.numel() for m in matrices)
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers

    def cost(tokens: float) -> float:
        spans = [tokens if kind == "full_attention" else min(tokens, config.local_attention + 1) for kind in kinds]
        return 2 * weights + 4 * config.hidden_size * sum(spans)

    return cost


# ---------------------------------------------------------------------------------------------------------- contestants


def contest(options: argparse.Namespace, model: Path, number: int, run: tuple[str, str]) -> Result:
    """One contestant's figures; those of several processes at once are added up."""
    if run[0] != "workers":
        return child(options, model, number, run, options.threads)
    parts = [(n, options.threads) for n in range(options.threads)]
    processes = [start(options, model, number, ("onnx", run[1]), 1, part) for part in parts]
    found = [finish(process) for process in processes]
    sums = {key: sum(each[key] for each in found) for key in ("articles", "pieces", "words", "memory")}
    return {**{key: max(each[key] for each in found) for key in found[0]}, **sums}


def child(options: argparse.Namespace, model: Path, number: int, run: tuple[str, str], threads: int) -> Result:
    return finish(start(options, model, number, run, threads, (0, 1)))


def start(
    options: argparse.Namespace, model: Path, number: int, run: tuple[str, str], threads: int, part: tuple[int, int]
) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, model, options.articles, "--run", *run, "--threads", threads]
    command += ["--number", number, "--single", options.single, "--part", *part, "--began", time.time()]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    environment |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> Result:
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, process.args))} failed")  # type: ignore[arg-type]
    found: Result = json.loads(output.splitlines()[-1])
    return found


def measure(options: argparse.Namespace) -> Result:
    """In the contestant's process: start-up, rates over all articles, latency of single ones, peak memory."""
    kind, precision = options.run
    texts = list(islice(read_texts(options.articles), options.number))
    make = pipeline if kind in ("pipeline", "batched") else tagger
    alone, together = make(options.encoder, kind, precision, options.threads)
    alone(texts[0])
    ready = time.time() - options.began
    texts = texts[options.part[0] :: options.part[1]]
    together(texts[: 2 * BATCHED])  # warm
    begin = time.perf_counter()
    together(texts)
    seconds = time.perf_counter() - begin
    latency = []
    for text in texts[: options.single]:
        begin = time.perf_counter()
        alone(text)
        latency.append(1000 * (time.perf_counter() - begin))
    memory = peak_memory()  # before anything else is loaded
    pieces = count_pieces(options.encoder / "tokenizer.json", texts)
    return {
        "articles": len(texts) / seconds,
        "pieces": pieces / seconds,
        "words": sum(len(text.split()) for text in texts) / seconds,
        "length": pieces / len(texts),
        "memory": memory,
        "start": ready,
        "p50": statistics.median(latency),
        "p95": sorted(latency)[int(0.95 * (len(latency) - 1))],
    }


def peak_memory() -> float:
    """MiB of resident memory. What getrusage says begins with the parent's peak, so Linux is asked first."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def read_texts(path: Path) -> Iterator[str]:
    """The texts of the articles, from the start again when they end."""
    texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    while texts:
        yield from texts


def count_pieces(tokenizer: Path, texts: list[str]) -> int:
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(tokenizer))
    return sum(len(e.ids) for e in loaded.encode_batch(texts, add_special_tokens=False))


def tagger(model: Path, engine: Any, precision: Any, threads: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import mawaqif

    loaded = mawaqif.load(model, engine=engine, precision=precision, threads=threads)
    return loaded, lambda texts: list(loaded.pipe(texts))


def pipeline(model: Path, kind: str, precision: str, threads: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import torch
    import transformers

    torch.set_num_threads(threads)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    made: Any = transformers.pipeline(
        "token-classification",
        str(model / "pipeline"),
        dtype=dtype,
        device="cpu",
        aggregation_strategy="simple",
        stride=128,
    )
    size = BATCHED if kind == "batched" else 1
    return made, lambda texts: made(texts, batch_size=size)


# -------------------------------------------------------------------------------------------------------------- results


def summary(found: list[Result]) -> Result:
    """Of several rounds: the best rates, the least memory and start-up, the median latencies."""
    pick: dict[str, Callable[[list[float]], float]] = {"memory": min, "start": min}
    pick |= dict.fromkeys(("p50", "p95"), statistics.median)
    return {key: pick.get(key, max)([each[key] for each in found]) for key in found[0]}


def table(
    best: dict[str, dict[str, Result]],
    limit: Result,
    costs: dict[str, Callable[[float], float]],
    threads: int,
) -> str:
    lines = [
        "# Speed",
        "",
        f"Printed by `python benchmarks/speed.py`, {threads} threads. What is measured: its docstring.",
    ]
    told = ", ".join(f"{name} {1e-9 * value:,.0f}" for name, value in limit.items())
    lines += ["", f"Plain matrix products on this machine, GFLOP/s: {told}.", "", "![word pieces a second](speed.svg)"]
    titles = {
        "true size": "AraBERT's size, entities only",
        "embedded": "Embedded model, both tasks (pipeline: entities)",
    }
    for model, rows in best.items():
        lines += ["", f"## {titles[model]}", ""]
        lines += [
            "| | word pieces/s | times the first | articles/s | of 250 words | p50 ms | p95 ms | start s | MB | share |"
        ]
        lines += ["|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
        base = next(iter(rows.values()))["pieces"]
        for name, row in rows.items():
            share = row["pieces"] * costs[model](row["length"]) / limit[CONTESTANTS[name][1]]
            figures = [f"{row['pieces']:,.0f}", f"{row['pieces'] / base:.1f}", f"{row['articles']:.1f}"]
            figures += [f"{row['words'] / 250:.1f}", f"{row['p50']:,.0f}", f"{row['p95']:,.0f}", f"{row['start']:.1f}"]
            figures += [f"{row['memory']:,.0f}", f"{share:.0%}"]
            lines.append(f"| {name} | " + " | ".join(figures) + " |")
    return "\n".join(lines) + "\n"


def plot(best: dict[str, dict[str, Result]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "mawaqif"  # the same figures, the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(best), figsize=(8, 3.2 * len(best)), layout="constrained", squeeze=False)
    for (model, rows), (axis,) in zip(best.items(), axes, strict=True):
        names = list(rows)[::-1]
        bars = axis.barh(
            names,
            [rows[name]["pieces"] for name in names],
            color=["#1b6e8c" if name.startswith("mawaqif") else "#a9a9a9" for name in names],
        )
        axis.bar_label(bars, fmt="{:,.0f}", padding=3)
        axis.margins(x=0.12)
        axis.set_title(f"Word pieces a second: {model}")
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
