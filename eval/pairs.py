"""Gold and predicted articles side by side, checked once, with the words of their text. Every measure starts from these
pairs, so none has to ask again whether two articles are about the same text.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.text import Span, words

__all__ = ["Pair", "iou", "letter_words", "pair", "touched"]


@dataclass(frozen=True)
class Pair:
    """One gold article with its prediction. `words` are the words of their common text (`letter_words`).

    Where there is no prediction, `found` is False and `predicted` is the bare text.
    """

    gold: Article
    predicted: Article
    words: Sequence[Span]
    found: bool


def pair(gold: Iterable[Article], predicted: Iterable[Article]) -> list[Pair]:
    """Pair the articles by id, in the order of the ids, so that no score depends on the order of a file.

    A gold article without prediction is paired with its bare text: all that it holds is missed. Raises InputError,
    with the article's id, where an id comes twice, a predicted article is not in gold, the texts differ or mentions
    of one article overlap; and where there is no gold article at all.
    """
    golds = _by_id(gold, "gold")
    predictions = _by_id(predicted, "predicted")
    if not golds:
        raise InputError("there are no gold articles; a score needs at least one")
    for article_id in predictions:
        if article_id not in golds:
            raise InputError("is predicted but not in gold; evaluate only what gold holds", article_id=article_id)
    return [_pair(golds[article_id], predictions.get(article_id)) for article_id in sorted(golds)]


def _by_id(articles: Iterable[Article], side: str) -> dict[str, Article]:
    found: dict[str, Article] = {}
    for article in articles:
        if article.id in found:
            raise InputError(f"comes twice among the {side} articles; keep one", article_id=article.id)
        _check_flat(article, side)
        found[article.id] = article
    return found


def _check_flat(article: Article, side: str) -> None:
    spans = sorted((mention.start, mention.end) for mention in article.mentions)
    for before, after in pairwise(spans):
        if after[0] < before[1]:
            reason = f"the {side} mentions {before} and {after} overlap; mentions are flat, keep one of them"
            raise InputError(reason, article_id=article.id, field="mentions")


def _pair(gold: Article, predicted: Article | None) -> Pair:
    if predicted is None:
        return Pair(gold, gold.clean(), letter_words(gold.text), found=False)
    if gold.text != predicted.text:
        position = _first_difference(gold.text, predicted.text)
        reason = f"the gold and the predicted text differ from position {position} on; predict on the gold text"
        raise InputError(reason, article_id=gold.id, field="text")
    return Pair(gold, predicted, letter_words(gold.text), found=True)


def _first_difference(a: str, b: str) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@lru_cache(maxsize=4096)  # every baseline and every comparison asks for the same texts
def letter_words(text: str) -> tuple[Span, ...]:
    """The spans of the words that hold a letter or digit, in order: common punctuation is no overlap of two phrases.

    >>> letter_words("قالت «رند»")
    ((0, 4), (6, 9))
    """
    return tuple(span for span in words(text) if any(map(str.isalnum, text[slice(*span)])))


def touched(words: Sequence[Span], span: Span) -> range:
    """The indices of the words that the span covers at least in part.

    >>> touched([(0, 3), (4, 8), (9, 12)], (5, 10))
    range(1, 3)
    """
    first = bisect_right(words, span[0], key=lambda word: word[1])
    last = bisect_left(words, span[1], key=lambda word: word[0])
    return range(first, max(first, last))


def iou(a: range, b: range) -> float:
    """Intersection over union of two ranges of word indices (Jaccard index); 0 where both are empty.

    >>> iou(range(0, 4), range(2, 6))
    0.3333333333333333
    """
    shared = max(0, min(a.stop, b.stop) - max(a.start, b.start))
    union = len(a) + len(b) - shared
    return shared / union if union else 0.0
