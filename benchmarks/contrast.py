"""Does the model read the words or only the cues? Pairs of articles that differ in a few words, which turn a stance.

    python benchmarks/contrast.py data/contrast/test.jsonl [--model DIR] [--wrong]

Asked are, between the annotated entities, the ordered pairs whose stance differs between the two articles of a pair
(field `pair`; field `contrast` says how). An article is right if all of these have their stance, or none; a pair if
both of its articles are, so that whoever says the same of both is wrong (contrast sets, Gardner et al. 2020,
https://aclanthology.org/2020.findings-emnlp.117). An entity that only one of the two has is asked for there alone.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import mawaqif
from mawaqif import Article
from mawaqif.jsonl import read_articles

Edges = dict[tuple[str, str], str]


def edges(article: Article) -> Edges:
    return {(stance.holder, stance.target): stance.stance for stance in article.stances}


def asked(gold: Article, other: Article) -> list[tuple[str, str]]:
    """The ordered pairs of the gold article's entities whose stance is another in the other article."""
    ends = {entity.id for entity in gold.entities} | {"AUTHOR"}
    own, others = edges(gold), edges(other)
    return [
        key for key in sorted(own.keys() | others.keys()) if own.get(key) != others.get(key) and ends.issuperset(key)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, help="model directory, if not the embedded one")
    parser.add_argument("--wrong", action="store_true", help="print what is wrong, too")
    options = parser.parse_args()
    gold = [article for path in options.articles for article in read_articles(path)]
    predicted = mawaqif.load(options.model).stances(gold)
    by_pair: dict[str, list[tuple[Article, Article]]] = defaultdict(list)
    for both in zip(gold, predicted, strict=True):
        by_pair[(both[0].model_extra or {})["pair"]].append(both)
    rows: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for (gold_a, found_a), (gold_b, found_b) in by_pair.values():
        right = []
        for own, other, found in ((gold_a, gold_b, found_a), (gold_b, gold_a, found_b)):
            wrong = [key for key in asked(own, other) if edges(own).get(key) != edges(found).get(key)]
            right.append(not wrong)
            if options.wrong and wrong:
                tell(own, found, wrong)
        rows[(gold_a.model_extra or {})["contrast"]].append((right[0], right[1]))
    print("| contrast | pairs | articles right | pairs right |")
    print("|---|---|---|---|")
    for name, results in [*sorted(rows.items()), ("all", [r for found in rows.values() for r in found])]:
        articles = sum(a + b for a, b in results)
        both = sum(a and b for a, b in results)
        print(f"| {name} | {len(results)} | {articles / 2 / len(results):.2f} | {both / len(results):.2f} |")


def tell(gold: Article, found: Article, wrong: Iterable[tuple[str, str]]) -> None:
    names = {entity.id: entity.name for entity in gold.entities}
    for holder, target in wrong:
        labels = " not ".join(edges(article).get((holder, target), "none") for article in (gold, found))
        print(f"{gold.id}: {names.get(holder, holder)} → {names[target]}: {labels}")


if __name__ == "__main__":
    main()
