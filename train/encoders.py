"""Finds the encoder of a run: the embedded model, a local directory, or a hub id; returns it with its tokenizer.

The hub is asked only if the id is in no local cache. Where it cannot be reached the error says so at once and names the
two ways out. Code in a model directory is never run and pickled weights are never read.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import HfApi
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from mawaqif.errors import ConfigError
from mawaqif.model import JointModel, WordVectors
from mawaqif.saved import CONFIG, EMBEDDED, WORDS, open_model
from mawaqif.train.words import load_words
from mawaqif.words import WordTable

HUB_SECONDS = 5.0  # to answer whether a model is there; transformers alone would retry for half a minute


def load_encoder(name: str, dropout: float | None = None) -> tuple[PreTrainedModel, Tokenizer]:
    """The encoder called `name` ("embedded", a directory, or a hub id), in fp32, and its fast tokenizer.

    `dropout`, if given, takes the place of every dropout rate of its configuration. Raises ConfigError where it
    cannot be had, ModelError where it is a damaged mawaqif model.
    """
    encoder, tokenizer = _load(name)
    return (encoder if dropout is None else with_dropout(encoder, dropout)), tokenizer


def with_dropout(encoder: PreTrainedModel, rate: float) -> PreTrainedModel:
    """The same encoder with every dropout rate of its configuration at `rate`."""
    config = copy.deepcopy(encoder.config)
    for key, value in config.to_dict().items():
        if isinstance(value, float) and ("dropout" in key or key.endswith("dropout_prob")) and "classifier" not in key:
            setattr(config, key, rate)
    changed = type(encoder)(config)
    changed.load_state_dict(encoder.state_dict())
    return changed


def _load(name: str) -> tuple[PreTrainedModel, Tokenizer]:
    directory = model_directory(name)
    if directory.is_dir():
        if _is_joint_model(directory / CONFIG):
            saved = open_model(directory)
            return JointModel.load(saved).encoder, saved.tokenizer
        return _from_pretrained(name, str(directory), local=True)
    if name.startswith((".", "/", "~")) or name == "embedded" or name.count("/") > 1:
        raise ConfigError(f"model.encoder: {directory}: no such directory; give a model directory or a hub id")
    try:
        return _from_pretrained(name, name, local=True)
    except ConfigError:  # not in the cache, or not whole
        try:
            HfApi().model_info(name, timeout=HUB_SECONDS)
        except Exception as error:  # whatever the HTTP client of the day raises
            raise _cannot(name, f"it is in no local cache and the hub says: {error}") from error
        return _from_pretrained(name, name, local=False)


def take_heads(model: JointModel, name: str) -> bool:
    """Gives `model` the trained heads of the mawaqif model called `name`, if it is one with the same labels and sizes.

    So fine-tuning the embedded model on a user's articles goes on from what it already knows.
    """
    directory = model_directory(name)
    if not directory.is_dir() or not _is_joint_model(directory / CONFIG):
        return False
    trained = JointModel.load(open_model(directory))
    ours, theirs = model.labels, trained.labels
    if (ours.bio_tags, ours.stance_names, ours.voice_names) != (
        theirs.bio_tags,
        theirs.stance_names,
        theirs.voice_names,
    ):
        return False
    own = model.state_dict()
    heads = {key: value for key, value in trained.state_dict().items() if not key.startswith(("encoder.", "words."))}
    if any(own[key].shape != value.shape for key, value in heads.items()):
        return False
    model.load_state_dict(heads, strict=False)
    return True


def find_words(name: str, given: Path | None, tokenizer: Tokenizer, hidden: int) -> WordVectors | None:
    """The vectors of words that the encoder called `name` [hidden] is to read: new ones from the directory `given`,
    which `mawaqif words` made, else those that it has learned to read in pre-training or as part of a mawaqif model.

    Raises ConfigError.
    """
    directory = model_directory(name)
    if given is None and directory.is_dir() and _is_joint_model(directory / CONFIG):
        return JointModel.load(open_model(directory)).words
    if given is None and not (directory / WORDS).exists():
        return None
    words, vectors, matrix = load_words(given or directory)
    learned = None if given or matrix is None else torch.from_numpy(matrix)
    if learned is not None and learned.shape != (hidden, vectors.shape[1]):
        raise ConfigError(f"words: {directory}: a matrix of shape {[*learned.shape]}, not {[hidden, vectors.shape[1]]}")
    return WordVectors.begin(WordTable(words, tokenizer), torch.from_numpy(vectors), hidden, learned)


def model_directory(name: str) -> Path:
    """The directory of the model called `name`: "embedded", or a directory."""
    return EMBEDDED if name == "embedded" else Path(name)


def _is_joint_model(config: Path) -> bool:
    try:
        return "mawaqif" in json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # transformers will say what is wrong with it
        return False


def _from_pretrained(name: str, source: str, *, local: bool) -> tuple[PreTrainedModel, Tokenizer]:
    safe = {"trust_remote_code": False, "local_files_only": local}
    try:
        with quiet():
            config = AutoConfig.from_pretrained(source, **safe)
            if hasattr(config, "reference_compile"):
                config.reference_compile = False
            model, report = AutoModel.from_pretrained(
                source, config=config, use_safetensors=True, output_loading_info=True, **safe
            )
            tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, **safe)
    except Exception as error:  # transformers, its validators, safetensors and tokenizers raise many kinds
        raise _cannot(name, str(error)) from error
    # A pooler is never read, and most checkpoints of masked language models have none.
    if missing := sorted(key for key in report["missing_keys"] if "pooler" not in key):
        raise _cannot(name, f"its weights lack {missing[0]} and {len(missing) - 1} more")
    backend: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise _cannot(name, "it has no tokenizer.json")
    backend.no_padding()
    backend.no_truncation()
    if getattr(model, "pooler", None) is not None:
        model.pooler.requires_grad_(False)  # never read; parallel training waits for every gradient
    return model.float(), backend


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bars, warnings and load report."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _cannot(name: str, reason: str) -> ConfigError:
    first = next(iter(reason.strip().splitlines()), "no reason given").rstrip(".:")
    return ConfigError(
        f"model.encoder: {name!r} cannot be loaded ({first}); give a local directory that holds config.json, "
        "model.safetensors and tokenizer.json, or use the embedded encoder: model.encoder=embedded"
    )
