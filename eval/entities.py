"""Which mentions name the same thing: B³ of the clusters, and the alignment of predicted with gold entities that the
scores of stances need. Both go by the spans of mentions, never by ids or names, which a tagger is free to choose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from scipy.optimize import linear_sum_assignment

from mawaqif.article import AUTHOR, Article
from mawaqif.eval.bootstrap import PRF, Counted, ratio_f1, ratio_prf
from mawaqif.eval.pairs import Pair, iou, letter_words, touched
from mawaqif.text import Span

__all__ = ["EntityScores", "align", "carry", "same_entities", "score_entities"]

NEAR = 0.5
"""The least word overlap (intersection over union) at which two mentions that are not equal may stand for one."""


@dataclass(frozen=True)
class EntityScores:
    """B³ over all mentions, and over those alone that gold and prediction both have (the clustering by itself).

    `counted` is B³ over all mentions: sum of precisions, predicted, sum of recalls and gold, for each article.
    """

    b3: PRF
    b3_shared: PRF
    counted: Counted


def score_entities(pairs: Sequence[Pair]) -> EntityScores:
    """B³ (Bagga and Baldwin 1998): the mean over mentions of how pure and how complete the mention's cluster is.

    For a mention in the gold cluster K and the predicted cluster R, precision is |K ∩ R| / |R| and recall
    |K ∩ R| / |K|. Mentions are the same where their spans are equal; a type plays no part, and a mention without
    entity is a cluster of its own.

    `b3` takes the mean of precision over all predicted and the mean of recall over all gold mentions. A mention that
    the other side lacks shares nothing and scores 0, with no twin made up for it: the definition of the CoNLL
    reference scorer (Pradhan et al. 2014, "Scoring Coreference Partitions of Predicted Mentions"), to which the
    repairs of Cai and Strube (2010) gave way. `b3_shared` first drops the mentions that one side lacks.
    """
    everything = np.array([_b3(_clusters(pair.gold), _clusters(pair.predicted)) for pair in pairs])
    shared = np.array([_b3(*_restrict(_clusters(pair.gold), _clusters(pair.predicted))) for pair in pairs])
    return EntityScores(ratio_prf(everything), ratio_prf(shared), Counted(everything, ratio_f1))


def _clusters(article: Article) -> dict[Span, Hashable]:
    """The cluster of each mention."""
    return {
        (mention.start, mention.end): (mention.start, mention.end) if mention.entity is None else mention.entity
        for mention in article.mentions
    }


def _restrict(
    gold: Mapping[Span, Hashable], predicted: Mapping[Span, Hashable]
) -> tuple[dict[Span, Hashable], dict[Span, Hashable]]:
    shared = gold.keys() & predicted.keys()
    return {span: gold[span] for span in shared}, {span: predicted[span] for span in shared}


def _b3(gold: Mapping[Span, Hashable], predicted: Mapping[Span, Hashable]) -> tuple[float, int, float, int]:
    overlaps = Counter((gold[span], predicted[span]) for span in gold.keys() & predicted.keys())
    in_gold, in_predicted = Counter(gold.values()), Counter(predicted.values())
    precisions = fsum(count**2 / in_predicted[cluster] for (_, cluster), count in overlaps.items())
    recalls = fsum(count**2 / in_gold[cluster] for (cluster, _), count in overlaps.items())
    return precisions, len(predicted), recalls, len(gold)


def align(gold: Article, predicted: Article) -> dict[str, str]:
    """The gold entity that each predicted entity stands for, one to one; entities without counterpart are absent.

    First the alignment that shares the most mention spans, as in CEAF (Luo 2005); where two share as many, earlier
    spans go first. Then what is left over on both sides is aligned in the same way by near spans: mentions whose words
    overlap with an intersection over union of at least `NEAR`, since the bounds of an issue or an unnamed actor are
    often a matter of taste. So near spans never outvote an equal one. Entities that share nothing are never aligned.
    AUTHOR aligns to AUTHOR. Where both articles hold the very same entities (ids and spans), each aligns to itself;
    only so can an entity without mentions be aligned.
    """
    if same_entities(gold, predicted):
        return {entity.id: entity.id for entity in gold.entities} | {AUTHOR: AUTHOR}
    golds, predictions = owners(gold), owners(predicted)
    equal = sorted(golds.keys() & predictions.keys())
    aligned = _assign([(predictions[span], golds[span]) for span in equal])
    taken = set(aligned.values())
    left_gold = {span: owner for span, owner in golds.items() if owner not in taken}
    left_predicted = {span: owner for span, owner in predictions.items() if owner not in aligned}
    if left_gold and left_predicted:
        near = _near(left_predicted, left_gold, letter_words(gold.text))
        aligned |= _assign([(left_predicted[a], left_gold[b]) for a, b in near])
    return aligned | {AUTHOR: AUTHOR}


def carry(gold: Article, predicted: Article) -> Article:
    """The predicted article with gold's stances, between the entities that stand for gold's; the others are lost."""
    names = {of_gold: own for own, of_gold in align(gold, predicted).items()}
    stances = [
        stance.model_copy(update={"holder": names[stance.holder], "target": names[stance.target]})
        for stance in gold.stances
        if stance.holder in names and stance.target in names
    ]
    return predicted.model_copy(update={"stances": stances})


def same_entities(gold: Article, predicted: Article) -> bool:
    """Whether both articles hold the same entities: equal ids, each with equal mention spans."""
    ids = [{entity.id for entity in article.entities} for article in (gold, predicted)]
    return ids[0] == ids[1] and owners(gold) == owners(predicted)


def owners(article: Article) -> dict[Span, str]:
    """The entity that each mention names."""
    return {(mention.start, mention.end): mention.entity for mention in article.mentions if mention.entity is not None}


def _near(predicted: Iterable[Span], gold: Iterable[Span], words: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Pairs of a predicted and a gold span that are near, in an order that swapping the two sides does not change."""
    golds, predictions = ({span: touched(words, span) for span in side} for side in (gold, predicted))
    near = [(a, b) for a, at in predictions.items() for b, there in golds.items() if iou(at, there) >= NEAR]
    return sorted(near, key=lambda spans: (min(spans), max(spans)))


def _assign(links: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The one-to-one assignment (predicted to gold) that keeps the most links; ties go to the earlier links.

    The bonus for being early is too small, summed over all links, to outweigh one link. It all but rules out ties, so
    that the assignment does not hang on which side is called gold; on ids it never hangs, as only the order of the
    links numbers rows and columns.
    """
    rows, columns = (list(dict.fromkeys(link[side] for link in links)) for side in (0, 1))
    weights = np.zeros((len(rows), len(columns)))
    for rank, (a, b) in enumerate(links):
        weights[rows.index(a), columns.index(b)] += 1 + 0.001 / (1 + rank)
    best = zip(*linear_sum_assignment(weights, maximize=True), strict=True)
    return {rows[i]: columns[j] for i, j in best if weights[i, j] > 0}
