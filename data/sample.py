"""Active learning: the articles to annotate next are those of which a model is least sure, and not all of one topic.

An article is as doubtful as the entropy of the model's own probabilities in it (uncertainty sampling, Settles 2009).
Articles are taken one by one, each the most doubtful after a deduction for its likeness to those already taken (maximal
marginal relevance, Carbonell and Goldstein 1998); likeness is the cosine of their TF-IDF vectors.

Tag with a low threshold (`mawaqif tag --min-score 0.1`), or the stances that the model nearly found do not count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mawaqif.article import Article, Mention, Stance
from mawaqif.errors import InputError, require
from mawaqif.text import fold, words

__all__ = ["doubt", "sample"]

_MOST = 5  # doubtful mentions and stances of an article that count, so that length alone does not


def doubt(article: Article) -> float:
    """How unsure a model was of an article, from 0 to 1: the mean of its doubt about mentions and about stances.

    Each is the mean entropy of the five most doubtful scores; fewer than five count as if the others were sure.
    """
    sides = [_scores(article.mentions), _scores(article.stances)]
    tops = [sorted(map(_entropy, scores), reverse=True)[:_MOST] for scores in sides]
    return sum(sum(top) / _MOST for top in tops) / 2


def _scores(parts: Iterable[Mention | Stance]) -> list[float]:
    return [part.score for part in parts if part.score is not None]


def _entropy(probability: float) -> float:
    p = min(max(probability, 0.0), 1.0)
    return 0.0 if p in (0.0, 1.0) else -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


def sample(tagged: Sequence[Article], count: int, *, diversity: float = 0.5) -> list[Article]:
    """The `count` articles to annotate next, the most urgent first, each with its `doubt` as a field.

    `diversity` from 0 (only doubt counts) to 1 (only being unlike those taken). Raises InputError where no article
    has scores, MissingExtraError without the extra `data`.
    """
    require("scipy", "data")
    if not any(_scores([*article.mentions, *article.stances]) for article in tagged):
        raise InputError("no mention or stance has a score; give articles as `mawaqif tag` writes them")
    doubts = np.array([doubt(article) for article in tagged])
    vectors = _tf_idf([article.text for article in tagged])
    likeness = np.zeros(len(tagged))
    left = np.ones(len(tagged), dtype=bool)
    taken: list[int] = []
    while len(taken) < min(count, len(tagged)):
        worth = np.where(left, (1 - diversity) * doubts - diversity * likeness, -np.inf)
        best = int(np.argmax(worth))
        taken.append(best)
        left[best] = False
        likeness = np.maximum(likeness, (vectors @ vectors[[best]].T).toarray().ravel())
    return [tagged[i].model_copy(update={"doubt": round(float(doubts[i]), 4)}) for i in taken]


def _tf_idf(texts: Sequence[str]) -> Any:
    """A sparse matrix (texts, words) with rows of length 1."""
    from scipy.sparse import csr_matrix

    counted = []
    for text in texts:
        folded = (fold(text[start:end]) for start, end in words(text))
        counted.append(Counter(word for word in folded if len(word) > 2 and any(map(str.isalpha, word))))
    frequency = Counter(word for counts in counted for word in counts)
    column = {word: i for i, word in enumerate(frequency)}
    rows, columns, values = [], [], []
    for row, counts in enumerate(counted):
        weights = {
            column[word]: (1 + math.log(count)) * math.log(len(texts) / frequency[word] + 1)
            for word, count in counts.items()
        }
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        rows += [row] * len(weights)
        columns += list(weights)
        values += [weight / length for weight in weights.values()]
    return csr_matrix((values, (rows, columns)), shape=(len(texts), max(len(column), 1)))
