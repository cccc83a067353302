"""Model outputs → mentions, stances and evidence: stitching windows, legal tag sequences, thresholds, spans.

The arrays of `mawaqif.encoding` in, offsets into the original text out. Both engines and the trainer's dev scores use
these functions, so a model is selected by what users will see. Needs numpy only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mawaqif.article import Stance
from mawaqif.encoding import Bools, Encoded, Ints, Pairs
from mawaqif.labels import LabelSet
from mawaqif.text import Span

Floats = NDArray[np.float32]
WordSpan = tuple[int, int, str, float]  # first word, last word, type, score

MAX_EVIDENCE_WORDS = 40
EVIDENCE_SHIFT = 2.0  # default of the setting evidence_shift; chosen on the corpus of invented articles
_ROUNDING = 1e-4  # figures that differ by less are the same, computed in another batch or by another engine


@dataclass(frozen=True)
class Scaling:
    """How a model's logits are read, from the settings of its saved directory: the same for every engine.

    temperature, none_bias: stance logits are divided by the one before the softmax, then the other is added to that of
    none, so that a probability is as often right as it says (Guo et al. 2017, https://arxiv.org/abs/1706.04599;
    Alexandari et al. 2020, https://arxiv.org/abs/1901.06852). Which stance is the likeliest stays as it is.
    evidence_shift: added to every evidence logit. Few words are evidence, so the logits are low; a greater shift makes
    longer spans.
    phrase_bias: added to the logits of the first tags of the types that exist only for stances, when mentions are
    looked for. Such a mention is often less likely than none and still worth its place: the best F1 is had by taking
    all that are likelier than half of it (Lipton et al. 2014, https://arxiv.org/abs/1402.1892).
    """

    temperature: float = 1.0
    none_bias: float = 0.0
    evidence_shift: float = EVIDENCE_SHIFT
    phrase_bias: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.temperature, self.none_bias, self.evidence_shift, self.phrase_bias)
        if not (self.temperature > 0 and all(map(np.isfinite, numbers))):
            raise ValueError(f"temperature must be positive, the other numbers finite, not {self}")

    def stances(self, logits: Floats) -> Floats:
        """Probabilities of stance logits [..., 1 + stances], in which class 0 is none."""
        scaled = logits / np.float32(self.temperature)
        scaled[..., 0] += np.float32(self.none_bias)
        return softmax(scaled)


_UNSCALED = Scaling()


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    probabilities: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def stitch(encoded: Encoded, windows: Sequence[Floats]) -> Floats:
    """One row of tag logits a word, each from the window that sees the word with most context.

    windows: logits [tokens, tags] of each window, [CLS] first. A word without a token gets zeros, O slightly ahead.
    Shape [words, tags].
    """
    home = encoded.home()
    result = np.zeros((len(encoded.words), windows[0].shape[-1]), dtype=np.float32)
    result[:, 0] = 1e-3
    for number, ((start, _), logits) in enumerate(zip(encoded.windows, windows, strict=True)):
        here = np.flatnonzero(home == number)
        result[here] = logits[encoded.first[here] - start + 1]
    return result


def transitions(labels: LabelSet) -> Bools:
    """Which BIO tag may follow which [tags, tags]: I-X only after B-X or I-X."""
    return _transitions(tuple(labels.bio_tags))


@cache
def _transitions(tags: tuple[str, ...]) -> Bools:
    return np.array([[not b.startswith("I-") or a[2:] == b[2:] for b in tags] for a in tags])


def decode_mentions(emissions: Floats, encoded: Encoded, labels: LabelSet, phrase_bias: float = 0.0) -> list[WordSpan]:
    """Best legal BIO sequence of each sentence (Viterbi). emissions [words, tags] are logits; phrase_bias: see Scaling.

    Returns (first word, last word, type, score); the score is the mean probability of the mention's tags.
    """
    tags = labels.bio_tags
    logs = np.log(softmax(emissions) + 1e-12)
    starts = np.flatnonzero(np.diff(encoded.sentence, prepend=-1))
    path = _viterbi(logs + phrase_bias * _begins_phrase(labels), starts, transitions(labels))
    scores = np.exp(logs[np.arange(len(path)), path])
    begins = np.array([tag.startswith("B-") for tag in tags])
    found: list[WordSpan] = []
    for word in np.flatnonzero(begins[path]).tolist():
        last, inside = word, int(path[word]) + 1
        while (
            last + 1 < len(path) and path[last + 1] == inside and encoded.sentence[last + 1] == encoded.sentence[word]
        ):
            last += 1
        found.append((word, last, tags[inside - 1][2:], float(scores[word : last + 1].mean())))
    return found


def _begins_phrase(labels: LabelSet) -> Floats:
    """One for the first tag of each type that exists only for stances, zero for the other tags. Shape [tags]."""
    phrases = labels.only_in_stances
    return np.array([tag[:2] == "B-" and tag[2:] in phrases for tag in labels.bio_tags], np.float32)


def _viterbi(logs: NDArray[np.float32], starts: Ints, allowed: Bools) -> Ints:
    """The best path [words] through log probabilities [words, tags]; a sequence begins at each of `starts`.

    The sequences go forward together, the longest first, so that those still going are always the first ones.
    """
    if not len(starts):
        return np.zeros(0, dtype=np.int64)
    penalty = np.where(allowed, 0.0, -np.inf).T.copy()  # [to, from]
    lengths = np.diff(starts, append=len(logs))
    order = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[order], lengths[order]
    going = np.searchsorted(-lengths, -np.arange(lengths[0]))  # sequences longer than each step
    score = logs[starts] + penalty[:, 0]  # as after O
    back = np.empty(logs.shape, dtype=np.int64)
    for step in range(1, int(lengths[0])):
        rows = starts[: going[step]] + step
        through = score[: len(rows), None] + penalty
        back[rows] = through.argmax(axis=2)
        score[: len(rows)] = through.max(axis=2) + logs[rows]
    before: Any = back.tolist()
    path = np.empty(len(logs), dtype=np.int64)
    for start, length, last in zip(starts.tolist(), lengths.tolist(), score.argmax(axis=1).tolist(), strict=True):
        tag = last
        for word in range(start + length - 1, start, -1):
            path[word] = tag
            tag = before[word][tag]
        path[start] = tag
    return path


class PairScore(NamedTuple):
    """The model's view of one ordered pair: probabilities [1 + stances] and [voices], and evidence logits [tokens]."""

    stance: Floats
    voice: Floats
    evidence: Floats
    window: Span


def merge_windows(
    encoded: Encoded, scored: Iterable[tuple[int, Pairs, Floats, Floats, Floats]], scaling: Scaling = _UNSCALED
) -> dict[tuple[str, str], PairScore]:
    """Each ordered pair of entity ids, scored in the window where a stance between them is most probable.

    Where windows are equally good, as in a text that repeats itself, the first one counts.

    scored: number of the window, its Pairs, and its stance logits [pairs, 1 + stances], voice logits [pairs, voices]
    and evidence logits [pairs, tokens]; windows in order.
    """
    best: dict[tuple[str, str], PairScore] = {}
    for number, pairs, stance, voice, evidence in scored:
        stances, voices = scaling.stances(stance), softmax(voice)
        window = encoded.windows[number]
        for (holder, target), score, tone, where in zip(pairs.pairs.tolist(), stances, voices, evidence, strict=True):
            key = pairs.entities[holder], pairs.entities[target]
            if key not in best or score[0] < best[key].stance[0] - _ROUNDING:
                best[key] = PairScore(score, tone, where, window)
    return best


def decide(
    scores: dict[tuple[str, str], PairScore],
    encoded: Encoded,
    labels: LabelSet,
    min_score: float,
    evidence: bool = True,
    evidence_shift: float = EVIDENCE_SHIFT,
    entity_scores: Mapping[str, float] | None = None,
) -> list[Stance]:
    """The pairs whose most probable stance reaches `min_score`, strongest evidence span each, in text order.

    A stance scores its probability times the scores of both ends (`Article.entity_scores`; without them 1): it is right
    only where they are. evidence: whether to look for it; evidence_shift: see Scaling.
    """
    if not scores:
        return []
    found, shift = [], np.float32(evidence_shift)
    stances = np.stack([score.stance[1:] for score in scores.values()])
    sure = stances.max(axis=1)
    if entity_scores is not None:
        sure *= np.array([entity_scores[holder] * entity_scores[target] for holder, target in scores], dtype=np.float32)
    likeliest = zip(stances.argmax(axis=1).tolist(), sure.tolist(), strict=True)
    for ((holder, target), score), (label, probability) in zip(scores.items(), likeliest, strict=True):
        if probability < min_score:
            continue
        found.append(
            Stance(
                holder=holder,
                target=target,
                stance=labels.stance_names[label],
                voice=labels.voice_names[int(score.voice.argmax())],
                evidence=evidence_span(encoded, score.window, score.evidence + shift) if evidence else None,
                score=round(probability, 4),
            )
        )
    return sorted(found, key=lambda s: s.evidence or (0, 0))


def evidence_span(encoded: Encoded, window: Span, logits: Floats) -> Span | None:
    """The run of words inside one sentence with the greatest sum of evidence logits, at most MAX_EVIDENCE_WORDS long.

    A word counts with the mean of its tokens in the window; a run begins and ends where a phrase may (not with a comma
    or a preposition); of equally strong runs the shortest, then the first, is taken. logits [tokens], [CLS] first.
    Offsets into the text; None for a window without words.
    """
    start, end = window
    word_of = encoded.word_of[start:end]
    inside = word_of >= 0
    if not inside.any():
        return None
    first = int(word_of[inside].min())
    numbers = word_of[inside] - first
    counts = np.bincount(numbers)
    by_word = np.bincount(numbers, weights=logits[1 : end - start + 1][inside]) / np.maximum(counts, 1)
    # A word that has no token can lie within a span but not at its ends.
    sentence = encoded.sentence[first : first + len(counts)]
    total = np.cumsum(by_word)
    longest = min(MAX_EVIDENCE_WORDS, len(counts))
    here = slice(first, first + len(counts))
    last = (counts > 0) & encoded.ends[here]
    ends = np.concatenate([np.where(last, total, -np.inf), np.full(longest - 1, -np.inf)])
    starts = np.where((counts > 0) & encoded.begins[here], np.concatenate([[0.0], total[:-1]]), np.inf)
    room = np.searchsorted(sentence, sentence, side="right") - np.arange(len(counts))  # words to the sentence's end
    sums = sliding_window_view(ends, len(counts)) - starts  # [length - 1, first word]
    sums[np.arange(longest)[:, None] >= room] = -np.inf
    at = (sums >= sums.max(axis=1, keepdims=True) - _ROUNDING).argmax(axis=1)  # the best of each length
    best, span = -np.inf, (0, 0)
    for length, (place, strength) in enumerate(zip(at.tolist(), sums[np.arange(longest), at].tolist(), strict=True)):
        if strength > best + _ROUNDING:
            best, span = strength, (place, place + length)
    return encoded.words[first + span[0]][0], encoded.words[first + span[1]][1]
