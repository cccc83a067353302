"""What is wrong between articles: names tagged this way here and that way there, copies, labels that are too rare."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mawaqif.article import Article, Mention
from mawaqif.data.near_duplicates import near_duplicates
from mawaqif.data.problems import Problem
from mawaqif.labels import LabelSet
from mawaqif.text import fold, strip_proclitics, words

__all__ = ["Sourced", "check_corpus", "few_examples", "name_key"]

_TAGGED_TIMES = 3  # fewer are no evidence that the words are a name everywhere
_TAGGED_SHARE = 0.8  # of a name's occurrences; below, the words are also ordinary ones


class Sourced(NamedTuple):
    """An article and where it is from."""

    article: Article
    path: str
    line: int | None


def check_corpus(sources: Sequence[Sourced], labels: LabelSet, *, min_examples: int) -> Iterator[Problem]:
    """Yield the problems that show only when articles are compared; files stand for parts such as train and test."""
    yield from _same_ids(sources)
    yield from _copies(sources)
    named = {label.name for label in labels.types if not label.only_in_stances}
    yield from _two_types(sources, named)
    yield from _untagged(sources, named)
    yield from few_examples([source.article for source in sources], labels, min_examples)


def name_key(surface: str) -> str:
    """A name's form for comparison: without attached proclitics, folded."""
    return fold(strip_proclitics(surface)[0])


def _place(source: Sourced, code: str, message: str, span: tuple[int, int] | None = None) -> Problem:
    return Problem(code, message, source.path, source.line, source.article.id, span=span)


def _where(source: Sourced) -> str:
    line = "" if source.line is None else f":{source.line}"
    return f"{source.path}{line} ({source.article.id})"


def _same_ids(sources: Sequence[Sourced]) -> Iterator[Problem]:
    first: dict[str, Sourced] = {}
    for source in sources:
        other = first.setdefault(source.article.id, source)
        if other is not source:
            yield _place(source, "duplicate-id", f"is also the id of {_where(other)}; give every article its own")


def _copies(sources: Sequence[Sourced]) -> Iterator[Problem]:
    for i, j, similarity in near_duplicates([source.article.text for source in sources]):
        one, other = sources[i], sources[j]
        same = f"is {similarity:.0%} the text of {_where(one)}"
        if one.path != other.path:
            yield _place(other, "leak", f"{same}, which is another file; keep both in one, or leave one out")
        else:
            yield _place(other, "near-duplicate", f"{same}; leave one out, or keep both in the same part")


def _two_types(sources: Sequence[Sourced], named: set[str]) -> Iterator[Problem]:
    found: dict[str, dict[str, list[tuple[Sourced, Mention]]]] = defaultdict(lambda: defaultdict(list))
    for source in sources:
        for mention in source.article.mentions:
            if mention.type in named:
                key = name_key(source.article.surface(mention))
                found[key][mention.type].append((source, mention))
    for by_type in found.values():
        ranked = sorted(by_type.items(), key=lambda item: -len(item[1]))
        usual = f"{ranked[0][0]} {_times(len(ranked[0][1]))}"
        for type_, places in ranked[1:]:
            source, mention = places[0]
            other = _where(ranked[0][1][0][0])
            reason = (
                f"«{source.article.surface(mention)}» is {type_} here ({_times(len(places))} in all), but {usual}, as "
                f"in {other}; make them agree, unless two things share the name"
            )
            yield _place(source, "two-types", reason, (mention.start, mention.end))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _untagged(sources: Sequence[Sourced], named: set[str]) -> Iterator[Problem]:
    """Names that stand untagged in one article while nearly all their occurrences are tagged."""
    tagged: Counter[tuple[str, ...]] = Counter()
    for source in sources:
        for mention in source.article.mentions:
            if mention.type in named:
                tagged[_key(source.article.text, mention.start, mention.end)] += 1
    names = {key for key, count in tagged.items() if count >= _TAGGED_TIMES and len("".join(key)) > 2}
    by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key in sorted(names, key=len, reverse=True):
        by_first[key[0]].append(key)
    untagged: dict[tuple[str, ...], list[tuple[Sourced, tuple[int, int]]]] = defaultdict(list)
    for source in sources:
        for key, span in _occurrences(source.article, by_first):
            untagged[key].append((source, span))
    for key, places in untagged.items():
        if tagged[key] / (tagged[key] + len(places)) >= _TAGGED_SHARE:
            for source, span in places:
                surface = source.article.surface(span)
                reason = (
                    f"«{surface}» is tagged {_times(tagged[key])} elsewhere and not here; tag it, if it is the name"
                )
                yield _place(source, "untagged", reason, span)


def _key(text: str, start: int, end: int) -> tuple[str, ...]:
    first, *rest = [text[start + a : start + b] for a, b in words(text[start:end])] or [text[start:end]]
    return (name_key(first), *map(fold, rest))


def _occurrences(
    article: Article, by_first: dict[str, list[tuple[str, ...]]]
) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """The names in the text that touch no mention, the longest at each place."""
    spans = words(article.text)
    folded = [fold(article.text[start:end]) for start, end in spans]
    covered = {offset for m in article.mentions for offset in range(m.start, m.end)}
    for i, (start, end) in enumerate(spans):
        for key in by_first.get(name_key(article.text[start:end]), ()):
            last = i + len(key) - 1
            if last < len(spans) and tuple(folded[i + 1 : last + 1]) == key[1:]:
                if covered.isdisjoint(range(start, spans[last][1])):
                    yield key, (start, spans[last][1])
                break


def few_examples(articles: Sequence[Article], labels: LabelSet, least: int) -> Iterator[Problem]:
    """Yield a problem for each label of the label set with fewer examples than `least`."""
    types = Counter(mention.type for article in articles for mention in article.mentions)
    stances = Counter(stance.stance for article in articles for stance in article.stances)
    voices = Counter(stance.voice for article in articles for stance in article.stances)
    for what, names, counts in (
        ("mentions of type", labels.type_names, types),
        ("stances", labels.stance_names, stances),
        ("stances of voice", labels.voice_names, voices),
    ):
        for name in names:
            if counts[name] < least:
                reason = (
                    f"there are {counts[name]} {what} {name!r}, fewer than {least}; annotate more, or drop the label"
                )
                yield Problem("few-examples", reason)
