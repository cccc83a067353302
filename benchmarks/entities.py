"""Which annotated mentions do the rules of `mawaqif.inference.clustering` join? And how often is each loose rule right?

    python benchmarks/entities.py runs/annotated.jsonl ../shared/data/news/train.jsonl [more.jsonl …]

First, for each file: B³ of the rules' entities given the annotated mentions, how many pairs of mentions they leave
apart or put together wrongly (a pair of one type and two surfaces counts once an article), and how many names are the
annotated ones but for spelling, hold an attached letter or lack their first one, with the embedded model's list of
words and without (names that `mawaqif data attach` made are made by spelling, so this tells something only where names
were annotated). Then, over all files, the loose rules: of the pairs of entities of one type that are still apart
without these rules and that a rule would join, how many have mentions of one annotated entity.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import mawaqif
from mawaqif import Article
from mawaqif.eval.entities import owners, score_entities
from mawaqif.eval.pairs import pair
from mawaqif.inference import clustering
from mawaqif.inference.clustering import PERSONS, cluster, name_key, shortens
from mawaqif.jsonl import read_articles
from mawaqif.text import fold


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", nargs="+", type=Path, help="annotated articles, JSON lines")
    read = {path: list(read_articles(path)) for path in parser.parse_args().gold}
    rank = mawaqif.load().saved.word_table.rank  # type: ignore[union-attr]
    print(
        "| articles | B³ | pairs apart | pairs together | names right, letters attached, lacking | without the list |"
    )
    print("|---|---|---|---|---|---|")
    for path, articles in read.items():
        both = [(article, clustered(article, rank)) for article in articles]
        spelt = [(article, clustered(article)) for article in articles]
        b3 = score_entities(pair(articles, [found for _, found in both])).b3.f1
        wrong = Counter(kind for gold, found in both for kind in wrong_pairs(gold, found))
        letters = [Counter(kind for one in pairs for kind in how_named(*one)) for pairs in (both, spelt)]
        print(
            f"| {path} ({len(articles)}) | {b3:.3f} | {wrong['apart']:,} | {wrong['together']:,} | "
            + " | ".join(f"{c['right']:,}, {c['attached']}, {c['lacking']} of {c['names']:,}" for c in letters)
            + " |"
        )
    right: Counter[tuple[str, str]] = Counter()
    joined: Counter[tuple[str, str]] = Counter()
    with patch.object(clustering, "_may_be", strict):
        for article in (article for articles in read.values() for article in articles):
            for rule, same in loose_pairs(article, clustered(article)):
                joined[rule] += 1
                right[rule] += same
    print("\n| rule | type | right | of |\n|---|---|---|---|")
    for (rule, label), count in sorted(joined.items()):
        print(f"| {rule} | {label} | {right[rule, label]} | {count} |")


def clustered(gold: Article, rank: Callable[[str], int] | None = None) -> Article:
    """The article with the entities that the rules make of its mentions."""
    spans = sorted((m.start, m.end, m.type, 1.0) for m in gold.mentions)
    mentions, entities = cluster(gold.text, spans, rank)
    return gold.model_copy(update={"mentions": mentions, "entities": entities, "stances": []})


def wrong_pairs(gold: Article, found: Article) -> Iterator[str]:
    entity = owners(gold)
    seen = set()
    for one, other in combinations(found.mentions, 2):
        same = entity[one.start, one.end] == entity[other.start, other.end]
        if same != (one.entity == other.entity):
            seen.add((same, one.type, found.surface(one), found.surface(other)))
    yield from ("apart" if same else "together" for same, *_ in seen)


def how_named(gold: Article, found: Article) -> Iterator[str]:
    """Of found entities whose mentions are one annotated entity's: `names`, and whether the name is right."""
    for one, annotated in annotated_entities(gold, found).items():
        if len(annotated) == 1:
            yield "names"
            own, right = fold(found.name_of(one)), fold(gold.name_of(*annotated))
            if own == right:
                yield "right"
            elif right in (own[1:], own[2:]):
                yield "attached"
            elif own in (right[1:], right[2:]):
                yield "lacking"


def annotated_entities(gold: Article, found: Article) -> dict[str, set[str]]:
    """The annotated entities of the mentions of each found one."""
    entity = owners(gold)
    return {e.id: {entity[m.start, m.end] for m in found.mentions_of(e.id)} for e in found.entities}


def strict(short: str, long: str, label: str) -> bool:
    """`clustering._may_be` without the loose rules."""
    return bool(short and long) and label in clustering.BY_INCLUSION and shortens(short, long, label)


def loose_pairs(gold: Article, found: Article) -> Iterator[tuple[tuple[str, str], bool]]:
    """The rule and type that would join two found entities, and whether they share an annotated one."""
    annotated = annotated_entities(gold, found)
    for one, other in combinations(found.entities, 2):
        keys = sorted((name_key(one.name), name_key(other.name)), key=lambda key: len(key.split()))
        if one.type == other.type and keys[0] and keys[0] != keys[1]:
            for rule in rules(*keys, one.type):
                yield (rule, one.type), bool(annotated[one.id] & annotated[other.id])


def rules(short: str, long: str, label: str) -> Iterator[str]:
    """The loose rules by which two keys are one, whether the type goes by the rule or not."""
    if label in PERSONS:
        name, last = short.split(), long.rsplit(maxsplit=1)[-1]
        if len(name) == 1 and clustering._one_slip(name[0], last):
            letters = min(len(name[0]), len(last))
            yield "one slip, six letters or more" if letters >= clustering._LONG_NAME else "one slip, fewer letters"
        elif len(name) > 1 and clustering._misspells(name, long.split()):
            yield "one slip in a word of the full name"
        return
    few, many = clustering._stems(short, label), clustering._stems(long, label)
    if few[0] == many[0] and set(few) <= set(many):
        yield "the first word alone" if len(few) == 1 else "some of the words, the first the same"
    elif label == "ORG" and len(few) > 1 and clustering._usual_stems(short) == clustering._usual_stems(long):
        yield "another word for the kind of body"


if __name__ == "__main__":
    main()
