"""What a fine-tuning run will do, before it does it: data, labels, updates and memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mawaqif.train.finetune import Run, setup
from mawaqif.train.settings import FinetuneConfig


@dataclass(frozen=True)
class Plan:
    """`memory` is an estimate in bytes of one process's weights, gradients, optimiser state and activations."""

    articles: int
    windows: int
    dev_articles: int
    sentences: dict[str, int]
    mentions: dict[str, int]
    stances: dict[str, int]
    voices: dict[str, int]
    parameters: int
    trained: int
    updates_per_epoch: int
    updates: int
    memory: int


def plan(config: FinetuneConfig, processes: int = 1) -> Plan:
    """Reads data and encoder as the run would. Raises what the run would raise before its first step."""
    run = setup(config)
    mentions = Counter(mention.type for article in run.articles for mention in article.mentions)
    stances = Counter(stance.stance for article in run.articles for stance in article.stances)
    voices = Counter(stance.voice for article in run.articles for stance in article.stances if stance.voice)
    updates = len(run.batches(processes))
    parameters = list(run.model.parameters())
    return Plan(
        articles=len(run.articles),
        windows=len(run.train),
        dev_articles=len(run.dev),
        sentences={scheme: len(pool) for scheme, pool in run.sentences.items()},
        mentions={name: mentions[name] for name in run.labels.type_names},
        stances={name: stances[name] for name in run.labels.stance_names},
        voices={name: voices[name] for name in run.labels.voice_names},
        parameters=sum(p.numel() for p in parameters),
        trained=sum(p.numel() for p in parameters if p.requires_grad),
        updates_per_epoch=updates,
        updates=updates * config.training.epochs,
        memory=memory(run),
    )


def memory(run: Run) -> int:
    """Bytes: fp32 weights, their gradients and AdamW's two moments, and the activations of the longest batch.

    Activations of a layer as in Korthikanti et al. 2022 (https://arxiv.org/abs/2205.05198, 34 bytes a token and unit in
    16 bits, plus the attention matrix), twice that in fp32; gradient checkpointing keeps each layer's input only.
    """
    config, training = run.model.encoder.config, run.config.training
    total = sum(p.numel() for p in run.model.parameters())
    trained = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
    longest = max(len(example.ids) for example in run.train) + 2
    rows = training.batch_articles + training.batch_sentences * len(run.sentences) * 64 / longest
    heads, layers, size = config.num_attention_heads, config.num_hidden_layers, config.hidden_size
    layer = rows * longest * (34 * size + 5 * heads * longest)
    kept = layer + layers * rows * longest * size * 2 if training.gradient_checkpointing else layers * layer
    return int(4 * total + 12 * trained + kept * (2 if training.precision == "no" else 1))
