"""Entities as a model finds them in articles that it was not trained on, with the gold stances between them.

Gold entities are all right, and an unnamed actor or an issue is among them only where somebody takes a stance on it. A
model trained on those alone believes of every entity that it finds what held of gold. Cross-fitting shows it its own
mistakes: each of several models is trained without a part of the articles and then finds the entities of that part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mawaqif.eval import carry
from mawaqif.inference.tagger import load
from mawaqif.jsonl import write_articles
from mawaqif.train.examples import load_training
from mawaqif.train.settings import FinetuneConfig, Fold

NOISY = "noisy.jsonl"


def leave_out(config: FinetuneConfig, folds: int) -> list[FinetuneConfig]:
    """One configuration a fold, each training without its part, in a directory of its own under the output."""
    return [
        config.model_copy(
            update={
                "output": config.output / f"fold{number}",
                "data": config.data.model_copy(update={"fold": Fold(number=number, of=folds), "noisy": []}),
            }
        )
        for number in range(folds)
    ]


def write_noisy(config: FinetuneConfig, models: Sequence[Path]) -> int:
    """Tags the n-th of every len(models) training articles with the n-th model, which has not seen them.

    Returns how many articles `<output>/noisy.jsonl` now holds.
    """
    articles = load_training(config.data.train, config.data.label_set(), config.data.terms)
    found = []
    for number, model in enumerate(models):
        gold = articles[number :: len(models)]
        # With every stance, however improbable: an entity counts here whether or not one is found for it.
        tagger = load(model)
        tagged = tagger.pipe([article.clean() for article in gold], min_score=0.0, evidence=False)
        found += [carry(a, b) for a, b in zip(gold, tagged, strict=True)]
    config.output.mkdir(parents=True, exist_ok=True)
    return write_articles(found, config.output / NOISY)
