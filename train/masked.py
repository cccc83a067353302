"""Masked language models to pre-train: of random weights, or of an earlier pre-training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedModel

from mawaqif.errors import ConfigError
from mawaqif.train.encoders import quiet
from mawaqif.train.tokenizer import CLS, PAD, SEP


def build_model(shape: dict[str, Any] | None, initial: Path | None, tokenizer: Tokenizer) -> PreTrainedModel:
    """A masked language model in bf16: the weights in the directory `initial`, or random ones of a shape."""
    model = _random_model(shape or {}, tokenizer) if initial is None else _load_model(initial)
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
