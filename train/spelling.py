"""Training articles as the careless half of the press spells them.

Egyptian papers write ى for final ي, others the reverse or ه for ة, and hasty ones swap letters. A letter stands for a
letter, so what is annotated stays in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from mawaqif.article import Article
from mawaqif.encoding import encode
from mawaqif.labels import LabelSet
from mawaqif.train.examples import Example, make_examples

_END = "(?![\u0621-\u065f\u0670])"  # of a word, vowel signs being part of it
_HABITS = ((f"ي{_END}", "ى"), (f"ى{_END}", "ي"), (f"ة{_END}", "ه"))
_INSIDE = re.compile("(?<=[\u0621-\u064a])[\u0621-\u064a]{2}(?=[\u0621-\u064a])")
_HABIT, _HASTE, _SLIPS = 0.4, 0.3, 0.05  # chances of a habit, of being hasty, and of a slip between two letters then


def respell(text: str, rng: np.random.Generator) -> str:
    """The text with one or more habits of spelling, drawn at random; of the same length, word by word."""
    habits = [habit for habit in _HABITS if rng.random() < _HABIT]
    hasty = rng.random() < _HASTE or not habits
    for pattern, letter in habits:
        text = re.sub(pattern, letter, text)
    if hasty:
        text = _INSIDE.sub(lambda found: found[0][::-1] if rng.random() < _SLIPS else found[0], text)
    return text


class Respelling:
    """Which windows of training articles an epoch shows in another spelling, and how they are then."""

    def __init__(
        self,
        articles: Sequence[Article],
        tokenizer: Tokenizer,
        labels: LabelSet,
        max_tokens: int,
        *,
        share: float,
        seed: int = 0,
        sure: float = 0.0,
    ) -> None:
        self.articles, self.share, self.seed, self.sure = articles, share, seed, sure
        self._how = tokenizer, labels, max_tokens
        texts = [article.text for article in articles]
        self._windows = [len(encoded.windows) for encoded in encode(texts, tokenizer, max_tokens)]

    def epoch(self, number: int) -> dict[int, Example]:
        """Window number → the window respelt, for a `share` of the articles, always the same for one epoch.

        An article that falls into other windows when it is respelt is left as it is.
        """
        rng, respelt, first = np.random.default_rng([self.seed, number, len(self.articles)]), dict[int, Example](), 0
        for article, windows in zip(self.articles, self._windows, strict=True):
            if rng.random() < self.share:
                other = article.model_copy(update={"text": respell(article.text, rng)})
                examples = make_examples([other], *self._how, sure=self.sure)
                if len(examples) == windows:
                    respelt |= dict(enumerate(examples, start=first))
            first += windows
        return respelt
