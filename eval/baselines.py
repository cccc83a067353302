"""What a model must beat: three ways to tag articles that learn little or nothing, scored in the same report.

- majority: every ordered pair of entities that share a sentence holds the stance that is the most common one. The other
  usual majority baseline, no stance at all, scores 0 by definition of F1, so it would tell nothing.
- lexicon: the stance cues of `mawaqif.cues`.
- gazetteer: the names and the stances of a train file, known by heart.

Majority and lexicon name no entities: they are given those of gold, or those that the model found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

from mawaqif.article import AUTHOR, Article, Entity, Mention, Stance
from mawaqif.cues import cue_stances
from mawaqif.labels import LabelSet
from mawaqif.text import Span, fold, sentences, strip_proclitics, words

__all__ = ["Gazetteer", "baselines", "lexicon_baseline", "majority_baseline", "majority_label"]


def baselines(
    gold: Sequence[Article], predicted: Sequence[Article], labels: LabelSet, train: Iterable[Article] | None = None
) -> dict[str, tuple[list[Article], list[Article]]]:
    """Name of the baseline → its articles end to end, and with the gold entities given.

    `predicted` are the model's articles, in the order of gold: their entities serve majority and lexicon end to end.
    Without `train` there is no gazetteer, and the most common stance is that of gold.
    """
    known = None if train is None else list(train)
    label = majority_label(gold if known is None else known)
    found: dict[str, list[tuple[Article, Article]]] = {}
    both = list(zip(predicted, gold, strict=True))
    if label is not None:
        found["majority"] = [
            (majority_baseline(a, label, labels), majority_baseline(b, label, labels)) for a, b in both
        ]
    found["lexicon"] = [(lexicon_baseline(a, labels), lexicon_baseline(b, labels)) for a, b in both]
    if known is not None:
        gazetteer = Gazetteer.learn(known, labels)
        found["gazetteer"] = [(gazetteer.tag(article), gazetteer.stances(article)) for article in gold]
    return {name: ([a for a, _ in rows], [b for _, b in rows]) for name, rows in found.items()}


def majority_label(articles: Iterable[Article]) -> str | None:
    """The most common stance, of equally common ones the first by name; None where there is none."""
    counts = Counter(stance.stance for article in articles for stance in article.stances)
    return min(counts, key=lambda name: (-counts[name], name), default=None)


def majority_baseline(article: Article, label: str, labels: LabelSet) -> Article:
    """The article with the stance `label` from each entity toward each that shares a sentence with it.

    Only types that may hold, or be the target of, a stance count. The first common sentence is the evidence.
    """
    may_hold = {kind.name for kind in labels.types if kind.holder}
    may_be_target = {kind.name for kind in labels.types if kind.target}
    types = {entity.id: entity.type for entity in article.entities}
    stances = [
        Stance.model_construct(holder=holder, target=target, stance=label, evidence=sentence)  # thousands: unchecked
        for (holder, target), sentence in _neighbours(article).items()
        if types[holder] in may_hold and types[target] in may_be_target
    ]
    return article.model_copy(update={"stances": stances})


def lexicon_baseline(article: Article, labels: LabelSet) -> Article:
    """The article with the stances that the cue lexicon finds between its entities."""
    return article.model_copy(update={"stances": cue_stances(article, labels)})


def _neighbours(article: Article) -> dict[tuple[str, str], Span]:
    """Each ordered pair of entities with mentions in one sentence, and the first such sentence."""
    found: dict[tuple[str, str], Span] = {}
    mentions = sorted(article.mentions, key=lambda mention: mention.start)
    at = 0
    for start, end in _sentences(article.text):
        inside: dict[str, None] = {}
        while at < len(mentions) and mentions[at].start < end:
            if (entity := mentions[at].entity) is not None:
                inside[entity] = None
            at += 1
        for ends in permutations(inside, 2):
            found.setdefault(ends, (start, end))
    return found


@dataclass(frozen=True)
class Gazetteer:
    """The names of train (folded, word by word → type and canonical name) and the stances between names; `longest`
    is the number of words of the longest name that begins with a word.

    The baseline of CoNLL-2003 (Tjong Kim Sang and De Meulder 2003): a name counts only if it has one type throughout
    train, and of names that overlap the longest is taken, from left to right. Names are compared as `mawaqif.text.fold`
    spells them, with and without attached proclitics.
    """

    names: Mapping[tuple[str, ...], tuple[str, str]]
    longest: Mapping[str, int]
    edges: Mapping[tuple[str, str], str]
    only_in_stances: frozenset[str]

    @classmethod
    def learn(cls, articles: Iterable[Article], labels: LabelSet) -> Gazetteer:
        """Know the articles by heart. Of several stances between two names the most common is kept."""
        types: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        canonical: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        edges: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for article in articles:
            names = {entity.id: fold(entity.name) for entity in article.entities} | {AUTHOR: AUTHOR}
            for mention in article.mentions:
                if mention.entity is None:
                    continue
                key = _bare(_key(article.surface(mention)), names[mention.entity])
                types[key][mention.type] += 1
                canonical[key][names[mention.entity]] += 1
            for stance in article.stances:
                edges[names[stance.holder], names[stance.target]][stance.stance] += 1
        known = {
            key: (next(iter(kinds)), canonical[key].most_common(1)[0][0])
            for key, kinds in types.items()
            if len(kinds) == 1 and key
        }
        longest: Counter[str] = Counter()
        for key in known:
            longest[key[0]] = max(longest[key[0]], len(key))
        return cls(
            names=known,
            longest=longest,
            edges={ends: counts.most_common(1)[0][0] for ends, counts in edges.items()},
            only_in_stances=frozenset(labels.only_in_stances),
        )

    def tag(self, article: Article) -> Article:
        """The article with the mentions, entities and stances that are known by heart."""
        entities: dict[tuple[str, str], Entity] = {}
        mentions = []
        for start, end, kind, name in self._match(article.text):
            entity = entities.setdefault((kind, name), Entity(id=f"e{len(entities) + 1}", type=kind, name=name))
            mentions.append(Mention(start=start, end=end, type=kind, entity=entity.id))
        named = article.model_copy(update={"mentions": mentions, "entities": list(entities.values()), "stances": []})
        tagged = self.stances(named)
        used = {end for stance in tagged.stances for end in (stance.holder, stance.target)}
        kept = {e.id: e for e in tagged.entities if e.type not in self.only_in_stances or e.id in used}
        return tagged.model_copy(
            update={"entities": list(kept.values()), "mentions": [m for m in mentions if m.entity in kept]}
        )

    def stances(self, article: Article) -> Article:
        """The article with the known stances between the names of its entities."""
        names = {entity.id: fold(entity.name) for entity in article.entities} | {AUTHOR: AUTHOR}
        near = _neighbours(article)
        stances = [
            Stance(holder=ends[0], target=ends[1], stance=stance, evidence=near.get(ends))
            for ends in permutations(names, 2)
            if ends[1] != AUTHOR and (stance := self.edges.get((names[ends[0]], names[ends[1]])))
        ]
        return article.model_copy(update={"stances": stances})

    def _match(self, text: str) -> Iterator[tuple[int, int, str, str]]:
        spans = words(text)
        folded = [fold(text[start:end]) for start, end in spans]
        at = 0
        while at < len(spans):
            for length, key in _candidates(text[slice(*spans[at])], folded, at, self.longest):
                if found := self.names.get(key):
                    yield spans[at][0], spans[at + length - 1][1], *found
                    at += length
                    break
            else:
                at += 1


def _candidates(
    word: str, folded: Sequence[str], at: int, longest: Mapping[str, int]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Number of words and key of every name that may begin at the word with number `at`, the longest first."""
    firsts = [first for first in dict.fromkeys([folded[at], *_readings(word)]) if first in longest]
    most = min(max((longest[first] for first in firsts), default=0), len(folded) - at)
    for length in range(most, 0, -1):
        for first in firsts:
            yield length, (first, *folded[at + 1 : at + length])


@lru_cache(maxsize=4096)
def _sentences(text: str) -> tuple[Span, ...]:
    return tuple(sentences(text))


@lru_cache(maxsize=65_536)
def _readings(word: str) -> tuple[str, ...]:
    return tuple(fold(reading) for reading in strip_proclitics(word))


def _key(surface: str) -> tuple[str, ...]:
    return tuple(fold(surface[start:end]) for start, end in words(surface))


def _bare(key: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The key without a proclitic, where the entity's name has the first word without it."""
    own = set(name.split())
    if not key or key[0] in own:
        return key
    return (next((reading for reading in _readings(key[0]) if reading in own), key[0]), *key[1:])
