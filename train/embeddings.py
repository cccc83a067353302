"""Embeddings to begin pre-training with, from counts: which pieces stand next to which.

A factorisation of the pieces' positive pointwise mutual information, as good a model of word meaning as skip-grams
(Levy, Goldberg and Dagan 2015), takes a minute; a masked language model needs many for embeddings like these.
Before and behind, next and next but one are counted apart: near neighbours tell of what kind a word is (a person, a
place, a verb), wider windows what its text is about (Levy and Goldberg 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mawaqif.train.corpus import Tokens

WINDOW = 2  # pieces to either side
_PART = 1 << 23  # pieces counted at a time


def cooccurrence_embeddings(
    tokens: Tokens, vocabulary: int, width: int, seed: int, window: int = WINDOW
) -> NDArray[np.float32]:
    """Embeddings of all pieces from their neighbours in packed text. Shape [vocabulary, width].

    The left singular vectors of the positive PMI with the neighbours at each place, times the square roots of the
    singular values. A piece that does not occur has zeros.
    """
    from scipy.sparse import hstack

    places = []
    for distance in range(1, window + 1):
        behind = neighbours(tokens, vocabulary, distance)
        places += [positive_pmi(behind), positive_pmi(behind.T)]
    return factorise(hstack(places).tocsr(), width, seed)


def neighbours(tokens: NDArray[np.integer[Any]], vocabulary: int, distance: int) -> Any:
    """How often piece b stands `distance` behind piece a. Sparse, shape [vocabulary (a), vocabulary (b)]."""
    from scipy.sparse import csr_matrix

    counts = csr_matrix((vocabulary, vocabulary), dtype=np.float32)
    for start in range(0, len(tokens) - distance, _PART):
        first = tokens[start : min(start + _PART, len(tokens) - distance)].astype(np.int64)
        second = tokens[start + distance :][: len(first)]
        pairs, times = np.unique(first * vocabulary + second, return_counts=True)
        counts += csr_matrix((times.astype(np.float32), np.divmod(pairs, vocabulary)), shape=counts.shape)
    return counts


def positive_pmi(counts: Any) -> Any:
    """max(0, log p(a, b) / p(a) p(b)), where p(b) is smoothed by the power 3/4. Sparse, as `counts`."""
    from scipy.sparse import csr_matrix

    pairs = counts.tocoo()
    often = np.asarray(counts.sum(axis=1)).ravel()
    smooth = np.asarray(counts.sum(axis=0)).ravel() ** 0.75
    information = np.log(pairs.data / (often[pairs.row] * (smooth / max(smooth.sum(), 1.0))[pairs.col]))
    kept = information > 0
    return csr_matrix((information[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape, dtype=np.float32)


def factorise(information: Any, width: int, seed: int) -> NDArray[np.float32]:
    """The first left singular vectors, each times the square root of its value. Shape [vocabulary, width]."""
    from sklearn.utils.extmath import randomized_svd

    vocabulary = information.shape[0]
    left, values, _ = randomized_svd(information, min(width, vocabulary), n_iter=2, random_state=seed)
    embeddings = np.zeros((vocabulary, width), np.float32)
    embeddings[:, : left.shape[1]] = left * np.sqrt(values)
    return embeddings
