"""Fine-tunes an encoder on annotated articles for mentions and stances together, and saves a model directory.

Read top to bottom: configuration, setup, loop, one update, state. Each step takes a batch of article windows (mentions
and every allowed ordered pair of their gold entities) and, where public NER sets are given, a batch of their sentences
through a head of their own or through a map of their labels to ours. The best epoch by dev score is kept. The loop is a
generator that yields progress; printing lives outside. An interrupted or killed run goes on from its last checkpoint as
if nothing had happened.

    mawaqif train configs/default.yaml output=runs/model
    accelerate launch -m mawaqif.cli train configs/default.yaml output=runs/model       # several GPUs or processes
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device, set_seed
from tokenizers import Tokenizer
from torch import Tensor

from mawaqif.article import Article
from mawaqif.errors import ConfigError
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel
from mawaqif.train.adapters import add_adapters, merged
from mawaqif.train.batching import Batches, Step
from mawaqif.train.checkpoints import METRICS, Interrupt, interruptible, keep_metrics, same_run
from mawaqif.train.encoders import find_words, load_encoder, take_heads
from mawaqif.train.examples import (
    Example,
    Sentence,
    load_articles,
    load_noisy,
    load_sentences,
    load_training,
    make_examples,
)
from mawaqif.train.objective import loss_sums
from mawaqif.train.processes import anywhere, meet, shared
from mawaqif.train.scores import dev_scores
from mawaqif.train.settings import FinetuneConfig, Training
from mawaqif.train.spelling import Respelling
from mawaqif.train.state import State
from mawaqif.train.tokenizer import with_arabert_preprocessing

CHECKPOINT = "training.pt"


@dataclass(frozen=True)
class Progress:
    """One update, or (with `scores`) the end of an epoch. `losses` are means over the epoch so far."""

    step: int
    steps: int
    epoch: int
    losses: dict[str, float]
    seconds_left: float
    scores: dict[str, float] | None = None
    best: bool = False


@dataclass
class Run:
    """All that the loop works on."""

    config: FinetuneConfig
    labels: LabelSet
    tokenizer: Tokenizer
    model: JointModel
    articles: list[Article]
    train: list[Example]
    noisy: list[Example]
    dev: list[Article]
    sentences: dict[str, list[Sentence]]

    def batches(self, processes: int = 1) -> Batches:
        training = self.config.training
        return Batches(
            self.train,
            self.sentences,
            self.tokenizer,
            batch_articles=training.batch_articles,
            batch_sentences=training.batch_sentences,
            steps=training.gradient_accumulation * processes,
            noisy=self.noisy,
            noisy_share=training.noisy_share,
            cut_share=training.cut_share,
            respelling=self.respelling(),
            word_dropout=training.word_dropout,
            seed=training.seed,
        )

    def respelling(self) -> Respelling | None:
        share, seed = self.config.training.spelling_share, self.config.training.seed
        how = self.articles, self.tokenizer, self.labels, self.config.model.max_tokens
        return Respelling(*how, share=share, seed=seed, sure=self.config.data.sure) if share else None


def setup(config: FinetuneConfig) -> Run:
    """Reads data and encoder and builds the model. Raises ConfigError or InputError before anything is trained."""
    labels = config.data.label_set()
    articles = load_training(config.data.train, labels, config.data.terms)
    if fold := config.data.fold:
        articles = [article for n, article in enumerate(articles) if n % fold.of != fold.number]
    if not articles:
        raise ConfigError(f"data.train: no article with terms {config.data.terms}; widen data.terms or leave it out")
    encoder, tokenizer = load_encoder(config.model.encoder, config.training.encoder_dropout)
    if config.model.preprocess == "arabert":
        tokenizer = with_arabert_preprocessing(tokenizer)
    positions = getattr(encoder.config, "max_position_embeddings", config.model.max_tokens)
    if config.model.max_tokens > positions:
        raise ConfigError(f"model.max_tokens = {config.model.max_tokens}: the encoder has only {positions} positions")
    sets = [(s.path, s.scheme, s.map, s.share, s.where) for s in config.data.ner]
    sentences, tags = load_sentences(sets, labels, tokenizer, config.model.max_tokens)
    words = find_words(config.model.encoder, config.model.words, tokenizer, encoder.config.hidden_size)
    torch.manual_seed(config.training.seed if config.training.head_seed is None else config.training.head_seed)
    settings = config.model.model_dump(exclude={"encoder", "preprocess", "words"})
    model = JointModel(encoder, labels, settings, {scheme: len(names) for scheme, names in tags.items()}, words)
    model.stances.dropout.p = config.training.head_dropout
    take_heads(model, config.model.encoder)
    if config.training.gradient_checkpointing:
        save_memory(encoder)
    if config.training.lora:
        add_adapters(model, **config.training.lora.model_dump())
    how = articles, tokenizer, labels, config.model.max_tokens
    examples = make_examples(*how, sure=config.data.sure)
    found = load_noisy(config.data.noisy, articles, labels)
    noisy = make_examples(*how, found, config.data.sure) if found else []
    dev = load_articles(config.data.dev, labels, None)
    return Run(config, labels, tokenizer, model, articles, examples, noisy, dev, sentences)


def save_memory(encoder: Any) -> None:
    """Activations are computed again in the backward pass instead of kept (transformers changed the name)."""
    enable = getattr(encoder, "activation_checkpointing_enable", None) or encoder.gradient_checkpointing_enable
    enable()


def hold_less_on_cpus() -> None:
    """Settings of the process, which hold from its first matrix product on.

    Attention with dropout has no fused kernel on CPUs and keeps matrices of tokens × tokens a head for the backward
    pass: in 16 bits where the run is in 16 bits. And oneDNN and PyTorch's layer over it each keep 1,024 products by
    their shapes, 25 MB for every new length of a batch at AraBERT's size; 32 serve the layers of one batch as well.
    """
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)  # of all devices, despite its name
    for cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(cache, "32")


def finetune(config: FinetuneConfig) -> Iterator[Progress]:
    """Trains, yields progress, and leaves the best model by dev score in `config.output`."""
    accelerator = Accelerator(
        mixed_precision=config.training.precision,
        log_with=config.training.log_with,
        project_dir=config.output,
    )
    meet(accelerator)
    set_seed(config.training.seed)
    run = setup(config)
    free = {"output": True, "card_notes": True, "training": {"checkpoint_minutes", "log_with"}}
    settings = config.model_dump(mode="json", exclude=free)  # type: ignore[arg-type]
    files = [*config.data.train, config.data.dev, *config.data.noisy, *(each.path for each in config.data.ner)]
    shared(accelerator, lambda: same_run(config.output, settings, files))
    with interruptible() as interrupt:
        yield from fit(run, accelerator, interrupt)


def fit(run: Run, accelerator: Accelerator, interrupt: Interrupt) -> Iterator[Progress]:
    """The loop, on one process or, under `accelerate launch`, on each of several."""
    hold_less_on_cpus()
    training, output = run.config.training, run.config.output
    accelerator.init_trackers("mawaqif", run.config.model_dump(mode="json", exclude={"card_notes"}))
    batches = run.batches(accelerator.num_processes)
    updates = training.epochs * len(batches)
    model, optimizer = accelerator.prepare(run.model, build_optimizer(run.model, training))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer.optimizer, lambda update: schedule(update / updates, training.warmup)
    )
    state = State(accelerator, run.model, optimizer, scheduler)
    state.load(output / CHECKPOINT)
    if accelerator.is_main_process:
        keep_metrics(output / METRICS, state.epoch)
    started, first_step = time.monotonic(), state.epoch * len(batches) + state.update
    last_save = started
    for epoch in range(state.epoch, training.epochs):
        if training.patience and state.waited >= training.patience:
            break
        model.train()
        step, left = epoch * len(batches) + state.update, 0.0
        for parts in batches.epoch(epoch, state.update):
            seed = training.seed * 1_000_003 + epoch * len(batches) + state.update
            state.add(update(accelerator, model, optimizer, parts, training, seed))
            scheduler.step()
            state.update += 1
            step = epoch * len(batches) + state.update
            left = (updates - step) * (time.monotonic() - started) / (step - first_step)
            asked = anywhere(accelerator, interrupt.asked)
            if asked or time.monotonic() - last_save >= 60 * training.checkpoint_minutes:
                state.save(output / CHECKPOINT)
                last_save = time.monotonic()
            if asked:
                raise KeyboardInterrupt
            losses = state.losses()
            accelerator.log(losses, step)
            yield Progress(step, updates, epoch, losses, left)
        scores = shared(
            accelerator, lambda: dev_scores(run.model, run.tokenizer, run.dev, run.labels, accelerator.device)
        )
        is_best = scores["selection"] > state.best
        if is_best and accelerator.is_main_process:
            save_best(run, epoch, scores)
        accelerator.log({f"dev/{name}": value for name, value in scores.items()}, step)
        progress = Progress(step, updates, epoch, state.losses(), left, scores, is_best)
        if accelerator.is_main_process:
            with (output / METRICS).open("a", encoding="utf-8") as metrics:
                metrics.write(json.dumps(asdict(progress)) + "\n")
        state.next_epoch(scores["selection"])
        state.save(output / CHECKPOINT)
        yield progress
    for tracker in accelerator.trackers:
        tracker.finish()


def update(
    accelerator: Accelerator, model: Any, optimizer: Any, parts: list[Step], training: Training, seed: int
) -> dict[str, tuple[float, int]]:
    """One update from the batches of all processes: each task's summed loss and count, over all of them.

    A process takes every n-th batch. Where there are fewer batches than its turns, it runs the first one again for
    nothing, since all processes must meet in the backward pass.
    """
    rank, processes = accelerator.process_index, accelerator.num_processes
    counts = {task: sum(part.counts[task] for part in parts) for task in parts[0].counts}
    sums = {task: torch.zeros((), device=accelerator.device) for task in counts}
    turns = -(-len(parts) // processes)
    for turn in range(turns):
        place = turn * processes + rank
        articles, sentences, _ = parts[place] if place < len(parts) else parts[0]
        torch.manual_seed(seed * 997 + place)  # what drops out depends on the batch alone, not on who runs it and when
        articles, sentences = send_to_device((articles, sentences), accelerator.device)
        last = nullcontext() if turn == turns - 1 else accelerator.no_sync(model)
        with last:
            with accelerator.autocast():
                outputs = model(articles, sentences)
                found = loss_sums(
                    outputs,
                    articles,
                    sentences,
                    positive_weight=training.positive_weight,
                    label_smoothing=training.label_smoothing,
                )
            real = 1.0 if place < len(parts) else 0.0
            loss = sum(training.weight(task) * found[task] / max(1, counts[task]) for task in found)
            accelerator.backward(loss * real * processes)  # processes: their gradients are averaged
        for task, value in found.items():
            sums[task] += real * value.detach().float()
    accelerator.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    total = accelerator.reduce(torch.stack(list(sums.values())))
    return {task: (value, counts[task]) for task, value in zip(sums, total.tolist(), strict=True)}


def save_best(run: Run, epoch: int, scores: dict[str, float]) -> None:
    run.model.settings["min_score"] = scores["min_score"]
    merged(run.model).save(run.config.output, run.tokenizer)
    (run.config.output / "scores.json").write_text(json.dumps({"epoch": epoch, **scores}, indent=2) + "\n")


def build_optimizer(model: JointModel, training: Training) -> torch.optim.Optimizer:
    """AdamW: the encoder at one rate, lower toward its first layers, the heads at another; no decay on vectors."""
    layers = model.encoder.config.num_hidden_layers
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = training.head_learning_rate
        if name.startswith("encoder."):
            rate = training.learning_rate * training.layer_decay ** (layers - depth(name, layers))
        groups.setdefault((rate, training.weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()], fused=True
    )


def depth(name: str, layers: int) -> int:
    """How many layers lie below a parameter, its own included: 0 for embeddings, `layers` behind the last."""
    found = re.search(r"\.layers?\.(\d+)\.", name)
    return int(found[1]) + 1 if found else 0 if "embed" in name else layers


def schedule(done: float, warmup: float) -> float:
    """Linear up over the `warmup` share of the updates, then a cosine down to zero."""
    if done < warmup:
        return done / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warmup) / (1 - warmup))))
