"""The schemas of pre-training and fine-tuning runs.

`configs/pretrain.yaml` and `configs/default.yaml` explain every key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mawaqif.labels import LabelSet
from mawaqif.train.config import Section


class NerSet(Section):
    """A public NER set: JSONL with `tokens` and IOB2 `tags`, one sentence a line."""

    path: Path
    scheme: str
    map: dict[str, str] | None = None
    share: float = Field(1.0, gt=0, le=1)
    where: dict[str, Any] | None = None


class Fold(Section):
    """Leaves every `of`-th training article out, beginning with article `number`."""

    number: int = Field(ge=0)
    of: int = Field(ge=2)

    @model_validator(mode="after")
    def _one_of_them(self) -> Fold:
        if self.number >= self.of:
            raise ValueError(f"fold {self.number} of {self.of}; they count from 0")
        return self


class Data(Section):
    train: list[Path] = Field(min_length=1)
    dev: Path
    terms: list[str] | None = None
    labels: Path | None = None
    ner: list[NerSet] = Field(default_factory=list)
    noisy: list[Path] = Field(default_factory=list)
    sure: float = Field(0.0, ge=0, le=1)
    fold: Fold | None = None

    def label_set(self) -> LabelSet:
        """The labels of the run: those of its label file, else the shipped ones."""
        return LabelSet.load(self.labels) if self.labels else LabelSet.default()

    @model_validator(mode="after")
    def _one_head_a_scheme(self) -> Data:
        both = {s.scheme for s in self.ner if s.map is None} & {s.scheme for s in self.ner if s.map is not None}
        if both:
            raise ValueError(f"scheme {min(both)!r} comes with and without a map; give the mapped sets another name")
        return self


class Model(Section):
    encoder: str
    preprocess: Literal["arabert"] | None = None
    words: Path | None = None
    max_tokens: int = Field(512, ge=32)
    stance_width: int = Field(256, ge=8)
    stance_heads: int = Field(4, ge=1)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Model:
        if self.stance_width % self.stance_heads:
            raise ValueError(f"stance_width {self.stance_width} is no multiple of stance_heads {self.stance_heads}")
        return self


class Lora(Section):
    """Low-rank adapters in place of full fine-tuning (Hu et al. 2021); needs the package peft."""

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.05, ge=0, lt=1)
    targets: list[str] | None = None


class Training(Section):
    epochs: int = Field(10, ge=1)
    patience: int | None = Field(None, ge=1)
    batch_articles: int = Field(8, ge=1)
    batch_sentences: int = Field(32, ge=1)
    gradient_accumulation: int = Field(1, ge=1)
    learning_rate: float = Field(3e-4, gt=0)
    head_learning_rate: float = Field(1e-3, gt=0)
    layer_decay: float = Field(1.0, gt=0, le=1)
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    head_dropout: float = Field(0.1, ge=0, lt=1)
    encoder_dropout: float | None = Field(None, ge=0, lt=1)
    word_dropout: float = Field(0.0, ge=0, lt=1)
    noisy_share: float = Field(0.5, ge=0, le=1)
    cut_share: float = Field(0.0, ge=0, le=1)
    spelling_share: float = Field(0.0, ge=0, le=1)
    mention_weight: float = Field(1.0, ge=0)
    ner_weight: float = Field(1.0, ge=0)
    stance_weight: float = Field(0.1, ge=0)
    evidence_weight: float = Field(0.5, ge=0)
    voice_weight: float = Field(0.2, ge=0)
    positive_weight: float = Field(2.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    precision: Literal["no", "bf16", "fp16"] = "no"
    gradient_checkpointing: bool = False
    lora: Lora | None = None
    checkpoint_minutes: float = Field(5.0, ge=0)
    log_with: Literal["tensorboard", "trackio", "wandb"] | None = None
    seed: int = 0
    head_seed: int | None = None

    def weight(self, task: str) -> float:
        """The weight of a task's loss."""
        weight: float = getattr(self, f"{task.partition('.')[0]}_weight")
        return weight


class FinetuneConfig(Section):
    """Every key of a fine-tuning run; `configs/default.yaml` explains each."""

    output: Path
    data: Data
    model: Model
    training: Training = Field(default_factory=Training)
    card_notes: str | None = None


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
    embeddings: Literal["random", "cooccurrence"] = "random"
    words: Path | None = None
    stages: list[Stage] = Field(default_factory=lambda: [Stage()], min_length=1)
    max_tokens: int = Field(ge=1)
    batch_tokens: int = Field(8192, ge=16)
    objective: Literal["masked", "replaced"] = "masked"
    generator: Path | None = None
    mask_rate: float = Field(0.25, gt=0, lt=1)
    word_weight: float = Field(0.0, ge=0)
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
    def _one_beginning(self) -> PretrainConfig:
        if (self.initial is None) == (self.encoder is None):
            raise ValueError("give either encoder (a shape, for random weights) or initial (a pre-trained encoder)")
        return self

    @model_validator(mode="after")
    def _embeddings_of_a_new_encoder(self) -> PretrainConfig:
        if self.embeddings != "random" and self.initial is not None:
            raise ValueError(f"embeddings: {self.embeddings} begins a new encoder; an initial one has its own")
        return self

    @model_validator(mode="after")
    def _a_generator_where_it_is_used(self) -> PretrainConfig:
        if (self.generator is None) == (self.objective == "replaced"):
            raise ValueError("the objective `replaced`, and it alone, needs a generator, a masked language model")
        if self.word_weight and self.generator:
            raise ValueError("word_weight belongs to the objective `masked`; set it to 0")
        return self
