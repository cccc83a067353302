"""Which score ranks stances better: the stance's own probability, or this times the scores of its ends?

    python benchmarks/stance_scores.py dev.jsonl [more.jsonl …] [--model DIR]

The model tags each file of gold articles once, down to a very low score; the edges that it finds are ranked by either
score (`Article.entity_scores`). Printed are the best F1 over all thresholds, average precision (of all gold edges,
those not found at precision 0), and the share of right ones among the surest, as many as a tenth and a quarter of
gold's edges.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import mawaqif
from mawaqif.eval.pairs import pair
from mawaqif.eval.stances import join
from mawaqif.jsonl import read_articles

_LEAST = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", nargs="+", type=Path, help="annotated articles, JSON lines")
    parser.add_argument("--model", type=Path, help="model directory, if not the embedded one")
    options = parser.parse_args()
    tagger = mawaqif.load(options.model)
    print(
        "| articles | score | best F1 | average precision | surest tenth | surest quarter |\n|---|---|---|---|---|---|"
    )
    for path in options.gold:
        gold = list(read_articles(path))
        tagged = list(tagger.pipe([article.clean() for article in gold], min_score=_LEAST, evidence=False))
        total = sum(len(article.stances) for article in gold)
        rows = []
        for both in pair(gold, tagged):
            ends = both.predicted.entity_scores()
            for edge in join(both):
                if stance := edge.predicted:
                    score = stance.score or 0.0
                    rows.append((score, score / (ends[stance.holder] * ends[stance.target]), edge.right))
        product, alone, right = np.array(rows).T
        for name, scores in (("its own", alone), ("with its ends", product)):
            print(f"| {path.name} ({len(gold)}) | {name} | {' | '.join(measures(scores, right, total))} |")


def measures(scores: np.ndarray, right: np.ndarray, total: int) -> list[str]:
    """The four figures of the table for edges of which `right` are 1, gold having `total`."""
    ranked = right[np.argsort(-scores, kind="stable")]
    found, numbers = np.cumsum(ranked), np.arange(1, len(ranked) + 1)
    f1 = (2 * found / (numbers + total)).max()
    precision = (ranked * found / numbers).sum() / total
    surest = [found[total // part - 1] / (total // part) for part in (10, 4)]
    return [f"{f1:.3f}", f"{precision:.3f}", *(f"{share:.2f}" for share in surest)]


if __name__ == "__main__":
    main()
