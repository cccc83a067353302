"""Vectors of whole words from unlabelled text, for `model.words`: what a name is, told by where it stands.

A small encoder cuts a rare name into pieces that say little of it, and annotated articles do not hold it. But in tens
of millions of words it stood beside «رئيس» or «مدينة» often enough. So the words that are frequent enough get vectors
as the pieces do before pre-training (`mawaqif.train.embeddings`), from the neighbours at each place; fine-tuning adds
them, through a matrix that it learns, to the embeddings of each word's pieces, and leaves them as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mawaqif.errors import ConfigError, InputError
from mawaqif.saved import WORDS
from mawaqif.train.corpus import Tokens
from mawaqif.train.embeddings import factorise, neighbours, positive_pmi
from mawaqif.words import CONTINUES, continuing, pieces_of, spell, write_words

VECTORS, MATRIX = "vectors.npy", "matrix.npy"
CONTEXTS = 20_000  # the most frequent words, which are counted as neighbours
WINDOW = 2  # words to either side
_REACH = 64  # pieces of a word that tell it from others
_LEAST_LETTERS = 2
_PROCLITIC = re.compile("^(?:و(?=.{4})|[فبلك](?=.{5}))")
_BEFORE_ARTICLE = re.compile("(?:[وف]?[بك]ال|[وف]ال|[وف]?لل)(?=..)")


def word_vectors(
    tokens: Tokens, tokenizer: Tokenizer, size: int, width: int, seed: int = 0
) -> tuple[list[str], NDArray[np.float32]]:
    """The `size` most frequent words of packed text, folded, and their vectors [words, width], all of one length.

    Raises InputError for text without words, ConfigError for a tokenizer that does not mark which pieces continue one.
    """
    from scipy.sparse import hstack

    if not continuing(pieces_of(tokenizer)).any():
        raise ConfigError(
            f"no piece of the tokenizer begins with {CONTINUES}; vectors of words need a WordPiece tokenizer"
        )
    kinds, texts = _words(tokens, tokenizer) if len(tokens) else (tokens.astype(np.int32), [])
    chosen = [row for row, text in enumerate(texts) if _has_vector(text)][:size]
    if not chosen:
        raise InputError("the sources hold no word; check their paths and shares")
    limit = max(chosen[-1] + 1, min(CONTEXTS, len(texts)))
    kinds = np.minimum(kinds, limit)  # one number for all that are rarer
    places = []
    for distance in range(1, WINDOW + 1):
        behind = neighbours(kinds, limit + 1, distance)
        places += [positive_pmi(counts[:limit, :CONTEXTS]) for counts in (behind, behind.T.tocsr())]
    vectors = factorise(hstack(places).tocsr(), width, seed)[chosen]
    vectors *= width**0.5 / 2 / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return [texts[row] for row in chosen], vectors


def _words(tokens: Tokens, tokenizer: Tokenizer) -> tuple[NDArray[np.int32], list[str]]:
    """The number of each word of the text [words], by frequency, and the folded words by number."""
    pieces = pieces_of(tokenizer)
    begins = ~continuing(pieces)[tokens]
    begins[:1] = True
    starts = np.flatnonzero(begins)
    # Words as sums of random numbers of their pieces and places: two words of one sum do not happen.
    place = np.minimum(np.arange(len(tokens)) - np.repeat(starts, np.diff(starts, append=len(tokens))), _REACH - 1)
    numbers = np.random.default_rng(0).integers(1 << 63, size=(_REACH, len(pieces)), dtype=np.uint64)
    sums = np.add.reduceat(numbers[place, tokens], starts)
    _, first, sequence = np.unique(sums, return_index=True, return_inverse=True)
    ends = np.append(starts[1:], len(tokens))
    texts = [spell(pieces[piece] for piece in tokens[starts[n] : ends[n]]) for n in first.tolist()]
    often = Counter[str]()
    for text, count in zip(texts, np.bincount(sequence).tolist(), strict=True):
        often[text] += count
    texts = [_without_clitics(text, often) for text in texts]
    numbered = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    kinds = np.array([numbered[text] for text in texts])[sequence]
    order = np.argsort(-np.bincount(kinds, minlength=len(numbered)), kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    unordered = list(numbered)
    return rank[kinds], [unordered[number] for number in order.tolist()]


def _without_clitics(text: str, often: Mapping[str, int]) -> str:
    """A word without its proclitics where the rest, which must be long enough, is met more often: the same word."""
    found = _BEFORE_ARTICLE.match(text)
    rest = "ال" + text[found.end() :] if found else _PROCLITIC.sub("", text)
    return rest if often.get(rest, 0) > often[text] else text


def _has_vector(text: str) -> bool:
    return len(text) >= _LEAST_LETTERS and text.isalpha()


def save_words(
    directory: Path, words: Sequence[str], vectors: NDArray[np.float32], matrix: NDArray[np.float32] | None = None
) -> None:
    """Writes words.txt, a word a line, vectors.npy and, for vectors that an encoder has learned to read, matrix.npy."""
    directory.mkdir(parents=True, exist_ok=True)
    write_words(words, directory / WORDS)
    np.save(directory / VECTORS, vectors)
    if matrix is not None:
        np.save(directory / MATRIX, matrix)


def load_words(directory: Path) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32] | None]:
    """What `save_words` wrote: words, vectors [words, width] and, if it is there, the matrix [hidden, width].

    Raises ConfigError.
    """
    try:
        words = (directory / WORDS).read_text(encoding="utf-8").splitlines()
        vectors: NDArray[np.float32] = np.load(directory / VECTORS)
        matrix: NDArray[np.float32] | None = np.load(directory / MATRIX) if (directory / MATRIX).exists() else None
    except (OSError, ValueError) as error:
        raise ConfigError(f"words: {directory}: cannot be read ({error}); make it with: mawaqif words") from error
    if vectors.ndim != 2 or len(vectors) != len(words):
        raise ConfigError(f"words: {directory}: {len(words)} words, vectors of shape {vectors.shape}")
    return words, vectors, matrix
