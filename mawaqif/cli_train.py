"""The command line of the training room: train, crossfit, pretrain, words, boundaries, average, export."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mawaqif.console import errors
from mawaqif.errors import require

app = typer.Typer()

Overrides = Annotated[list[str] | None, typer.Argument(help="Overrides, e.g. training.epochs=3")]


@app.command()
def train(
    config: Path,
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what the run would do.")] = False,
) -> None:
    """Fine-tune an encoder on annotated articles (needs the extra `train`)."""
    _require_training()
    from mawaqif.train.config import load_config
    from mawaqif.train.finetune import finetune
    from mawaqif.train.settings import FinetuneConfig

    settings = load_config(config, FinetuneConfig, overrides or [])
    if dry_run:
        _show_plan(settings)
        return
    _follow(finetune(settings), "training")
    if _is_main_process():
        from mawaqif.train.card import write_card
        from mawaqif.train.export import export_onnx

        export_onnx(settings.output)
        write_card(settings.output, settings)
        print(settings.output)


@app.command()
def crossfit(
    config: Path,
    overrides: Overrides = None,
    folds: Annotated[int, typer.Option(min=2, help="How many models to train, each without its part.")] = 3,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Train none: tag with this one, which has seen none of them."),
    ] = None,
) -> None:
    """Find the entities of the training articles with models that have not seen them (needs `train` and `eval`).

    Writes <output>/noisy.jsonl for the key data.noisy: a model trained on gold entities alone trusts its own too much.
    """
    _require_training()
    require("scipy", "eval")
    from mawaqif.crossfit import leave_out, write_noisy
    from mawaqif.train.config import load_config
    from mawaqif.train.finetune import finetune
    from mawaqif.train.settings import FinetuneConfig

    settings = load_config(config, FinetuneConfig, overrides or [])
    if model:
        print(f"{write_noisy(settings, [model])} articles")
        return
    parts = leave_out(settings, folds)
    for number, part in enumerate(parts, 1):
        _follow(finetune(part), f"model {number} of {folds}")
    if _is_main_process():
        print(f"{write_noisy(settings, [part.output for part in parts])} articles")


def _show_plan(settings: Any) -> None:
    import yaml

    from mawaqif.train.plan import plan

    found = asdict(plan(settings, int(os.environ.get("WORLD_SIZE", "1"))))
    memory = found.pop("memory")
    told = {
        "configuration": settings.model_dump(mode="json", exclude={"card_notes"}),
        "plan": {**found, "memory of one process, estimated": f"{memory / 2**30:.1f} GiB"},
    }
    print(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), end="")


def _is_main_process() -> bool:
    """Whether this process does what must be done once: under `accelerate launch`, only the first of several."""
    return os.environ.get("RANK", "0") == "0"


@app.command()
def pretrain(config: Path, overrides: Overrides = None) -> None:
    """Pre-train an encoder on unlabelled text (needs the extra `train`)."""
    _require_training()
    from mawaqif.train.config import load_config
    from mawaqif.train.pretrain import pretrain as run
    from mawaqif.train.settings import PretrainConfig

    settings = load_config(config, PretrainConfig, overrides or [])
    _follow(run(settings), "pre-training")
    print(settings.output)


@app.command()
def words(
    config: Annotated[Path, typer.Argument(help="Configuration of a pre-training: its sources are read.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory for words.txt and vectors.npy.")],
    overrides: Overrides = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model directory with the tokenizer.")] = "embedded",
    size: Annotated[int, typer.Option(min=1, help="How many words, the most frequent ones.")] = 64_000,
    width: Annotated[int, typer.Option(min=1, help="Numbers a vector.")] = 128,
) -> None:
    """Make vectors of whole words from unlabelled text, for the key model.words of `mawaqif train` (needs `train`)."""
    _require_training()
    require("sklearn", "train")
    from mawaqif.data.documents import read_documents
    from mawaqif.train.config import load_config
    from mawaqif.train.corpus import pack
    from mawaqif.train.encoders import model_directory
    from mawaqif.train.settings import PretrainConfig
    from mawaqif.train.tokenizer import read_tokenizer
    from mawaqif.train.words import save_words, word_vectors

    settings = load_config(config, PretrainConfig, overrides or [])
    tokenizer = read_tokenizer(model_directory(model), "--model")
    sources = settings.sources
    documents = (text for source in sources for text in read_documents(source.path, source.share, settings.seed))
    found, vectors = word_vectors(pack(documents, tokenizer), tokenizer, size, width, settings.seed)
    save_words(output, found, vectors)
    print(f"{output}: {len(found)} words")


def _require_training() -> None:
    """Before the first step, so that no run ends hours later for want of the package that exports it."""
    for module in ("torch", "transformers", "accelerate", "onnx", "onnxscript", "safetensors", "seqeval"):
        require(module, "train")


def _follow(progress: Iterator[Any], title: str) -> None:
    """Shows a recipe's progress: a bar in a terminal, now and then a line elsewhere. Ctrl-C says how to go on."""
    from mawaqif.train.progress import follow

    try:
        if _is_main_process():
            follow(progress, title, errors)
        else:
            for _ in progress:
                pass
    except KeyboardInterrupt:
        errors.print("stopped; the same command goes on from the last checkpoint")
        sys.exit(130)


@app.command()
def boundaries(
    model: Annotated[Path, typer.Argument(help="Model directory; boundaries.safetensors is written.")],
    articles: Annotated[list[Path], typer.Argument(help="Annotated articles that the model has not seen, JSON lines.")],
    seed: int = 0,
) -> None:
    """Fit a network that chooses the bounds of issues and unnamed actors again (needs the extra `train`).

    A few hundred articles suffice; neither those that the model was trained on nor dev or test. `mawaqif calibrate`
    should follow.
    """
    _require_training()
    from mawaqif.saved import open_model
    from mawaqif.train.boundaries import fit_boundaries
    from mawaqif.train.examples import load_training

    saved = open_model(model)
    fit = fit_boundaries(saved, load_training(articles, saved.labels, None), seed)
    share = f"{fit.before:.3f} of {fit.held_out} held out have the right bounds, {fit.after:.3f} with the network"
    print(f"{fit.spans} mentions; {share}")


@app.command()
def average(
    models: Annotated[list[Path], typer.Argument(help="Model directories, fine-tuned from one encoder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory of the new model.")],
) -> None:
    """Write one model with the mean of several models' weights, and its ONNX graphs (needs the extra `train`).

    `mawaqif calibrate` should follow.
    """
    _require_training()
    from mawaqif.train.average import average as run
    from mawaqif.train.export import export_onnx

    run(models, output)
    export_onnx(output)
    print(output)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="Model directory.")],
    gold: Annotated[
        Path | None, typer.Option(help="Annotated dev articles: int8 becomes the default if it costs little on them.")
    ] = None,
) -> None:
    """Write a model directory's ONNX graphs in fp32 and int8, and tell what int8 costs (needs the extra `train`)."""
    _require_training()
    from mawaqif.train.export import export_onnx

    for path in export_onnx(model):
        print(path)
    if gold:
        _choose_precision(model, gold)


def _choose_precision(model: Path, gold: Path) -> None:
    """Makes int8 the default of a model where no headline score falls by more than half a point."""
    require("scipy", "eval")
    from mawaqif.precision import choose_precision

    choice = choose_precision(model, gold)
    for name, scores in choice.scores.items():
        print(f"{name}: " + ", ".join(f"{precision} {score:.4f}" for precision, score in scores.items()))
    print(f"default precision: {choice.precision}")
