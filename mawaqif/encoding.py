"""Article ⇄ arrays: sub-word windows over an article's text, word tags, and the entity pairs that the model scores.

Training and inference share this module, and nothing here needs torch. Text is tokenised once, whole, with offsets into
the original; words and sentences come from `mawaqif.text`. A window is a run of whole sentences that fits the encoder;
windows overlap, so nothing is dropped and every word is read with context on both sides. Token 0 of a window is the
tokenizer's [CLS]; it stands for the article's own voice (AUTHOR) among the entities.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mawaqif.article import AUTHOR, Article, Mention
from mawaqif.errors import ModelError
from mawaqif.labels import LabelSet
from mawaqif.text import Span, begins_phrase, ends_phrase, sentences, words

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
PairArrays = dict[str, NDArray[Any]]

# Signed distance of a token to an entity's nearest mention, in tokens: 0 inside, then these edges on either side.
_DISTANCE_EDGES = np.array([1, 3, 6, 11, 21, 41, 81])
DISTANCE_BUCKETS = 2 * len(_DISTANCE_EDGES) + 1


@dataclass(frozen=True)
class Encoded:
    """An article's text as the model reads it.

    words: spans [words]; sentence: sentence number of each word [words]; begins, ends: whether a phrase may begin or
    end with it (`text.begins_phrase`, `ends_phrase`) [words]; ids: sub-word ids [tokens], without special tokens;
    word_of: word of each token, -1 where it belongs to none [tokens]; first: first token of each word, -1 where it has
    none [words]; windows: token ranges that cover all tokens, in order, overlapping.
    """

    words: list[Span]
    sentence: Ints
    begins: Bools
    ends: Bools
    ids: Ints
    word_of: Ints
    first: Ints
    windows: list[Span]

    def home(self) -> Ints:
        """For each word the window that sees it with most context on its narrower side. Shape [words]; -1: no token."""
        best = np.full(len(self.words), -1)
        margin = np.full(len(self.words), -1)
        for number, (start, end) in enumerate(self.windows):
            inside = (self.first >= start) & (self.first < end)
            left = np.where(start == 0, len(self.ids), self.first - start)
            right = np.where(end == len(self.ids), len(self.ids), end - 1 - self.first)
            here = np.minimum(left, right)
            better = inside & (here > margin)
            best[better], margin[better] = number, here[better]
        return best


def encode(texts: Sequence[str], tokenizer: Tokenizer, max_tokens: int, overlap: float = 0.25) -> list[Encoded]:
    """Tokenises texts (in parallel, in Rust) and cuts each into windows of at most `max_tokens`, specials included.

    Raises ValueError where that leaves no room for a token.
    """
    if max_tokens < 3:
        raise ValueError(f"max_tokens must be at least 3, not {max_tokens}")
    encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return [
        _encoded(text, np.array(e.ids, dtype=np.int64), e.offsets, max_tokens - 2, overlap)
        for text, e in zip(texts, encodings, strict=True)
    ]


def _encoded(text: str, ids: Ints, offsets: list[Span], room: int, overlap: float) -> Encoded:
    spans = words(text)
    bounds = np.array(spans, dtype=np.int64).reshape(-1, 2)
    starts, ends = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
    # The first word that the token touches: SentencePiece tokens begin on the space before their word.
    word_of = np.searchsorted(bounds[:, 1], starts, side="right")
    touches = word_of < len(spans)
    touches[touches] = bounds[word_of[touches], 0] < np.maximum(ends, starts + 1)[touches]
    word_of[~touches] = -1
    first = np.full(len(spans), -1, dtype=np.int64)
    covered, positions = np.unique(word_of, return_index=True)
    first[covered[covered >= 0]] = positions[covered >= 0]
    sentence_starts = [start for start, _ in sentences(text)]
    sentence = np.array([bisect_right(sentence_starts, start) - 1 for start, _ in spans], dtype=np.int64)
    surfaces = [text[start:end] for start, end in spans]
    return Encoded(
        words=spans,
        sentence=sentence,
        begins=np.array([begins_phrase(word) for word in surfaces], dtype=np.bool_),
        ends=np.array([ends_phrase(word) for word in surfaces], dtype=np.bool_),
        ids=ids,
        word_of=word_of,
        first=first,
        windows=_windows(first, sentence, len(ids), room, overlap),
    )


def _windows(first: Ints, sentence: Ints, total: int, room: int, overlap: float) -> list[Span]:
    if total <= room:
        return [(0, total)]
    seen = first >= 0
    word_starts = np.unique(np.concatenate([[0], first[seen]]))
    begins = np.unique(sentence[seen], return_index=True)[1]
    sentence_starts = np.unique(np.concatenate([[0], first[seen][begins]]))
    windows: list[Span] = []
    start = 0
    while True:
        end = total if total - start <= room else _last(sentence_starts, word_starts, start, start + room)
        windows.append((start, end))
        if end == total:
            return windows
        # As much overlap as wanted, but not so much that what did not fit here (a sentence; a word, where the sentence
        # is cut) does not fit there either. It ends after start + room, so the next window starts after this one.
        stops = sentence_starts if end in sentence_starts else word_starts
        position = np.searchsorted(stops, end, side="right")
        following = int(stops[position]) if position < len(stops) else total
        start = _first(sentence_starts, word_starts, max(end - int(overlap * room), following - room), end)


def _last(sentence_starts: Ints, word_starts: Ints, start: int, limit: int) -> int:
    """The last sentence start in (start, limit]; where a sentence is longer, the last word start; else the limit."""
    for candidates in (sentence_starts, word_starts):
        position = int(candidates[np.searchsorted(candidates, limit, side="right") - 1])
        if position > start:
            return position
    return limit


def _first(sentence_starts: Ints, word_starts: Ints, wanted: int, end: int) -> int:
    """The first sentence start in [wanted, end); where a sentence is longer, the first word start; else the end."""
    for candidates in (sentence_starts, word_starts):
        position = np.searchsorted(candidates, wanted)
        if position < len(candidates) and candidates[position] < end:
            return int(candidates[position])
    return end


def pad_windows(windows: Sequence[Ints], tokenizer_ids: Mapping[str, int]) -> tuple[Ints, Ints]:
    """Input ids and attention mask [windows, longest], each window between [CLS] and [SEP].

    `tokenizer_ids` has the ids of `cls`, `sep` and `pad`.
    """
    longest = max(len(ids) for ids in windows) + 2
    inputs = np.full((len(windows), longest), tokenizer_ids["pad"], dtype=np.int64)
    mask = np.zeros_like(inputs)
    for row, ids in enumerate(windows):
        inputs[row, 0], inputs[row, len(ids) + 1] = tokenizer_ids["cls"], tokenizer_ids["sep"]
        inputs[row, 1 : len(ids) + 1] = ids
        mask[row, : len(ids) + 2] = 1
    return inputs, mask


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Ids of [CLS], [SEP] and [PAD], or of their RoBERTa-style names <s>, </s> and <pad>. Raises ModelError."""
    names = {"cls": ("[CLS]", "<s>"), "sep": ("[SEP]", "</s>"), "pad": ("[PAD]", "<pad>")}
    found = {}
    for key, pair in names.items():
        known = [n for n in map(tokenizer.token_to_id, pair) if n is not None]
        if not known:
            raise ModelError(f"the tokenizer has neither {pair[0]} nor {pair[1]}; give an encoder of the BERT family")
        found[key] = known[0]
    return found


def word_tags(article: Article, encoded: Encoded, labels: LabelSet) -> Ints:
    """Gold BIO tag of each word [words]. Of mentions that share a word only the first, and longer, one is tagged."""
    number = {tag: n for n, tag in enumerate(labels.bio_tags)}
    tags = np.zeros(len(encoded.words), dtype=np.int64)
    for mention in sorted(article.mentions, key=lambda m: (m.start, -m.end)):
        inside = words_in(encoded, mention.start, mention.end)
        if f"B-{mention.type}" in number and len(inside) and not tags[inside].any():
            tags[inside] = number[f"I-{mention.type}"]
            tags[inside[0]] = number[f"B-{mention.type}"]
    return tags


def keep_whole(encoded: Encoded, mentions: Iterable[Mention]) -> Encoded:
    """The same text, in which no phrase begins or ends within a mention."""
    begins, ends = encoded.begins.copy(), encoded.ends.copy()
    for mention in mentions:
        inside = words_in(encoded, mention.start, mention.end)
        begins[inside[1:]] = False
        ends[inside[:-1]] = False
    return replace(encoded, begins=begins, ends=ends)


def words_in(encoded: Encoded, start: int, end: int) -> Ints:
    """Numbers of the words that have a character inside the text span [start, end)."""
    first = bisect_right(encoded.words, (start, -1))
    if first and encoded.words[first - 1][1] > start:
        first -= 1
    return np.arange(first, bisect_right(encoded.words, (end, -1)))


@dataclass(frozen=True)
class Pairs:
    """The entities of one window and the ordered pairs to score. Positions count [CLS] as token 0.

    entities: article-level entity ids, AUTHOR first; mask [entities, tokens]: tokens of the entity's mentions (for
    AUTHOR the [CLS] token); types [entities]: index into `labels.types`, AUTHOR is `len(labels.types)`; distance
    [entities, tokens]: bucket of each token's signed distance to the entity (the middle one for AUTHOR); pairs
    [pairs, 2]: holder and target.
    """

    entities: list[str]
    mask: Bools
    types: Ints
    distance: Ints
    pairs: Ints


def pairs_of(article: Article, encoded: Encoded, window: Span, labels: LabelSet) -> Pairs:
    """The entities with a mention inside the window, AUTHOR, and every ordered pair that the label set allows."""
    start, end = window
    number = {label.name: n for n, label in enumerate(labels.types)}
    word_of = encoded.word_of[start:end]
    seen = word_of[word_of >= 0]
    first, last = (int(seen[0]), int(seen[-1])) if len(seen) else (0, -1)
    tokens_of: dict[str, list[Ints]] = {}
    for mention in article.mentions:
        if mention.entity is not None and mention.type in number:
            inside = words_in(encoded, mention.start, mention.end)
            if len(inside) and inside[0] <= last and first <= inside[-1]:
                tokens = _tokens_of(word_of, inside)
                if len(tokens):
                    tokens_of.setdefault(mention.entity, []).append(tokens)
    type_of = {entity.id: number[entity.type] for entity in article.entities if entity.id in tokens_of}
    ids = [AUTHOR, *type_of]
    mask = np.zeros((len(ids), end - start + 2), dtype=np.bool_)
    mask[0, 0] = True
    for row, entity in enumerate(type_of, start=1):
        mask[row, np.concatenate(tokens_of[entity])] = True
    types = np.array([len(labels.types), *type_of.values()], dtype=np.int64)
    holds = [True, *(labels.types[t].holder for t in type_of.values())]
    receives = [False, *(labels.types[t].target for t in type_of.values())]
    pairs = [(h, t) for h in range(len(ids)) if holds[h] for t in range(len(ids)) if receives[t] and h != t]
    return Pairs(ids, mask, types, distances(mask), np.array(pairs, dtype=np.int64).reshape(-1, 2))


def distances(mask: Bools) -> Ints:
    """Bucketed signed distance to the nearest True of each row: negative before it, positive after. Same shape.

    Row 0 is AUTHOR, who is everywhere: all its distances are 0.
    """
    places = np.arange(mask.shape[1])
    before = np.maximum.accumulate(np.where(mask, places, -(10**6)), axis=1)
    after = np.minimum.accumulate(np.where(mask, places, 10**6)[:, ::-1], axis=1)[:, ::-1]
    behind, ahead = places - before, after - places
    size = np.digitize(np.minimum(behind, ahead), _DISTANCE_EDGES)
    buckets: Ints = len(_DISTANCE_EDGES) + np.where(behind <= ahead, size, -size)
    buckets[0] = DISTANCE_BUCKETS // 2
    return buckets


def tokens_in(encoded: Encoded, window: Span, span: Span) -> Ints:
    """Positions (with [CLS] as 0) of the window's tokens whose word has a character inside a text span."""
    start, end = window
    return _tokens_of(encoded.word_of[start:end], words_in(encoded, *span))


def _tokens_of(word_of: Ints, inside: Ints) -> Ints:
    """Positions (with [CLS] as 0) of the tokens of a run of words."""
    if not len(inside):
        return inside
    return np.flatnonzero((word_of >= inside[0]) & (word_of <= inside[-1])) + 1


def pad_pairs(windows: Sequence[Pairs], tokens: int) -> PairArrays:
    """The entity and pair arrays of several windows as one batch, `tokens` long.

    entity_mask, distance [windows, entities, tokens]; types [windows, entities]; pairs [windows, pairs, 2] (padding
    points AUTHOR at itself).
    """
    entities = max(len(w.entities) for w in windows)
    pairs = max(1, *(len(w.pairs) for w in windows))
    mask = np.zeros((len(windows), entities, tokens), dtype=np.bool_)
    distance = np.zeros((len(windows), entities, tokens), dtype=np.int64)
    types = np.zeros((len(windows), entities), dtype=np.int64)
    rows = np.zeros((len(windows), pairs, 2), dtype=np.int64)
    for n, window in enumerate(windows):
        mask[n, : window.mask.shape[0], : window.mask.shape[1]] = window.mask
        distance[n, : window.mask.shape[0], : window.mask.shape[1]] = window.distance
        types[n, : len(window.types)] = window.types
        rows[n, : len(window.pairs)] = window.pairs
    return {"entity_mask": mask, "types": types, "distance": distance, "pairs": rows}
