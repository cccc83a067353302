"""What is in a set of annotated articles: counts, labels, lengths, stances an article, and who is named most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from mawaqif.article import AUTHOR, Article
from mawaqif.labels import LabelSet
from mawaqif.text import fold, words

__all__ = ["Spread", "Statistics", "statistics"]

Counts = dict[str, int]


@dataclass(frozen=True)
class Spread:
    """How a number is distributed over the articles; `histogram` is (from, to exclusive, articles) in equal steps."""

    least: int
    median: float
    mean: float
    most: int
    total: int
    histogram: list[tuple[int, int, int]]


@dataclass(frozen=True)
class Statistics:
    """`mentions` and `entities` by type, `stances` by label and voice, in the order of the label set, unknown labels
    behind; `fields` the articles by each value of `source`, `topic` and the like; `names` the entities of most articles
    with their type, and `for_and_against` the stances toward the most frequent targets, by label.
    """

    articles: int
    words: Spread
    mentions_an_article: Spread
    stances_an_article: Spread
    mentions: Counts
    entities: Counts
    stances: dict[str, Counts]
    by_author: int
    fields: dict[str, Counts]
    names: list[tuple[str, str, int]]
    for_and_against: list[tuple[str, Counts]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def statistics(
    articles: Sequence[Article],
    labels: LabelSet,
    *,
    fields: Iterable[str] = ("source", "topic", "genre", "terms"),
    top: int = 20,
) -> Statistics:
    """Count what the articles hold. Names are counted once an article, by their folded spelling and type."""
    types, stances, voices = labels.type_names, labels.stance_names, labels.voice_names
    pairs = Counter((s.stance, s.voice or "none") for article in articles for s in article.stances)
    all_stances = _ordered(Counter(label for label, _ in pairs.elements()), stances)
    return Statistics(
        articles=len(articles),
        words=_spread([len(words(article.text)) for article in articles]),
        mentions_an_article=_spread([len(article.mentions) for article in articles]),
        stances_an_article=_spread([len(article.stances) for article in articles]),
        mentions=_ordered(Counter(m.type for article in articles for m in article.mentions), types),
        entities=_ordered(Counter(e.type for article in articles for e in article.entities), types),
        stances={
            label: _ordered(Counter({v: n for (s, v), n in pairs.items() if s == label}), voices)
            for label in all_stances
        },
        by_author=sum(s.holder == AUTHOR for article in articles for s in article.stances),
        fields=_fields(articles, fields, top),
        names=_names(articles, top),
        for_and_against=_targets(articles, stances, top),
    )


def _ordered(counts: Counter[str], known: Sequence[str]) -> Counts:
    return {name: counts[name] for name in (*known, *sorted(counts.keys() - set(known)))}


def _spread(values: Sequence[int], steps: int = 12) -> Spread:
    if not values:
        return Spread(0, 0.0, 0.0, 0, 0, [])
    low, high = min(values), max(values)
    width = max(1, -(-(high - low + 1) // steps))
    counts = Counter((value - low) // width for value in values)
    bins = [(low + i * width, low + (i + 1) * width, counts[i]) for i in range((high - low) // width + 1)]
    return Spread(low, float(median(values)), round(mean(values), 2), high, sum(values), bins)


def _fields(articles: Sequence[Article], names: Iterable[str], top: int) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for name in names:
        values = Counter(str(data[name]) for data in (a.to_dict() for a in articles) if data.get(name) is not None)
        if values:
            found[name] = dict(values.most_common(top))
    return found


def _key(name: str) -> str:
    return fold(name) or name


def _names(articles: Sequence[Article], top: int) -> list[tuple[str, str, int]]:
    counts: Counter[tuple[str, str]] = Counter()
    shown: dict[str, Counter[str]] = {}
    for article in articles:
        counts.update({(_key(entity.name), entity.type) for entity in article.entities})
        for entity in article.entities:
            shown.setdefault(_key(entity.name), Counter())[entity.name] += 1
    return [(shown[key].most_common(1)[0][0], type_, n) for (key, type_), n in counts.most_common(top)]


def _targets(articles: Sequence[Article], labels: Sequence[str], top: int) -> list[tuple[str, Counts]]:
    counts: dict[str, Counter[str]] = {}
    shown: dict[str, Counter[str]] = {}
    for article in articles:
        for stance in article.stances:
            name = article.name_of(stance.target)
            counts.setdefault(_key(name), Counter())[stance.stance] += 1
            shown.setdefault(_key(name), Counter())[name] += 1
    ranked = sorted(counts, key=lambda key: -counts[key].total())[:top]
    return [(shown[key].most_common(1)[0][0], _ordered(counts[key], labels)) for key in ranked]
