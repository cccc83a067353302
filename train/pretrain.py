"""Pre-trains an encoder from scratch on unlabelled text: tokenizer, packing, masked language modelling, saving.

Read top to bottom: configuration, setup (tokenizer and packed tokens), optimiser, loop, saving. The same script runs on
CPU and GPU. Weights and activations are bf16 with fp32 masters in the optimiser; the loss is computed on masked
positions only. Data order and masks are functions of (seed, step), so a run that is killed and started again
follows the same loss curve. The result is a plain Hugging Face directory that `AutoModel.from_pretrained` loads.

    mawaqif pretrain configs/pretrain.yaml output=runs/encoder
"""

import json
import math
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
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerFast

from mawaqif.data.documents import read_documents
from mawaqif.errors import ConfigError, InputError
from mawaqif.train.checkpoints import METRICS, interruptible, keep_metrics, load_state, same_run, save_state
from mawaqif.train.config import Section
from mawaqif.train.corpus import Tokens, mask_whole_words, pack, shuffled
from mawaqif.train.encoders import quiet
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
    same_run(config.output, config.model_dump(mode="json", exclude=free), [source.path for source in config.sources])
    accelerator = Accelerator()
    torch.manual_seed(config.seed)
    tokenizer, tokens = prepare_text(config)
    model = build_model(config, tokenizer)
    yield from fit(config, accelerator, model, tokenizer, tokens)
    save_encoder(model, tokenizer, config.output)


def prepare_text(config: PretrainConfig) -> tuple[Tokenizer, Tokens]:
    """The tokenizer and the packed token ids [tokens] of the run, made once and kept in the output directory."""
    tokenizer_file, tokens_file = config.output / "tokenizer.json", config.output / "tokens.npy"
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
        temporary = tokens_file.with_suffix(".tmp.npy")
        np.save(temporary, pack(documents, tokenizer))
        temporary.replace(tokens_file)
    return Tokenizer.from_file(str(tokenizer_file)), np.load(tokens_file, mmap_mode="r")


def _read_tokenizer(directory: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(directory / "tokenizer.json"))
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigError(f"initial: {directory / 'tokenizer.json'} cannot be read ({error})") from error


def build_model(config: PretrainConfig, tokenizer: Tokenizer) -> PreTrainedModel:
    """A masked language model in bf16: random weights of the configured shape, or those of `config.initial`."""
    if config.initial is not None:
        model = _load_model(config.initial)
    else:
        model = _random_model(config.encoder or {}, tokenizer)
    if not (hasattr(model, "cls") or (hasattr(model, "head") and hasattr(model, "decoder"))):
        raise ConfigError(f"encoder: model_type {model.config.model_type!r}: no known head; use modernbert or bert")
    return model.to(torch.bfloat16)


def _load_model(directory: Path) -> PreTrainedModel:
    try:
        with quiet():
            model, report = AutoModelForMaskedLM.from_pretrained(
                directory,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # transformers, its validators and safetensors raise many kinds
        raise ConfigError(f"initial: {directory} holds no masked language model ({error})") from error
    if missing := sorted(report["missing_keys"]):
        raise ConfigError(
            f"initial: the weights in {directory} lack {missing[0]}; give a directory that pretrain wrote"
        )
    return model


def _random_model(shape: dict[str, Any], tokenizer: Tokenizer) -> PreTrainedModel:
    ids = {name: tokenizer.token_to_id(token) for name, token in [("pad", PAD), ("cls", CLS), ("sep", SEP)]}
    try:
        settings = AutoConfig.for_model(
            **shape,
            vocab_size=tokenizer.get_vocab_size(),
            pad_token_id=ids["pad"],
            bos_token_id=ids["cls"],
            cls_token_id=ids["cls"],
            eos_token_id=ids["sep"],
            sep_token_id=ids["sep"],
        )
        model: PreTrainedModel = AutoModelForMaskedLM.from_config(settings)
    except Exception as error:  # transformers and its validators raise many kinds
        raise ConfigError(f"encoder: transformers refuses this shape ({error})") from error
    return model


class MasterOptimizer:
    """bf16 weights, fp32 masters: Muon (Jordan et al. 2024) for hidden matrices, AdamW for the rest.

    Small updates vanish in bf16's 8 bits of mantissa; they are summed in the masters and copied back each step.
    """

    def __init__(self, model: PreTrainedModel, config: PretrainConfig) -> None:
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in named]
        self.masters = [p.detach().float().requires_grad_() for p in self.parameters]
        hidden = [
            config.optimizer == "muon" and p.ndim == 2 and "embed" not in n and "decoder" not in n for n, p in named
        ]
        matrices = [m for m, is_hidden in zip(self.masters, hidden, strict=True) if is_hidden]
        rest = [m for m, is_hidden in zip(self.masters, hidden, strict=True) if not is_hidden]
        common: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, betas=(0.9, 0.98), fused=True, **common)
        ]
        if matrices:
            self.optimizers.append(torch.optim.Muon(matrices, adjust_lr_fn="match_rms_adamw", **common))

    def step(self, learning_rate: float) -> None:
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.masters)

    def state_dict(self) -> dict[str, Any]:
        return {"masters": self.masters, "optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self.masters, state["masters"])
            torch._foreach_copy_(self.parameters, self.masters)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


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

    def at(self, step: int, tokens: Tokens | None = None, seed: int | None = None) -> tuple[torch.Tensor, ...]:
        source = self.training if tokens is None else tokens
        context = self.context(step)
        rows = max(1, self.config.batch_tokens // context)
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
    batches = Batches(config, tokenizer, tokens)
    model.to(accelerator.device).train()
    optimizer = MasterOptimizer(model, config)
    step, used = 0, 0
    if state := load_state(config.output / CHECKPOINT):
        optimizer.load_state_dict(state)
        step, used = state["step"], state["tokens"]
    keep_metrics(config.output / METRICS, step)
    encoder = torch.compile(model.base_model, dynamic=False) if config.compile else model.base_model
    started, last_save, session_tokens = time.monotonic(), time.monotonic(), 0
    with interruptible() as interrupt, (config.output / METRICS).open("a", encoding="utf-8") as metrics:
        while step < batches.steps:
            inputs, chosen, targets = (t.to(accelerator.device) for t in batches.at(step))
            torch.manual_seed(config.seed * 1_000_003 + step)  # a resumed run drops out what an uninterrupted one does
            loss = masked_loss(model, encoder, inputs, chosen, targets)
            accelerator.backward(loss)
            rate = config.learning_rate * schedule(step / batches.steps, config.warmup, config.decay)
            optimizer.step(rate)
            step, used, session_tokens = step + 1, used + inputs.numel(), session_tokens + inputs.numel()
            speed = session_tokens / (time.monotonic() - started)
            left = (batches.steps - step) * config.batch_tokens / speed
            held = None
            if step % config.held_out_every == 0 or step == batches.steps:
                held = held_out_loss(model, encoder, batches, step, accelerator.device)
            progress = Progress(step, batches.steps, used, loss.item(), rate, speed, left, held)
            metrics.write(json.dumps(asdict(progress)) + "\n")
            metrics.flush()
            due = time.monotonic() - last_save > 60 * config.checkpoint_minutes
            if due or interrupt.asked or step == batches.steps:
                save_state({"step": step, "tokens": used, **optimizer.state_dict()}, config.output / CHECKPOINT)
                last_save = time.monotonic()
            if interrupt.asked:
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
    """Cross-entropy at the masked positions only, so the vocabulary projection runs on a quarter of the tokens."""
    hidden = encoder(input_ids=inputs).last_hidden_state[chosen]
    logits = model.decoder(model.head(hidden)) if hasattr(model, "decoder") else model.cls(hidden)
    return F.cross_entropy(logits.float(), targets)


@torch.no_grad()
def held_out_loss(model: PreTrainedModel, encoder: Any, batches: Batches, step: int, device: torch.device) -> float:
    """Mean loss on up to eight batches of held-out text, masked alike each time."""
    model.eval()
    context = batches.context(step - 1)
    rows = max(1, batches.config.batch_tokens // context)
    count = max(1, min(8, len(batches.held) // context // rows))
    first = next(s for s in range(batches.steps) if batches.context(s) == context)
    losses = [
        masked_loss(model, encoder, *(t.to(device) for t in batches.at(first + i, batches.held, seed=1))).item()
        for i in range(count)
    ]
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
