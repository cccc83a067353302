"""Views of a training example: the same text as the model may meet it in use.

With gold entities alone a model never learns what to do with entities that are wrong, and with whole articles alone it
never sees a lone sentence. So each epoch shows each window in one view: with gold entities or with those that a model
found in it (`mawaqif crossfit`), as it is or respelt (`mawaqif.train.spelling`), whole or cut down to a run of its
sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mawaqif.encoding import Pairs, distances
from mawaqif.train.examples import Example
from mawaqif.train.objective import IGNORED


def views(
    gold: Sequence[Example],
    noisy: Sequence[Example],
    rng: np.random.Generator,
    *,
    noisy_share: float = 0.0,
    cut_share: float = 0.0,
    respelt: Mapping[int, Example] | None = None,
) -> list[Example]:
    """One view of every window. `noisy` holds the same windows as `gold`, or nothing; `respelt` some, by number."""
    plain = [(respelt or {}).get(n, example) for n, example in enumerate(gold)]
    chosen = [noisy[n] if noisy and rng.random() < noisy_share else example for n, example in enumerate(plain)]
    return [cut(example, rng) if rng.random() < cut_share else example for example in chosen]


def cut(example: Example, rng: np.random.Generator) -> Example:
    """A run of one or more whole sentences, but not of all, drawn at random; a single sentence stays as it is."""
    starts = np.flatnonzero(np.diff(example.sentence, prepend=-1))
    if len(starts) < 2:
        return example
    bounds = [*starts.tolist(), len(example.ids)]
    length = int(rng.integers(1, len(starts)))
    first = int(rng.integers(0, len(starts) - length + 1))
    return part(example, bounds[first], bounds[first + length])


def part(example: Example, start: int, end: int) -> Example:
    """The tokens [start, end) with the entities named there and the pairs of those.

    A stance whose evidence does not lie inside, or is not known, is neither there nor absent: it is IGNORED.
    """
    columns = np.concatenate([[0], np.arange(start + 1, end + 1), [len(example.ids) + 1]])
    pairs = example.pairs
    mask = pairs.mask[:, columns]
    kept = np.flatnonzero(mask.any(axis=1))
    row = np.full(len(pairs.entities), -1)
    row[kept] = np.arange(len(kept))
    both = np.flatnonzero((row[pairs.pairs] >= 0).all(axis=1))
    evidence = example.evidence[both][:, columns]
    whole = evidence.any(axis=1) & (evidence.sum(axis=1) == example.evidence[both].sum(axis=1))
    stance = np.where((example.stance[both] > 0) & ~whole, IGNORED, example.stance[both])
    return replace(
        example,
        ids=example.ids[start:end],
        tags=example.tags[start:end],
        pairs=Pairs(
            [pairs.entities[n] for n in kept],
            mask[kept],
            pairs.types[kept],
            distances(mask[kept]),
            row[pairs.pairs[both]],
        ),
        stance=stance,
        voice=np.where(stance > 0, example.voice[both], IGNORED),
        evidence=evidence,
        sentence=example.sentence[start:end],
    )
