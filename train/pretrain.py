"""Pre-trains an encoder from scratch on unlabelled text: tokenizer, packing, masked language modelling, saving.

Read top to bottom: configuration, setup (tokenizer and packed tokens), optimiser, loop, saving. The same script runs on
CPU and GPU. Weights and activations are bf16 with fp32 masters in the optimiser; the loss is computed on masked
positions only. Data order and masks are functions of (seed, step), so a run that is killed and started again
follows the same loss curve. The result is a plain Hugging Face directory that `AutoModel.from_pretrained` loads.

    mawaqif pretrain configs/pretrain.yaml output=runs/encoder
"""

import json
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from numpy.typing import NDArray
from pydantic import Field, model_validator
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from mawaqif.data.documents import read_documents
from mawaqif.errors import ConfigError, InputError
from mawaqif.train.checkpoints import METRICS, SETTINGS, interruptible, keep_metrics, load_state, same_run, save_state
from mawaqif.train.config import Section
from mawaqif.train.corpus import Tokens, mask_whole_words, pack, shuffled
from mawaqif.train.encoders import quiet
from mawaqif.train.masked import build_model
from mawaqif.train.master import MasterOptimizer
from mawaqif.train.processes import anywhere, meet, shared
from mawaqif.train.tokenizer import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK, train_tokenizer

CHECKPOINT = "checkpoint.pt"


class Source(Section):
    path: Path
    share: float = Field(1.0, gt=0, le=1)


class Stage(Section):
    context: int = Field(512, ge=16)
    share: float = Field(1.0, gt=0, le=1)


class PretrainConfig(Section):
    """Every key of a pre-training run; `configs/pretrain.yaml` explains each."""

    output: Path
    sources: list[Source] = Field(min_length=1)
    initial: Path | None = None
    vocab_size: int = Field(20_000, ge=300, le=65_536)
    tokenizer_documents: int = Field(40_000, ge=1)
    encoder: dict[str, Any] | None = None
    stages: list[Stage] = Field(default_factory=lambda: [Stage()], min_length=1)
    max_tokens: int = Field(ge=1)
    batch_tokens: int = Field(8192, ge=16)
    mask_rate: float = Field(0.25, gt=0, lt=1)
    optimizer: Literal["muon", "adamw"] = "muon"
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.02, ge=0, lt=1)
    decay: float = Field(0.3, ge=0, le=1)
    held_out: float = Field(0.005, gt=0, lt=0.5)
    held_out_every: int = Field(250, ge=1)
    checkpoint_minutes: float = Field(5.0, ge=0)
    compile: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _one_beginning(self) -> "PretrainConfig":
        if (self.initial is None) == (self.encoder is None):
            raise ValueError("give either encoder (a shape, for random weights) or initial (a pre-trained encoder)")
        return self


@dataclass(frozen=True)
class Progress:
    """One step: `loss` in nats per masked piece, `seconds_left` estimated, `held_out` where it was measured."""

    step: int
    steps: int
    tokens: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds_left: float
    held_out: float | None = None


def pretrain(config: PretrainConfig) -> Iterator[Progress]:
    """Runs (or resumes) the whole pre-training, yielding one Progress a step; the encoder lies in `config.output`."""
    free = {"output", "held_out_every", "checkpoint_minutes", "compile"}  # may change between two sittings
    settings, files = config.model_dump(mode="json", exclude=free), [source.path for source in config.sources]
    accelerator = Accelerator()
    meet(accelerator)
    torch.manual_seed(config.seed)

    def prepare() -> None:
        same_run(config.output, settings, files)
        prepare_text(config)

    shared(accelerator, prepare)
    tokenizer, tokens = prepare_text(config)
    model = build_model(config.encoder, config.initial, tokenizer)
    yield from fit(config, accelerator, model, tokenizer, tokens)
    if accelerator.is_main_process:
        save_encoder(model, tokenizer, config.output)
    accelerator.wait_for_everyone()


def prepare_text(config: PretrainConfig) -> tuple[Tokenizer, Tokens]:
    """The tokenizer and the packed token ids [tokens] of the run, made once and kept in the output directory.

    A second sitting on the text of the first takes over its tokens, so that what was held out stays held out.
    """
    tokenizer_file, tokens_file = config.output / "tokenizer.json", config.output / "tokens.npy"
    temporary = tokens_file.with_suffix(".tmp.npy")
    if not tokens_file.exists() and config.initial is not None and _same_text(config.output, config.initial):
        shutil.copyfile(config.initial / tokenizer_file.name, tokenizer_file)
        shutil.copyfile(config.initial / tokens_file.name, temporary)
        temporary.replace(tokens_file)
    if not tokens_file.exists():
        documents = shuffled(
            (text for source in config.sources for text in read_documents(source.path, source.share, config.seed)),
            config.seed,
        )
        if config.initial is None:
            tokenizer = train_tokenizer(documents[: config.tokenizer_documents], config.vocab_size)
        else:
            tokenizer = _read_tokenizer(config.initial)
        tokenizer.save(str(tokenizer_file))
        np.save(temporary, pack(documents, tokenizer))
        temporary.replace(tokens_file)
    return Tokenizer.from_file(str(tokenizer_file)), np.load(tokens_file, mmap_mode="r")


def _same_text(output: Path, initial: Path) -> bool:
    """Whether an earlier run, whose tokens are still there, read the very same text."""
    if not (initial / SETTINGS).exists() or not (initial / "tokens.npy").exists():
        return False
    runs = [json.loads((directory / SETTINGS).read_text(encoding="utf-8")) for directory in (output, initial)]
    read = [([source["share"] for source in run["sources"]], run["content of the data"]) for run in runs]
    return read[0] == read[1]


def _read_tokenizer(directory: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(directory / "tokenizer.json"))
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigError(f"initial: {directory / 'tokenizer.json'} cannot be read ({error})") from error


@lru_cache(maxsize=4)
def permutation(seed: int, context: int, length: int) -> NDArray[np.int64]:
    """The order of the sequences of one context length. Shape [length]."""
    return np.random.default_rng([seed, context]).permutation(length)


class Batches:
    """Masked batches as a pure function of the step: inputs [batch, context], chosen positions, their ids."""

    def __init__(self, config: PretrainConfig, tokenizer: Tokenizer, tokens: Tokens) -> None:
        held = max(int(len(tokens) * config.held_out), *(stage.context for stage in config.stages))
        if len(tokens) < 2 * held:
            raise InputError(f"{len(tokens)} tokens are too few to pre-train on; give more text or a shorter context")
        self.training, self.held = tokens[:-held], tokens[-held:]
        self.config = config
        vocab = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        self.continues = np.array([piece.startswith("##") for piece, _ in vocab])
        self.special = np.array([piece in SPECIAL_TOKENS for piece, _ in vocab])
        self.mask_id = [piece for piece, _ in vocab].index(MASK)
        self.steps = max(1, config.max_tokens // config.batch_tokens)

    def context(self, step: int) -> int:
        """Sequence length at a step: the stages follow one another, each for its share of the steps."""
        done = 0.0
        for stage in self.config.stages:
            done += stage.share
            if step < done * self.steps:
                return stage.context
        return self.config.stages[-1].context

    def rows(self, step: int) -> int:
        """Sequences of the batch at a step."""
        return max(1, self.config.batch_tokens // self.context(step))

    def at(self, step: int, tokens: Tokens | None = None, seed: int | None = None) -> tuple[torch.Tensor, ...]:
        source = self.training if tokens is None else tokens
        context = self.context(step)
        rows = self.rows(step)
        per_epoch = len(source) // context
        wanted = np.arange(step * rows, (step + 1) * rows)
        order = permutation(self.config.seed, context, per_epoch)
        starts = order[wanted % per_epoch] * context
        ids = np.stack([source[s : s + context] for s in starts]).astype(np.int64)
        rng = np.random.default_rng([self.config.seed if seed is None else seed, step])
        inputs, chosen = mask_whole_words(ids, self.continues, self.special, self.mask_id, self.config.mask_rate, rng)
        return torch.from_numpy(inputs), torch.from_numpy(chosen), torch.from_numpy(ids[chosen])


def fit(
    config: PretrainConfig, accelerator: Accelerator, model: PreTrainedModel, tokenizer: Tokenizer, tokens: Tokens
) -> Iterator[Progress]:
    """The loop, on one process or, under `accelerate launch`, on each of several, which share every batch."""
    batches = Batches(config, tokenizer, tokens)
    processes = accelerator.num_processes
    if processes > batches.rows(0):
        raise ConfigError(
            f"batch_tokens: a batch of {batches.rows(0)} sequences is too small for {processes} processes"
        )
    model.to(accelerator.device).train()
    optimizer = MasterOptimizer(
        model,
        muon=config.optimizer == "muon",
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
    )
    step, used = 0, 0
    if state := load_state(config.output / CHECKPOINT):
        optimizer.load_state_dict(state)
        step, used = state["step"], state["tokens"]
    if accelerator.is_main_process:
        keep_metrics(config.output / METRICS, step)
    accelerator.wait_for_everyone()
    encoder = torch.compile(model.base_model, dynamic=False) if config.compile else model.base_model
    started, last_save, session_tokens = time.monotonic(), time.monotonic(), 0
    with interruptible() as interrupt, (config.output / METRICS).open("a", encoding="utf-8") as metrics:
        while step < batches.steps:
            inputs, chosen, targets = (t.to(accelerator.device) for t in batches.at(step))
            torch.manual_seed(config.seed * 1_000_003 + step)  # a resumed run drops out what an uninterrupted one does
            own = slice(accelerator.process_index, None, processes)
            mine = torch.zeros_like(chosen)
            mine[own] = chosen[own]
            loss = masked_loss(model, encoder, inputs[own], chosen[own], targets[mine[chosen]])
            loss = loss * processes / len(targets)  # the mean over processes is the mean of the batch
            accelerator.backward(loss)
            rate = config.learning_rate * schedule(step / batches.steps, config.warmup, config.decay)
            optimizer.step(rate, accelerator)
            step, used, session_tokens = step + 1, used + inputs.numel(), session_tokens + inputs.numel()
            speed = session_tokens / (time.monotonic() - started)
            left = (batches.steps - step) * config.batch_tokens / speed
            held = None
            if step % config.held_out_every == 0 or step == batches.steps:
                held = held_out_loss(model, encoder, batches, step, accelerator.device)
            mean = accelerator.reduce(loss.detach(), "mean").item()
            progress = Progress(step, batches.steps, used, mean, rate, speed, left, held)
            asked = anywhere(accelerator, interrupt.asked)
            due = time.monotonic() - last_save > 60 * config.checkpoint_minutes
            if accelerator.is_main_process:
                metrics.write(json.dumps(asdict(progress)) + "\n")
                metrics.flush()
                if due or asked or step == batches.steps:
                    save_state({"step": step, "tokens": used, **optimizer.state_dict()}, config.output / CHECKPOINT)
                    last_save = time.monotonic()
            if asked:
                raise KeyboardInterrupt
            yield progress


def schedule(done: float, warmup: float, decay: float) -> float:
    """Warm-up, stable, decay: linear up over `warmup`, flat, then down as 1 − √ over the last `decay` of the run."""
    if done < warmup:
        return (done + 1e-3) / (warmup + 1e-3)
    if done <= 1 - decay:
        return 1.0
    return 1 - math.sqrt((done - (1 - decay)) / decay)


def masked_loss(
    model: PreTrainedModel, encoder: Any, inputs: torch.Tensor, chosen: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Summed cross-entropy, at masked positions only: the vocabulary projection runs on a quarter of the tokens."""
    hidden = encoder(input_ids=inputs).last_hidden_state[chosen]
    logits = model.decoder(model.head(hidden)) if hasattr(model, "decoder") else model.cls(hidden)
    return F.cross_entropy(logits.float(), targets, reduction="sum")


@torch.no_grad()
def held_out_loss(model: PreTrainedModel, encoder: Any, batches: Batches, step: int, device: torch.device) -> float:
    """Mean loss on up to eight batches of held-out text, masked alike each time."""
    model.eval()
    context = batches.context(step - 1)
    rows = max(1, batches.config.batch_tokens // context)
    count = max(1, min(8, len(batches.held) // context // rows))
    first = next(s for s in range(batches.steps) if batches.context(s) == context)
    losses = []
    for i in range(count):
        inputs, chosen, targets = (t.to(device) for t in batches.at(first + i, batches.held, seed=1))
        losses.append(masked_loss(model, encoder, inputs, chosen, targets).item() / len(targets))
    model.train()
    return sum(losses) / len(losses)


def save_encoder(model: PreTrainedModel, tokenizer: Tokenizer, directory: Path) -> None:
    """A plain Hugging Face directory: config.json, model.safetensors (bf16), tokenizer.json, tokenizer_config.json."""
    with quiet():
        model.save_pretrained(directory)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNK,
        cls_token=CLS,
        sep_token=SEP,
        mask_token=MASK,
        model_max_length=model.config.max_position_embeddings,
    ).save_pretrained(directory)
