"""Which word of a list each sub-word of a text belongs to: what the vectors of whole words are looked up by.

A word is a sub-word and those that continue it, so it is known from the ids alone, as the tokenizer normalised it.
Final ى and ة are folded to ي and ه, and a word that is not in the list is looked for without its proclitics, and with
or without its article.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

CONTINUES = "##"  # begins a sub-word that continues a word
_FOLDED = str.maketrans("ىة", "يه")
_LEAST = 3  # letters of a word that is looked for without its clitics
_MOST_KEPT = 100_000  # words whose rows are remembered


def fold_word(word: str) -> str:
    """A normalised word as it stands in the list.

    >>> fold_word("مستشفى") == fold_word("مستشفي"), fold_word("غزة") == fold_word("غزه")
    (True, True)
    """
    return word.translate(_FOLDED)


def pieces_of(tokenizer: Tokenizer) -> list[str]:
    """The pieces of a tokenizer, by id."""
    return [tokenizer.id_to_token(number) or "" for number in range(tokenizer.get_vocab_size())]


def continuing(pieces: Sequence[str]) -> NDArray[np.bool_]:
    """Which pieces continue a word. Shape [pieces]."""
    return np.array([piece.startswith(CONTINUES) for piece in pieces], dtype=np.bool_)


def spell(pieces: Iterable[str]) -> str:
    """The folded word that pieces make."""
    return fold_word("".join(piece.removeprefix(CONTINUES) for piece in pieces))


def write_words(words: Iterable[str], path: Path) -> None:
    """Writes a list of words, one a line."""
    path.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")


class WordTable:
    """The rows of a list of folded words, most frequent first; row 0 stands for all other words."""

    def __init__(self, words: Sequence[str], tokenizer: Tokenizer) -> None:
        self.words = tuple(words)
        self._row_of = {word: row for row, word in enumerate(self.words, start=1)}
        self._pieces = pieces_of(tokenizer)
        self._continues = continuing(self._pieces)
        self._normalizer = tokenizer.normalizer
        self._seen: dict[bytes, int] = {}
        self._spelt: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.words)

    def rank(self, word: str) -> int:
        """The row of a word as a text spells it, so the number of words that are as frequent; 0 if it is not there.

        Unlike `rows` it takes nothing off the word.
        """
        row = self._spelt.get(word)
        if row is None:
            if len(self._spelt) > _MOST_KEPT:
                self._spelt.clear()
            normal = self._normalizer.normalize_str(word) if self._normalizer else word
            row = self._spelt[word] = self._row_of.get(fold_word(normal.strip()), 0)
        return row

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of the word that each sub-word belongs to. ids and result [batch, tokens]."""
        begins = ~self._continues[ids]
        begins[:, 0] = True
        flat = np.ascontiguousarray(ids).reshape(-1)
        starts = np.flatnonzero(begins)
        lengths = np.diff(starts, append=flat.size)
        if len(self._seen) > _MOST_KEPT:
            self._seen.clear()
        found = [self._row(flat[a : a + n]) for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)]
        return np.repeat(np.array(found, dtype=np.int64), lengths).reshape(ids.shape)

    def _row(self, pieces: NDArray[np.int64]) -> int:
        key = pieces.tobytes()
        row = self._seen.get(key)
        if row is None:
            word = spell(self._pieces[piece] for piece in pieces)
            rows = (self._row_of.get(reading, 0) for reading in _readings(word))
            row = self._seen[key] = next((row for row in rows if row), 0)
        return row


def _readings(word: str) -> Iterator[str]:
    """A word, then the words that it may be with clitics before it."""
    yield word
    stems = [word]
    if word[:1] in ("و", "ف"):
        stems.append(word[1:])
    for stem in tuple(stems):
        if stem.startswith("لل"):
            stems.append("ال" + stem[2:])
        if stem[:1] in ("ب", "ل", "ك"):
            stems.append(stem[1:])
    for stem in stems:
        if len(stem) >= _LEAST:
            yield stem
            yield stem[2:] if stem.startswith("ال") and len(stem) >= _LEAST + 2 else "ال" + stem
