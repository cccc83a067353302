"""Fine-tunes an encoder on annotated articles for mentions and stances together, and saves a model directory.

Read top to bottom: configuration, data, losses, loop, scoring, saving. Each step takes a batch of article windows
(mentions and every allowed ordered pair of their gold entities) and, where public NER sets are given, a batch of their
sentences through a head of their own or through a map of their labels to ours. The best epoch by dev score is kept.
The loop is a generator that yields progress; printing lives outside. An interrupted run resumes from its last epoch.

    mawaqif train configs/default.yaml output=runs/model
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from pydantic import Field, model_validator
from tokenizers import Tokenizer
from torch import Tensor

from mawaqif.article import Article
from mawaqif.encoding import pad_windows, special_ids
from mawaqif.errors import ConfigError
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel
from mawaqif.train.config import Section
from mawaqif.train.encoders import load_encoder, take_heads
from mawaqif.train.examples import Example, Sentence, collate, load_articles, load_sentences, make_examples
from mawaqif.train.scores import dev_scores


class NerSet(Section):
    """A public NER set: JSONL with `tokens` and IOB2 `tags`, one sentence a line."""

    path: Path
    scheme: str
    map: dict[str, str] | None = None
    share: float = Field(1.0, gt=0, le=1)
    where: dict[str, Any] | None = None


class Data(Section):
    train: list[Path] = Field(min_length=1)
    dev: Path
    terms: list[str] | None = None
    labels: Path | None = None
    ner: list[NerSet] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_head_a_scheme(self) -> Data:
        both = {s.scheme for s in self.ner if s.map is None} & {s.scheme for s in self.ner if s.map is not None}
        if both:
            raise ValueError(f"scheme {min(both)!r} comes with and without a map; give the mapped sets another name")
        return self


class Model(Section):
    encoder: str
    max_tokens: int = Field(512, ge=32)
    stance_width: int = Field(256, ge=8)
    stance_heads: int = Field(4, ge=1)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Model:
        if self.stance_width % self.stance_heads:
            raise ValueError(f"stance_width {self.stance_width} is no multiple of stance_heads {self.stance_heads}")
        return self


class Training(Section):
    epochs: int = Field(10, ge=1)
    batch_articles: int = Field(8, ge=1)
    batch_sentences: int = Field(32, ge=1)
    learning_rate: float = Field(3e-4, gt=0)
    head_learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    mention_weight: float = Field(1.0, ge=0)
    ner_weight: float = Field(1.0, ge=0)
    stance_weight: float = Field(1.0, ge=0)
    evidence_weight: float = Field(0.5, ge=0)
    voice_weight: float = Field(0.2, ge=0)
    positive_weight: float = Field(2.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    gradient_accumulation: int = Field(1, ge=1)
    precision: str = Field("no", pattern="^(no|bf16|fp16)$")
    seed: int = 0


class FinetuneConfig(Section):
    """Every key of a fine-tuning run; `configs/default.yaml` explains each."""

    output: Path
    data: Data
    model: Model
    training: Training = Field(default_factory=Training)
    card_notes: str | None = None


@dataclass(frozen=True)
class Progress:
    """One step, or (with `scores`) the end of an epoch. `losses` are means over the epoch so far."""

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
    train: list[Example]
    dev: list[Article]
    sentences: dict[str, list[Sentence]]


def setup(config: FinetuneConfig) -> Run:
    """Reads data and encoder and builds the model. Raises ConfigError or InputError before anything is trained."""
    labels = LabelSet.load(config.data.labels) if config.data.labels else LabelSet.default()
    articles = [a for path in config.data.train for a in load_articles(path, labels, config.data.terms)]
    if not articles:
        raise ConfigError(f"data.train: no article with terms {config.data.terms}; widen data.terms or leave it out")
    encoder, tokenizer = load_encoder(config.model.encoder)
    positions = getattr(encoder.config, "max_position_embeddings", config.model.max_tokens)
    if config.model.max_tokens > positions:
        raise ConfigError(f"model.max_tokens = {config.model.max_tokens}: the encoder has only {positions} positions")
    sets = [(s.path, s.scheme, s.map, s.share, s.where) for s in config.data.ner]
    sentences, tags = load_sentences(sets, labels, tokenizer, config.model.max_tokens)
    settings = config.model.model_dump(exclude={"encoder"})
    torch.manual_seed(config.training.seed)
    model = JointModel(encoder, labels, settings, {scheme: len(names) for scheme, names in tags.items()})
    take_heads(model, config.model.encoder)
    return Run(
        config,
        labels,
        tokenizer,
        model,
        make_examples(articles, tokenizer, labels, config.model.max_tokens),
        load_articles(config.data.dev, labels, None),
        sentences,
    )


def losses(
    model: JointModel, batch: dict[str, Tensor], training: Training, extra: dict[str, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """The weighted loss of each task on one batch (see `collate` for the batch's tensors)."""
    hidden, tags = model.encode(batch["ids"], batch["mask"])
    result = {"mention": training.mention_weight * mean_loss(tags, batch["tags"], training.label_smoothing)}
    stance, voice, evidence = model.stances(
        hidden, batch["mask"], batch["entity_mask"], batch["types"], batch["distance"], batch["pairs"]
    )
    weights = torch.full((stance.shape[-1],), training.positive_weight, device=stance.device)
    weights[0] = 1.0
    gold = batch["stance"]
    positive = gold > 0
    pair_loss = F.cross_entropy(stance.float().flatten(0, 1), gold.flatten(), weights, reduction="sum")
    # A sum over pairs per positive pair: articles with many entities, hence many empty pairs, do not drown the stances.
    result["stance"] = training.stance_weight * pair_loss / (training.positive_weight * positive.sum().clamp(min=1))
    if positive.any():
        result["voice"] = training.voice_weight * mean_loss(voice[positive], batch["voice"][positive])
        result["evidence"] = training.evidence_weight * evidence_loss(
            evidence[positive].float(), batch["evidence"][positive], batch["mask"], positive
        )
    for scheme, sentences in extra.items():
        states = model.encoder(input_ids=sentences["ids"], attention_mask=sentences["mask"]).last_hidden_state
        head = model.schemes[scheme] if scheme in model.schemes else model.mentions  # noqa: SIM401 (no dict)
        result[f"ner.{scheme}"] = training.ner_weight * mean_loss(head(states), sentences["tags"])
    return result


def mean_loss(logits: Tensor, gold: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy where gold [...] is not -100, and 0 (PyTorch: NaN) where it is -100 throughout."""
    total = F.cross_entropy(logits.float().flatten(0, -2), gold.flatten(), reduction="sum", label_smoothing=smoothing)
    return total / (gold != -100).sum().clamp(min=1)


def evidence_loss(evidence: Tensor, gold: Tensor, mask: Tensor, positive: Tensor) -> Tensor:
    """Attention on the gold words (cross-entropy with their uniform distribution) plus each token's yes or no.

    evidence, gold [positive pairs, tokens]. Pairs without annotated evidence are left out.
    """
    known = gold.any(-1, keepdim=True)
    valid = mask.bool()[:, None].expand(-1, positive.shape[1], -1)[positive] & known
    share = gold.float() / gold.sum(-1, keepdim=True).clamp(min=1)
    attention = -(share * evidence.masked_fill(~valid, -1e4).log_softmax(-1)).sum() / known.sum().clamp(min=1)
    yes_no = F.binary_cross_entropy_with_logits(evidence, gold.float(), reduction="none")
    return attention + yes_no[valid].sum() / gold.sum().clamp(min=1)


def finetune(config: FinetuneConfig) -> Iterator[Progress]:
    """Trains, yields progress, and leaves the best model by dev score in `config.output`."""
    set_seed(config.training.seed)
    run = setup(config)
    yield from fit(run)


def fit(run: Run) -> Iterator[Progress]:
    training, output = run.config.training, run.config.output
    output.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(mixed_precision=training.precision)
    model = run.model.to(accelerator.device)
    optimizer = accelerator.prepare(build_optimizer(model, training))
    per_epoch = math.ceil(len(run.train) / training.batch_articles)
    updates = training.epochs * math.ceil(per_epoch / training.gradient_accumulation)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda u: schedule(u / updates, training.warmup))
    state = output / "training"
    first, best = resume(state, model, optimizer, scheduler)
    started, done = time.monotonic(), 0
    for epoch in range(first, training.epochs):
        torch.manual_seed(1000 * training.seed + epoch + 1)  # a resumed run drops out what an uninterrupted one does
        model.train()
        sums: dict[str, float] = {}
        for number, (batch, extra) in enumerate(batches(run, epoch)):
            first_of_update = number - number % training.gradient_accumulation
            together = min(training.gradient_accumulation, per_epoch - first_of_update)
            parts = to_device((batch, extra), accelerator.device)
            with accelerator.autocast():
                by_task = losses(model, parts[0], training, parts[1])
            accelerator.backward(sum(by_task.values()) / together)
            if number + 1 == first_of_update + together:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
            done += 1
            for task, value in by_task.items():
                sums[task] = sums.get(task, 0.0) + value.item()
            step, steps = epoch * per_epoch + number + 1, training.epochs * per_epoch
            left = (steps - step) * (time.monotonic() - started) / done
            yield Progress(step, steps, epoch, {task: total / (number + 1) for task, total in sums.items()}, left)
        scores = dev_scores(model, run.tokenizer, run.dev, run.labels, accelerator.device)
        is_best = scores["selection"] > best
        if is_best and accelerator.is_main_process:
            best = scores["selection"]
            model.settings["min_score"] = scores["min_score"]
            model.save(output, run.tokenizer)
            (output / "scores.json").write_text(json.dumps({"epoch": epoch, **scores}, indent=2) + "\n")
        progress = Progress(step, steps, epoch, {t: v / per_epoch for t, v in sums.items()}, left, scores, is_best)
        with (output / "metrics.jsonl").open("a", encoding="utf-8") as metrics:
            metrics.write(json.dumps(asdict(progress)) + "\n")
        checkpoint(state, model, optimizer, scheduler, epoch + 1, best)
        yield progress


def build_optimizer(model: JointModel, training: Training) -> torch.optim.Optimizer:
    """AdamW: the encoder at one rate, the new heads at another, no decay on biases and norms."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        rate = training.learning_rate if name.startswith("encoder.") else training.head_learning_rate
        decay = training.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()], fused=True
    )


def schedule(done: float, warmup: float) -> float:
    """Linear up over the `warmup` share of the updates, then a cosine down to zero."""
    if done < warmup:
        return done / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warmup) / (1 - warmup))))


def batches(run: Run, epoch: int) -> Iterator[tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]]:
    """One epoch of article batches, each with a batch of sentences of every NER scheme; fixed by (seed, epoch)."""
    training = run.config.training
    order = random.Random(f"{training.seed} {epoch}")
    examples = order.sample(run.train, len(run.train))
    ids = special_ids(run.tokenizer)
    for start in range(0, len(examples), training.batch_articles):
        extra = {
            scheme: collate_sentences(order.choices(pool, k=training.batch_sentences), ids)
            for scheme, pool in run.sentences.items()
        }
        yield collate(examples[start : start + training.batch_articles], ids), extra


def collate_sentences(sentences: Sequence[Sentence], ids: dict[str, int]) -> dict[str, Tensor]:
    """Pads NER sentences: ids, mask and tags [sentences, tokens]; -100 where no tag is scored."""
    inputs, mask = pad_windows([s.ids for s in sentences], ids)
    tags = np.full_like(inputs, -100)
    for row, sentence in enumerate(sentences):
        tags[row, 1 : len(sentence.tags) + 1] = sentence.tags
    return {"ids": torch.from_numpy(inputs), "mask": torch.from_numpy(mask), "tags": torch.from_numpy(tags)}


def to_device(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: to_device(item, device) for key, item in value.items()}
    return tuple(to_device(item, device) for item in value)


def checkpoint(path: Path, model: JointModel, optimizer: Any, scheduler: Any, epoch: int, best: float) -> None:
    """Saves the run's state beside `<path>.pt` and moves it into place."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    temporary = path.with_suffix(".tmp")
    torch.save({**state, "epoch": epoch, "best": best}, temporary)
    temporary.replace(path.with_suffix(".pt"))


def resume(path: Path, model: JointModel, optimizer: Any, scheduler: Any) -> tuple[int, float]:
    """Loads the state of an interrupted run, if there is one: the epoch to go on with and the best score so far.

    Raises ConfigError where the state is that of another model.
    """
    file = path.with_suffix(".pt")
    if not file.exists():
        return 0, -1.0
    state = torch.load(file, weights_only=True, map_location="cpu")
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"{file}: is the state of another run; give another output, or delete the file") from error
    scheduler.load_state_dict(state["scheduler"])
    return int(state["epoch"]), float(state["best"])
