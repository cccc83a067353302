"""Cut a corpus into parts such as train, dev and test: by article, near copies together, every part like the whole.

Groups of near duplicates are dealt out one by one, those with the most of what is rare first, each to the part whose
label counts it brings nearest to its share: a greedy form of iterative stratification (Sechidis, Tsoumakas and Vlahavas
2011) for counts of many labels. Exchanges between parts then improve on what dealing in one pass leaves.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mawaqif.article import Article
from mawaqif.data.near_duplicates import groups
from mawaqif.errors import ConfigError

__all__ = ["parse_parts", "split"]

Counts = NDArray[np.float64]

_SWAPS = 30  # tries for each group


def parse_parts(text: str) -> dict[str, float]:
    """Names and shares of parts; the shares are of any sum. Raises ConfigError.

    >>> parse_parts("train=8, dev=1, test=1")
    {'train': 0.8, 'dev': 0.1, 'test': 0.1}
    """
    parts: dict[str, float] = {}
    for item in text.split(","):
        name, _, share = item.partition("=")
        try:
            value = float(share)
        except ValueError:
            value = math.nan
        if not name.strip() or name.strip() in parts or "/" in name or not (0 < value < math.inf):
            raise ConfigError(f"{item.strip()!r} is no part; write parts as train=0.8,dev=0.1,test=0.1")
        parts[name.strip()] = value
    total = sum(parts.values())
    return {name: value / total for name, value in parts.items()}


def split(
    articles: Sequence[Article], parts: Mapping[str, float], *, seed: int = 0, by: Sequence[str] = ("source", "topic")
) -> dict[str, list[Article]]:
    """The articles of each part, in their order; the same under the same seed.

    `parts` maps names to shares that sum to 1. Balanced are the numbers of articles, of mentions of each type, of
    stances of each label and voice, and of articles by each value of the fields `by`. The number of articles of a part
    is its share, rounded, as far as groups of near duplicates allow. Raises MissingExtraError without the extra `data`.
    """
    profiles = [_profile(article, by) for article in articles]
    features = sorted(set().union(*profiles)) if profiles else []
    counts = np.array([[profile[name] for name in features] for profile in profiles], dtype=np.float64)
    counts = counts.reshape(len(articles), len(features))
    chooser = random.Random(seed)
    joined = groups([article.text for article in articles])
    chooser.shuffle(joined)
    added = np.array([counts[group].sum(axis=0) for group in joined]).reshape(len(joined), len(features))
    wanted = np.outer(list(parts.values()), counts.sum(axis=0))
    placed = _dealt(joined, added, wanted, _sizes(len(articles), list(parts.values())))
    _swap(placed, [len(group) for group in joined], added, wanted, chooser)
    return {
        name: [
            articles[i] for i in sorted(i for group, p in zip(joined, placed, strict=True) if p == part for i in group)
        ]
        for part, name in enumerate(parts)
    }


def _dealt(joined: list[list[int]], added: Counts, wanted: Counts, room: list[int]) -> list[int]:
    """The part of each group. `added` (groups, features) and `wanted` (parts, features) are counts, `room` articles."""
    have = np.zeros_like(wanted)
    placed = [0] * len(joined)
    rarity = (added / added.sum(axis=0)).sum(axis=1) if len(joined) else []
    for i in sorted(range(len(joined)), key=lambda i: -rarity[i]):  # stable: equals stay in the order of the seed
        fitting = [p for p in range(len(room)) if room[p] >= len(joined[i])] or [int(np.argmax(room))]
        better = [_distance(have[p], wanted[p]) - _distance(have[p] + added[i], wanted[p]) for p in fitting]
        part = placed[i] = fitting[int(np.argmax(better))]
        have[part] += added[i]
        room[part] -= len(joined[i])
    return placed


def _distance(have: Counts, wanted: Counts) -> float:
    """Chi-squared: a part is as far from its counts as they are off in relation to what they should be."""
    return float(((have - wanted) ** 2 / wanted).sum())


def _swap(placed: list[int], sizes: list[int], added: Counts, wanted: Counts, chooser: random.Random) -> None:
    """Exchange groups of one size between parts, in place, where that brings both nearer to what they should be."""
    have = np.zeros_like(wanted)
    for i, part in enumerate(placed):
        have[part] += added[i]
    for _ in range(_SWAPS * len(placed)):
        i, j = chooser.randrange(len(placed)), chooser.randrange(len(placed))
        a, b = placed[i], placed[j]
        if a == b or sizes[i] != sizes[j]:
            continue
        new_a, new_b = have[a] - added[i] + added[j], have[b] - added[j] + added[i]
        before = _distance(have[a], wanted[a]) + _distance(have[b], wanted[b])
        if _distance(new_a, wanted[a]) + _distance(new_b, wanted[b]) < before:
            have[a], have[b] = new_a, new_b
            placed[i], placed[j] = b, a


def _profile(article: Article, by: Iterable[str]) -> Counter[str]:
    profile: Counter[str] = Counter({"articles": 1})
    profile.update(f"type {mention.type}" for mention in article.mentions)
    profile.update(f"stance {stance.stance}" for stance in article.stances)
    profile.update(f"voice {stance.voice}" for stance in article.stances if stance.voice)
    data = article.to_dict()
    profile.update(f"{field} {data[field]}" for field in by if data.get(field) is not None)
    return profile


def _sizes(count: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers with the given sum, nearest to the shares (largest remainder)."""
    exact = [count * share for share in shares]
    sizes = [math.floor(value + 1e-9) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda p: sizes[p] - exact[p])
    for p in by_remainder[: count - sum(sizes)]:
        sizes[p] += 1
    return sizes
