"""Finds the encoder of a run: the embedded model, a local directory, or a hub id; returns it with its tokenizer.

The hub is asked only if the id is in no local cache. Where it cannot be reached the error says so at once and names the
two ways out. Code in a model directory is never run and pickled weights are never read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from mawaqif.errors import ConfigError
from mawaqif.model import JointModel
from mawaqif.saved import CONFIG, open_model

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "default"


def load_encoder(name: str) -> tuple[PreTrainedModel, Tokenizer]:
    """The encoder called `name` ("embedded", a directory, or a hub id), in fp32, and its fast tokenizer.

    Raises ConfigError where it cannot be had.
    """
    directory = EMBEDDED if name == "embedded" else Path(name)
    if directory.is_dir():
        config = directory / CONFIG
        if config.is_file() and "mawaqif" in json.loads(config.read_text(encoding="utf-8")):
            saved = open_model(directory)
            return JointModel.load(saved).encoder, saved.tokenizer
    elif name.startswith((".", "/")) or name == "embedded" or name.count("/") > 1:
        raise ConfigError(f"model.encoder: {directory}: no such directory; give a model directory or a hub id")
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "3")
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        if hasattr(config, "reference_compile"):
            config.reference_compile = False
        model = AutoModel.from_pretrained(name, config=config, trust_remote_code=False, use_safetensors=True)
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False, use_fast=True)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"model.encoder: {name!r} cannot be loaded ({reason}); give a local directory that holds config.json, "
            "model.safetensors and tokenizer.json, or use the embedded encoder: model.encoder=embedded"
        ) from error
    backend: Tokenizer = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    return model.float(), backend
