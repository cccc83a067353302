"""Articles that are nearly the same text: agency copy that several papers print, corrected versions, plain doubles.

Texts are compared by their sets of folded word trigrams. MinHash with locality-sensitive hashing (Broder 1997; the
package datasketch) finds the candidates in linear time, and the exact Jaccard similarity of their sets decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mawaqif.errors import require
from mawaqif.text import fold, words

__all__ = ["groups", "near_duplicates"]

THRESHOLD = 0.5
_PERMUTATIONS = 128


def near_duplicates(texts: Sequence[str], threshold: float = THRESHOLD) -> Iterator[tuple[int, int, float]]:
    """Yield (i, j, similarity) with i < j for all pairs of texts whose similarity is at least the threshold.

    Raises MissingExtraError without the extra `data`.
    """
    datasketch = require("datasketch", "data")
    index = datasketch.MinHashLSH(threshold=max(threshold - 0.1, 0.1), num_perm=_PERMUTATIONS)
    seen: list[frozenset[str]] = []
    for j, text in enumerate(texts):
        shingles = _shingles(text)
        seen.append(shingles)
        if not shingles:
            continue
        sketch = datasketch.MinHash(num_perm=_PERMUTATIONS, seed=1)
        sketch.update_batch([shingle.encode() for shingle in sorted(shingles)])
        for i in sorted(index.query(sketch)):
            similarity = len(seen[i] & shingles) / len(seen[i] | shingles)
            if similarity >= threshold:
                yield i, j, similarity
        index.insert(j, sketch)


def _shingles(text: str) -> frozenset[str]:
    """The folded word trigrams of a text; punctuation and layout do not count. A shorter text is one shingle."""
    folded = [fold(text[start:end]) for start, end in words(text)]
    kept = [word for word in folded if any(map(str.isalnum, word))]
    if not kept:
        return frozenset()
    return frozenset(" ".join(kept[i : i + 3]) for i in range(max(len(kept) - 2, 1)))


def groups(texts: Sequence[str], threshold: float = THRESHOLD) -> list[list[int]]:
    """The texts as groups that are joined by near duplicates, each group and the list in order."""
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j, _ in near_duplicates(texts, threshold):
        a, b = sorted((root(i), root(j)))
        parent[b] = a
    found: dict[int, list[int]] = {}
    for i in range(len(texts)):
        found.setdefault(root(i), []).append(i)
    return list(found.values())
