"""Where a prediction is good and where it is not: the scores by what was seen in training, by length, and by source."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from mawaqif.article import AUTHOR, Article, Mention
from mawaqif.eval.bootstrap import PRF, prf
from mawaqif.eval.matching import Matched
from mawaqif.eval.pairs import Pair
from mawaqif.eval.stances import JoinedEdge, Node, group_edges
from mawaqif.text import fold, strip_proclitics

__all__ = ["Seen", "Slice", "slices"]

_LENGTHS = (150, 300, 600)  # words; the last slice is longer
_SOURCES = 8  # the most frequent ones, the others together
_SEEN = {True: "seen in train", False: "not in train"}


@dataclass(frozen=True)
class Slice:
    """Scores of a part: strict micro scores of named mentions, and of edges. None where the part has no such thing.

    `by` is what parts the whole, `name` the part, `articles` how many there are where whole articles are parted.
    """

    by: str
    name: str
    articles: int | None
    mentions: PRF | None
    stances: PRF | None


@dataclass(frozen=True)
class Seen:
    """The names and the ordered pairs of names with a stance that a train file holds, folded."""

    names: frozenset[str]
    pairs: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, articles: Iterable[Article]) -> Seen:
        """What was there to be seen."""
        names: set[str] = set()
        pairs: set[tuple[str, str]] = set()
        for article in articles:
            own = {entity.id: fold(entity.name) for entity in article.entities} | {AUTHOR: AUTHOR}
            names.update(own.values())
            names.update(fold(article.surface(mention)) for mention in article.mentions)
            pairs.update((own[stance.holder], own[stance.target]) for stance in article.stances)
        return cls(frozenset(names), frozenset(pairs))

    def knows(self, surface: str) -> bool:
        """Whether a mention with these words was there, attached proclitics aside."""
        return any(fold(reading) in self.names for reading in (surface, *strip_proclitics(surface)))


def slices(
    pairs: Sequence[Pair],
    matched: Sequence[Sequence[Matched]],
    edges: Sequence[Sequence[JoinedEdge]],
    only_in_stances: Iterable[str],
    seen: Seen | None = None,
) -> list[Slice]:
    """All slices of paired articles, given their matched mentions and joined edges; those of `seen` only with it.

    An entity is seen where one of its mentions is; of a right edge gold's entities decide, of a wrong one its own.
    """
    left_out = frozenset(only_in_stances)
    found = _by_article("length", [_length(len(pair.words)) for pair in pairs], matched, edges, left_out)
    found.sort(key=lambda part: [_length(words) for words in (1, *(n + 1 for n in _LENGTHS))].index(part.name))
    sources = [pair.gold.source for pair in pairs]
    if any(source is not None for source in sources):
        frequent = {name for name, _ in Counter(source or "unknown" for source in sources).most_common(_SOURCES)}
        named = [source or "unknown" for source in sources]
        found += _by_article(
            "source", [name if name in frequent else "others" for name in named], matched, edges, left_out
        )
    return found if seen is None else [*found, *_by_seen(pairs, matched, edges, left_out, seen)]


def _length(words: int) -> str:
    for low, high in zip((0, *_LENGTHS), _LENGTHS, strict=False):
        if words <= high:
            return f"{low + 1}–{high} words" if low else f"up to {high} words"
    return f"over {_LENGTHS[-1]} words"


def _by_article(
    by: str,
    names: Sequence[str],
    matched: Sequence[Sequence[Matched]],
    edges: Sequence[Sequence[JoinedEdge]],
    left_out: frozenset[str],
) -> list[Slice]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)
    return [
        Slice(
            by,
            name,
            len(own),
            _only(_group_mentions([both for place in own for both in matched[place]], left_out, lambda mention: by)),
            _only(group_edges([edge for place in own for edge in edges[place]], lambda edge, stance: by)),
        )
        for name, own in sorted(places.items())
    ]


def _only(groups: Mapping[str, PRF]) -> PRF | None:
    return next(iter(groups.values()), None)


def _group_mentions(
    matches: Iterable[Matched], left_out: frozenset[str], group: Callable[[Mention], str]
) -> dict[str, PRF]:
    """Strict scores of named mentions by group. A right mention is the same on both sides, and so is its group."""
    right, predicted, gold = Counter[str](), Counter[str](), Counter[str]()
    for a, b in matches:
        if a is not None and a.type not in left_out:
            gold[group(a)] += 1
            right[group(a)] += b is not None and (a.start, a.end, a.type) == (b.start, b.end, b.type)
        if b is not None and b.type not in left_out:
            predicted[group(b)] += 1
    return {name: prf(right[name], predicted[name], gold[name]) for name in sorted(predicted.keys() | gold.keys())}


def _by_seen(
    pairs: Sequence[Pair],
    matched: Sequence[Sequence[Matched]],
    edges: Sequence[Sequence[JoinedEdge]],
    left_out: frozenset[str],
    seen: Seen,
) -> list[Slice]:
    knows = cache(seen.knows)
    of_mention = {
        id(mention): _SEEN[knows(article.surface(mention))]
        for pair in pairs
        for article in (pair.gold, pair.predicted)
        for mention in article.mentions
    }
    of_edge: dict[int, tuple[str, str]] = {}
    for pair, joined in zip(pairs, edges, strict=True):
        names, known = _nodes(pair, knows)
        for edge in joined:
            holder, target = edge.ends
            both = _SEEN[holder in known and target in known], _SEEN[(names[holder], names[target]) in seen.pairs]
            of_edge[id(edge)] = both
    mentions = _group_mentions(chain.from_iterable(matched), left_out, lambda mention: of_mention[id(mention)])
    ends = group_edges(chain.from_iterable(edges), lambda edge, stance: of_edge[id(edge)][0])
    whole = group_edges(chain.from_iterable(edges), lambda edge, stance: of_edge[id(edge)][1])
    return [
        *(Slice("mention", name, None, mentions[name], None) for name in _SEEN.values() if name in mentions),
        *(Slice("both entities of the edge", name, None, None, ends[name]) for name in _SEEN.values() if name in ends),
        *(Slice("pair of the edge", name, None, None, whole[name]) for name in _SEEN.values() if name in whole),
    ]


def _nodes(pair: Pair, knows: Callable[[str], bool]) -> tuple[dict[Node, str], set[Node]]:
    """The folded name of every node of the joined edges, and the nodes that are seen. AUTHOR always is."""
    names: dict[Node, str] = {AUTHOR: AUTHOR}
    known: set[Node] = {AUTHOR}
    for article, own in ((pair.predicted, True), (pair.gold, False)):
        nodes: dict[str, Node] = {entity.id: (entity.id,) if own else entity.id for entity in article.entities}
        names |= {nodes[entity.id]: fold(entity.name) for entity in article.entities}
        known |= {nodes[m.entity] for m in article.mentions if m.entity is not None and knows(article.surface(m))}
    return names, known
