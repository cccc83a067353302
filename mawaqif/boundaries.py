"""Where an issue or an unnamed actor begins and ends, chosen a second time.

A name ends where its words end, and the tags of single words tell where. «رفع الدعم الحكومي عن الوقود» is a phrase: it
could end after most of its words. So for the types that exist only for stances the bounds of each mention that was
found are chosen again: every run of words near them is read as a whole, through the encoder's states at its ends,
beside them and between, and through what the tags said. It is the second stage of two-stage recognition ("Locate and
Label", Shen et al. 2021, https://arxiv.org/abs/2105.06804) as a choice among candidates, by a small network.

Its weights lie in a model directory's boundaries.safetensors, made by `mawaqif boundaries`; a model without the file
keeps the bounds of its tags. Needs numpy only, and both engines run the same lines; `network` also takes tensors, for
the training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from mawaqif.decoding import Floats, WordSpan, softmax
from mawaqif.encoding import Bools, Encoded, Ints
from mawaqif.errors import ModelError
from mawaqif.labels import LabelSet

PLACES = 5  # whose states are read: the words before, first, last and after, and the mean of all inside
_FEATURES = 13  # beside the types

_BEGIN_REACH, _END_REACH = 3, 8  # how many words a bound may move
_MOST_WORDS = 24
_NEVER = 1e-6  # a probability that counts as none

# The threads of NumPy's OpenBLAS wait busily for some 20 ms after a product, where the engine's threads want the
# processors: an article alone took twice as long. One thread is as fast for products of this size.
_BLAS = ThreadpoolController()
_LOCK = Lock()  # the limit is the process's: two threads would each take the other's for what was before


class Boundaries:
    """Chooses the bounds of mentions again, with weights of the shapes that `shapes` tells."""

    def __init__(self, weights: Mapping[str, Floats], labels: LabelSet) -> None:
        """Raises ModelError for weights that are missing or do not fit each other or the labels."""
        try:
            height, width = weights["places"].shape
            self.hidden = height // PLACES
            wanted = shapes(self.hidden, labels, width=width, inner=weights["inner"].shape[-1])
            wrong = [name for name, shape in wanted.items() if weights[name].shape != shape]
        except (KeyError, ValueError) as error:
            raise ModelError(f"lacks weights, or they are misshapen ({error})") from error
        if wrong:
            raise ModelError(f"its weights {', '.join(wrong)} do not fit the others or the labels")
        self._labels, self._weights = labels, dict(weights)
        # One product tells what each word says in each place: [hidden, places * width].
        by_place = weights["places"].reshape(PLACES, self.hidden, width).transpose(1, 0, 2)
        self._by_place = np.ascontiguousarray(by_place.reshape(self.hidden, -1))

    def __call__(
        self, found: Sequence[WordSpan], encoded: Encoded, states: Floats, emissions: Floats
    ) -> list[WordSpan]:
        """The mentions found in an article, those of the types that exist only for stances with their likeliest bounds.

        states [words, hidden] and emissions [words, tags] are what `stitch` makes of the windows. In text order; of two
        mentions that now share a word the surer one stays.
        """
        runs, of = candidates(found, encoded, self._labels)
        if not len(runs):
            return list(found)
        given = features(runs, of, found, emissions, self._labels)
        with _LOCK, _BLAS.limit(limits=1, user_api="blas"):
            scores = network(self._weights, self._said(runs, states), given)
        chosen, bounds = list(found), np.flatnonzero(np.diff(of, prepend=-1, append=-1))
        for start, end in pairwise(bounds.tolist()):
            first, last = runs[start + int(scores[start:end].argmax())].tolist()
            chosen[of[start]] = (first, last, *found[of[start]][2:])
        return _disjoint(chosen, len(encoded.words))

    def _said(self, runs: Ints, states: Floats) -> Floats:
        """What the states say of each run of words. Shape [runs, width]."""
        by_place = (states @ self._by_place).reshape(len(states), PLACES, -1).transpose(1, 0, 2)
        total: Floats = np.sum(at_places(runs, list(by_place)), axis=0)
        return total


def shapes(hidden: int, labels: LabelSet, *, width: int, inner: int) -> dict[str, tuple[int, int]]:
    """The shape of each array of weights; hidden is the size of the encoder's states."""
    given = _FEATURES + len(labels.only_in_stances)
    return {
        "places": (PLACES * hidden, width),
        "places_bias": (1, width),
        "inner": (width, inner),
        "inner_features": (given, inner),
        "inner_bias": (1, inner),
        "score": (inner, 1),
        "score_features": (given, 1),
    }


def network(weights: Mapping[str, Any], said: Any, features: Any, drop: Callable[[Any], Any] = lambda x: x) -> Any:
    """The score of each run of words [runs], from arrays or from tensors.

    said [runs, width]: what stands in its places times the weights `places`; features [runs, features]. drop: dropout.
    """
    read = drop(_positive(said + weights["places_bias"]))
    read = _positive(read @ weights["inner"] + features @ weights["inner_features"] + weights["inner_bias"])
    return (read @ weights["score"] + features @ weights["score_features"])[:, 0]


def _positive(values: Any) -> Any:
    return values * (values > 0)


def candidates(found: Sequence[WordSpan], encoded: Encoded, labels: LabelSet) -> tuple[Ints, Ints]:
    """The runs of words [runs, 2] that the mentions of the types that exist only for stances could be.

    First and last word lie near the found ones, in their sentence, where a phrase may begin and end; the run that was
    found is one of them. None has a word of a name that was found. The second array [runs] says of which of the
    mentions found each run is; it ascends.
    """
    phrases = labels.only_in_stances
    phrase = np.array([label in phrases for *_, label, _ in found], dtype=np.bool_)
    spans = np.array([span[:2] for span in found], dtype=np.int64).reshape(-1, 2)
    named = np.zeros(len(encoded.words) + 1, dtype=np.int64)
    for first, last in spans[~phrase].tolist():
        named[first + 1 : last + 2] = 1
    named = named.cumsum()
    begins = _near(spans[phrase, 0], _BEGIN_REACH, encoded.begins, encoded.sentence)
    ends = _near(spans[phrase, 1], _END_REACH, encoded.ends, encoded.sentence)
    length = ends[:, None, :] - begins[:, :, None] + 1
    of, begin, end = np.nonzero((begins[:, :, None] >= 0) & (ends[:, None, :] >= 0) & (length >= 1))
    runs = np.stack([begins[of, begin], ends[of, end]], axis=1)
    of = np.flatnonzero(phrase)[of]
    fits = (runs[:, 1] - runs[:, 0] < _MOST_WORDS) & (named[runs[:, 1] + 1] == named[runs[:, 0]])
    fits |= (runs == spans[of]).all(axis=1)
    return runs[fits], of[fits]


def _near(places: Ints, reach: int, allowed: Bools, sentence: Ints) -> Ints:
    """The allowed words of each word's sentence that are at most `reach` away, and the word itself; -1 for others.

    Shape [words, 2 * reach + 1].
    """
    here = places[:, None] + np.arange(-reach, reach + 1)
    inside = (here >= 0) & (here < len(sentence))
    here[~inside] = 0
    fits = inside & (sentence[here] == sentence[places][:, None]) & (allowed[here] | (here == places[:, None]))
    return np.where(fits, here, -1)


def at_places(runs: Ints, values: Sequence[Floats]) -> list[Floats]:
    """What stands in the PLACES of each run, [runs, width] for each place; zero beyond the text.

    values: for each place an array [words, width]; runs [runs, 2]: first and last word.
    """
    first, last = runs.T
    edge = np.zeros_like(values[0][:1])
    before, begin, end, after, inside = (np.concatenate([edge, each, edge]) for each in values)
    total = inside.cumsum(axis=0)
    length = (last - first + 1)[:, None].astype(np.float32)
    return [before[first], begin[first + 1], end[last + 1], after[last + 2], (total[last + 1] - total[first]) / length]


def features(runs: Ints, of: Ints, found: Sequence[WordSpan], emissions: Floats, labels: LabelSet) -> Floats:
    """What the tags said of each run of words, its length, how far it is from the mention found, and the type.

    runs, of: of `candidates`. Shape [runs, features]; all are of the size of one.
    """
    types, tags = labels.only_in_stances, labels.bio_tags
    spans = np.array([span[:2] for span in found], dtype=np.int64).reshape(-1, 2)[of]
    type_ = np.array([types.index(label) if label in types else -1 for *_, label, _ in found], dtype=np.int64)[of]
    likely = softmax(emissions)
    outside = np.log(likely[:, 0] + _NEVER)
    begins = np.log(likely[:, [tags.index(f"B-{name}") for name in types]] + _NEVER)
    inside = np.log(likely[:, [tags.index(f"I-{name}") for name in types]] + _NEVER)
    # Behind the last word nothing goes on.
    inside = np.concatenate([inside, np.full((1, len(types)), np.log(_NEVER))])
    ends = np.log(1 - np.minimum(np.exp(inside), 1 - _NEVER))
    summed = inside.cumsum(axis=0)
    first, last = runs.T
    starts, between, stops = begins[first, type_], summed[last, type_] - summed[first, type_], ends[last + 1, type_]
    length = last - first + 1
    given = [
        *(starts / 4, between / 10, between / length / 2, stops / 4, inside[last + 1, type_] / 5),
        *(inside[last, type_] / 4, outside[first] / 3, (starts + between + stops) / 10, length / 5),
        *(first == spans[:, 0], last == spans[:, 1], (first - spans[:, 0]) / 3, (last - spans[:, 1]) / 5),
        *(type_ == number for number in range(len(types))),
    ]
    return np.stack(given, axis=1).astype(np.float32)


def _disjoint(spans: Iterable[WordSpan], words: int) -> list[WordSpan]:
    """The mentions of a text in its order, without those that share a word with a surer one."""
    kept, taken = [], bytearray(words)
    for span in sorted(spans, key=lambda span: (-span[3], span[:3])):
        first, last, *_ = span
        if not any(taken[first : last + 1]):
            taken[first : last + 1] = b"\1" * (last + 1 - first)
            kept.append(span)
    return sorted(kept)
