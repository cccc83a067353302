"""Models to pre-train: of random weights, or of an earlier pre-training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, PreTrainedModel

from mawaqif.errors import ConfigError
from mawaqif.train.encoders import quiet
from mawaqif.train.tokenizer import CLS, PAD, SEP

_SAFE: dict[str, Any] = {"use_safetensors": True, "trust_remote_code": False, "local_files_only": True}


def random_masked_model(shape: dict[str, Any], tokenizer: Tokenizer) -> PreTrainedModel:
    """A masked language model of a shape (`model_type` and its configuration) with random weights, in bf16."""
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
    return _known(model, "encoder")


def load_masked_model(directory: Path, key: str) -> PreTrainedModel:
    """The masked language model in a directory that `pretrain` wrote, in bf16; `key` is the setting that names it."""
    try:
        with quiet():
            model, report = AutoModelForMaskedLM.from_pretrained(directory, output_loading_info=True, **_SAFE)
    except Exception as error:  # transformers, its validators and safetensors raise many kinds
        raise ConfigError(f"{key}: {directory} holds no masked language model ({error})") from error
    if missing := sorted(report["missing_keys"]):
        raise ConfigError(
            f"{key}: the weights in {directory} lack {missing[0]}; give a directory that pretrain wrote with the "
            "objective `masked`"
        )
    return _known(model, key)


def load_encoder(directory: Path) -> PreTrainedModel:
    """The encoder in a directory that `pretrain` wrote, with either objective, in bf16, without a head."""
    try:
        with quiet():
            model: PreTrainedModel = AutoModel.from_pretrained(directory, **_SAFE)
    except Exception as error:  # as above
        raise ConfigError(f"initial: {directory} holds no encoder ({error})") from error
    return model.to(torch.bfloat16)


def _known(model: PreTrainedModel, key: str) -> PreTrainedModel:
    if not (hasattr(model, "cls") or (hasattr(model, "head") and hasattr(model, "decoder"))):
        raise ConfigError(f"{key}: model_type {model.config.model_type!r}: no known head; use modernbert or bert")
    return model.to(torch.bfloat16)
