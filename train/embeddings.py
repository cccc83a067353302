"""Embeddings to begin pre-training with, from counts: which pieces stand near which.

A factorisation of the pieces' positive pointwise mutual information, as good a model of word meaning as skip-grams
(Levy, Goldberg and Dagan 2015), takes half a minute; a masked language model needs an hour for embeddings like these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mawaqif.train.corpus import Tokens

WINDOW = 5  # pieces to either side; the nearest count 1, the farthest 1/5
_PART = 1 << 23  # pieces counted at a time


def cooccurrence_embeddings(tokens: Tokens, vocabulary: int, width: int, seed: int) -> NDArray[np.float32]:
    """Embeddings of all pieces from their neighbours in packed text. Shape [vocabulary, width].

    The left singular vectors of the positive PMI (contexts smoothed by the power 3/4), times the square roots of the
    singular values. A piece that does not occur has zeros.
    """
    from sklearn.utils.extmath import randomized_svd

    left, values, _ = randomized_svd(
        positive_pmi(cooccurrences(tokens, vocabulary)), min(width, vocabulary), n_iter=2, random_state=seed
    )
    embeddings = np.zeros((vocabulary, width), np.float32)
    embeddings[:, : left.shape[1]] = left * np.sqrt(values)
    return embeddings


def cooccurrences(tokens: Tokens, vocabulary: int) -> Any:
    """How often pieces stand near each other, the nearer the more. Sparse and symmetric, [vocabulary, vocabulary]."""
    from scipy.sparse import csr_matrix

    counts = csr_matrix((vocabulary, vocabulary), dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        for start in range(0, len(tokens) - distance, _PART):
            left = tokens[start : min(start + _PART, len(tokens) - distance)].astype(np.int64)
            right = tokens[start + distance :][: len(left)]
            pairs, times = np.unique(left * vocabulary + right, return_counts=True)
            weights = times.astype(np.float32) * (WINDOW + 1 - distance) / WINDOW
            counts += csr_matrix((weights, np.divmod(pairs, vocabulary)), shape=counts.shape)
    return counts + counts.T


def positive_pmi(counts: Any) -> Any:
    """max(0, log p(a, b) / p(a) p(b)), where the probabilities of contexts b are smoothed. Sparse, as `counts`."""
    from scipy.sparse import csr_matrix

    pairs = counts.tocoo()
    often = np.asarray(counts.sum(axis=1)).ravel()
    smooth = often**0.75 / (often**0.75).sum()
    information = np.log(pairs.data / (often[pairs.row] * smooth[pairs.col]))
    kept = information > 0
    return csr_matrix((information[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape, dtype=np.float32)
