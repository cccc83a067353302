"""One model of several: the mean of their weights ("model soups", Wortsman et al. 2022, https://arxiv.org/abs/2203.05482).

Runs that began from the same encoder and the same heads, on other seeds or more articles, usually lie in one basin:
their mean is as fast as one of them and tends to be better. Runs from others do not, and their mean is no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mawaqif.errors import ModelError
from mawaqif.model import JointModel
from mawaqif.saved import CARD, CONFIG, LABELS, TOKENIZER, WORDS, SavedModel, open_model
from mawaqif.train.card import mean_card

_ALIKE = 0.2  # of heads from one beginning; after five epochs on other articles it was 0.6, from two beginnings 0.0
_FITTED = ("temperature", "none_bias", "phrase_bias", "min_score", "precision")  # to one model's scores: not the mean's


def average(models: Sequence[Path], output: Path) -> None:
    """Writes the model directory `output` with the mean of the models' weights, without graphs and calibration.

    Where all of them have a card, so has the mean. Raises ModelError for fewer than two models, and where labels,
    tokenizer or shape differ from the first one's, or heads show that they began from other random weights.
    """
    if len(models) < 2:
        raise ModelError("a mean needs two models or more")
    if output.exists():
        raise ModelError(f"{output}: is there already; give another output")
    saved = [open_model(model) for model in models]
    for other in saved[1:]:
        _check_alike(saved[0], other)
    mean = JointModel.load(saved[0])
    others = [JointModel.load(other).state_dict() for other in saved[1:]]
    for model, weights in zip(models[1:], others, strict=True):
        if _likeness(mean.state_dict(), weights) < _ALIKE:
            raise ModelError(
                f"{model}: its heads began from other random weights than those of {models[0]}; train such runs with "
                "one training.head_seed, or from one model"
            )
    with torch.no_grad():
        for name, values in mean.state_dict().items():
            if values.is_floating_point():
                values.copy_(torch.stack([values, *(weights[name] for weights in others)]).mean(0))
    mean.settings = _lasting(saved[0])
    mean.save(output, saved[0].tokenizer)
    if all((model / CARD).exists() for model in models):
        apart = len({model.name for model in models}) == len(models)
        cards = {model.name if apart else str(model): (model / CARD).read_text(encoding="utf-8") for model in models}
        (output / CARD).write_text(mean_card(output.name, cards), encoding="utf-8")


def _likeness(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The median cosine of the matrices of two models' heads: about 0 between different random beginnings."""
    cosines = [
        torch.nn.functional.cosine_similarity(values.flatten(), other[name].flatten(), dim=0)
        for name, values in one.items()
        if values.ndim == 2 and not name.startswith(("encoder.", "words."))
    ]
    return float(torch.stack(cosines).median())


def _lasting(saved: SavedModel) -> dict[str, object]:
    return {key: value for key, value in saved.settings.items() if key not in _FITTED}


def _check_alike(first: SavedModel, other: SavedModel) -> None:
    def shape(saved: SavedModel) -> dict[str, object]:
        return {key: value for key, value in saved.config.items() if key != "mawaqif"} | _lasting(saved)

    for name, mine, its in (
        (LABELS, first.labels, other.labels),
        (WORDS, first.words, other.words),
        (TOKENIZER, first.tokenizer.to_str(), other.tokenizer.to_str()),
        (CONFIG, shape(first), shape(other)),
    ):
        if mine != its:
            raise ModelError(
                f"{other.directory / name}: differs from {first.directory / name}; only like models have a mean"
            )
