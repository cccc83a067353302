"""LoRA adapters on the encoder through peft: few trained weights, and a saved model that needs no peft."""

from __future__ import annotations

import copy
import warnings

from mawaqif.errors import require
from mawaqif.model import JointModel


def add_adapters(model: JointModel, rank: int, alpha: int, dropout: float, targets: list[str] | None) -> None:
    """Freezes the encoder and gives its linear layers (or those that `targets` names) low-rank adapters to train."""
    require("peft", "lora")
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets or "all-linear", bias="none"
    )
    with warnings.catch_warnings():  # peft asks transformers for what the next version calls otherwise
        warnings.simplefilter("ignore", FutureWarning)
        model.encoder = get_peft_model(model.encoder, settings)


def merged(model: JointModel) -> JointModel:
    """The model with its adapters, if it has any, added into the weights; the model itself stays as it is."""
    if not hasattr(model.encoder, "merge_and_unload"):
        return model
    plain = copy.deepcopy(model)
    plain.encoder = plain.encoder.merge_and_unload()
    return plain
