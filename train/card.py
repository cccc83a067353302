"""Writes the model card (README.md of a model directory): data and terms, recipe, dev figures, limits, usage."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from mawaqif import __version__
from mawaqif.saved import CARD, WEIGHTS, WORD_VECTORS, open_model, scales, weight_index
from mawaqif.train.settings import FinetuneConfig

_TEMPLATE = """\
---
language: ar
library_name: mawaqif
pipeline_tag: token-classification
tags: [arabic, news, named-entity-recognition, stance-detection]
---

# {name}

Reads Arabic political news and marks named entities and directed stances (holder → target, favor or against, with the
words that show it). Trained with mawaqif {version}.

```python
import mawaqif
tagger = mawaqif.load("path/to/{name}")  # without a path: the model inside the package
article = tagger("…")
```

## Labels

Entity types: {types}. Stances: {stances}. Voices: {voices}.

## Model

{parameters:.1f} million parameters, of which encoder {encoder_parameters:.1f} million ({encoder}). Windows of at most
{max_tokens} sub-words; longer articles are read in overlapping windows of whole sentences. Weights are stored as 16-bit
floats, the embeddings of sub-words as 8-bit integers. Stances are reported from the probability `min_score` in
config.json on, a threshold chosen on dev.{words}

## Data

{data}
{notes}
## Recipe

`mawaqif train` with this configuration; `mawaqif calibrate` then sets the threshold for use end to end.

```yaml
{recipe}```

## Scores on dev

Best epoch and threshold by dev score, so these figures are a little optimistic. The last two columns are between gold
entities, at the threshold that is best for them. `mawaqif evaluate` prints the full table, end to end too.

| strict mention F1, named types | all types | edge F1, gold entities | macro F1 of stances, gold entities |
|---|---|---|---|
| {named:.3f} | {mentions:.3f} | {edges:.3f} | {macro:.3f} |

{own}## Use and limits

A stance is what the article reports, not a fact about the world, and the model misses and invents some. It is made for
reading many articles and finding the sentence to check, not for decisions about people. It was trained on Modern
Standard Arabic news; on dialect, social media, poetry or old texts expect much less.
"""

_WORDS = """

To the embeddings of a word's pieces the vector of the whole word is added, where it is one of {number:,}; these vectors
({size:.1f} million parameters, 8-bit integers) were counted in unlabelled text (`mawaqif words`)."""


def write_card(directory: Path, config: FinetuneConfig) -> Path:
    """Writes README.md into a model directory from the run's configuration and its scores.json.

    Sections (##) of a card that is there already, under headings that this one does not have, are kept as they are.
    """
    saved = open_model(directory)
    path = directory / CARD
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    header, _ = weight_index(directory / WEIGHTS)
    weights = header.keys() - scales(header).values()
    sizes = {name: math.prod(header[name]["shape"]) / 1e6 for name in weights}
    scores = json.loads((directory / "scores.json").read_text(encoding="utf-8"))
    terms = f", only articles with terms {', '.join(config.data.terms)}" if config.data.terms else ""
    data = [f"- annotated articles: {path.parent.name}/{path.name}{terms}" for path in config.data.train]
    data += [
        f"- named entities, scheme {ner.scheme}: {ner.path.parent.name}/{ner.path.name}" for ner in config.data.ner
    ]
    data += [f"- dev (best epoch and threshold only): {config.data.dev.name}"]
    card = _TEMPLATE.format(
        name=directory.name,
        version=__version__,
        types=", ".join(saved.labels.type_names),
        stances=", ".join(saved.labels.stance_names),
        voices=", ".join(saved.labels.voice_names),
        parameters=sum(sizes.values()),
        encoder_parameters=sum(size for name, size in sizes.items() if name.startswith("encoder.")),
        encoder=config.model.encoder,
        max_tokens=config.model.max_tokens,
        words=_WORDS.format(number=len(saved.words), size=sizes[WORD_VECTORS]) if saved.words else "",
        data="\n".join(data),
        recipe=yaml.safe_dump(
            json.loads(config.model_dump_json(exclude={"card_notes"})), allow_unicode=True, sort_keys=False
        ),
        own="".join(own_sections(before)),
        notes=f"\n{config.card_notes.strip()}\n" if config.card_notes else "",
        **{key: scores[key] for key in ("named", "mentions", "edges", "macro")},
    )
    path.write_text(card, encoding="utf-8")
    return path


def mean_card(name: str, cards: Mapping[str, str]) -> str:
    """The card of the mean of models, from theirs, by model name, as `write_card` writes them.

    It holds the first one's, a table of the settings in which the others differ (data too), and no scores: those of the
    parts are not the mean's, nor is what was added to them by hand.
    """
    recipes = {model: dict(_settings(card)) for model, card in cards.items()}
    keys = dict.fromkeys(key for recipe in recipes.values() for key in recipe if key != "output")
    values = {key: [str(recipe.get(key)) for recipe in recipes.values()] for key in keys}
    rows = [f"| {key} | {' | '.join(row)} |" for key, row in values.items() if len(set(row)) > 1]
    table = ["", f"| setting | {' | '.join(cards)} |", "|---" * (1 + len(cards)) + "|", *rows]
    told = [
        f"The weights are the mean (`mawaqif average`) of those of {len(cards)} models. Data and recipe are those",
        f"of the first, {next(iter(cards))}; the others' are the same{' but for' if rows else '.'}",
        *(table if rows else []),
    ]
    mean = "## Mean\n\n" + "\n".join(told) + "\n\n"
    scores = "## Scores on dev\n\nNot measured yet: run `mawaqif calibrate`, then `mawaqif evaluate`.\n\n"
    first = next(iter(cards.values()))
    for section in own_sections(first):
        first = first.replace(section, "")
    first = re.sub(r"(?m)^# .+$", lambda _: f"# {name}", first, count=1)
    first = re.sub(r"(?ms)^## Scores on dev$.*?(?=^## |\Z)", "", first)
    kept, limits, end = first.partition("## Use and limits\n")
    return f"{kept.rstrip()}\n\n{mean}{scores}{limits}{end}"


def _settings(card: str) -> Iterator[tuple[str, object]]:
    """The configuration in a card's recipe: key.sub and value."""

    def flat(prefix: str, value: object) -> Iterator[tuple[str, object]]:
        if not isinstance(value, dict):
            yield prefix, value
            return
        for key, inner in value.items():
            yield from flat(f"{prefix}.{key}" if prefix else str(key), inner)

    found = re.search(r"(?s)```yaml\n(.*?)```", card)
    return flat("", yaml.safe_load(found[1]) if found else {})


def own_sections(card: str) -> list[str]:
    """The sections (##) of a card that somebody has added to it by hand, each to the line before the next one."""
    ours = set(re.findall(r"(?m)^## .+$", _TEMPLATE.replace("{own}", "")))
    sections = re.split(r"(?m)^(?=## )", card)[1:]
    return [f"{section.rstrip()}\n\n" for section in sections if section.partition("\n")[0].rstrip() not in ours]
