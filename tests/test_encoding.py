"""Windows lose nothing, words meet their tokens, and pairs are exactly those that the labels allow."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from mawaqif.article import AUTHOR, Article, Mention
from mawaqif.decoding import decode_mentions, stitch
from mawaqif.encoding import (
    DISTANCE_BUCKETS,
    Encoded,
    Ints,
    encode,
    keep_whole,
    pad_pairs,
    pad_windows,
    pairs_of,
    special_ids,
    tokens_in,
    word_tags,
    words_in,
)
from mawaqif.errors import ModelError
from mawaqif.labels import LabelSet

FRAGMENTS = [
    *("أعلن حزب النخيل ", "رفضه ", "خطة ", "الجسر. ", "؟ ", "\n", "«نعم». ", "؛", "هههههه", "قـــال ", "شُكْرًا "),
    *(
        "\u200f",
        "\u064b",
        "\u0301x",
        "٢٠١٥م ",
        "3.5%",
        "www.a.example ",
        "x@y.example",
        "@م",
        "😀",
        "ﷺ",
        "don't ",
        "#و_س",
    ),
]
TEXTS = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=60
).map("".join)
SENTENCE = "رفض حزب النخيل خطة الجسر الجديد أمس. "


def test_words_meet_tokens_in_a_worked_example(tiny_tokenizer: Tokenizer) -> None:
    text = "قـال الحزب: لا."
    (encoded,) = encode([text], tiny_tokenizer, 64)
    assert [text[start:end] for start, end in encoded.words] == ["قـال", "الحزب", ":", "لا", "."]
    assert encoded.sentence.tolist() == [0] * 5
    assert encoded.word_of[encoded.first].tolist() == [0, 1, 2, 3, 4]
    assert encoded.windows == [(0, len(encoded.ids))]


@given(text=TEXTS, max_tokens=st.integers(8, 40))
def test_windows_cover_fit_and_go_forward(tiny_tokenizer: Tokenizer, text: str, max_tokens: int) -> None:
    (encoded,) = encode([text], tiny_tokenizer, max_tokens)
    windows, total = encoded.windows, len(encoded.ids)
    assert (windows[0][0], windows[-1][1]) == (0, total)
    assert all(0 < end - start <= max_tokens - 2 for start, end in windows) or windows == [(0, 0)]
    assert all(start < next_start <= end < next_end for (start, end), (next_start, next_end) in pairwise(windows))


@given(text=TEXTS, max_tokens=st.integers(8, 40))
def test_every_word_with_a_token_has_the_home_with_most_context(
    tiny_tokenizer: Tokenizer, text: str, max_tokens: int
) -> None:
    (encoded,) = encode([text], tiny_tokenizer, max_tokens)
    total = len(encoded.ids)

    def context(token: int, start: int, end: int) -> int:
        """Tokens on the narrower side; the text's own ends are no cut."""
        if not start <= token < end:
            return -1
        return min(total if start == 0 else token - start, total if end == total else end - 1 - token)

    for token, home in zip(encoded.first, encoded.home(), strict=True):
        margins = [context(token, *window) for window in encoded.windows]
        assert (home == -1) if token < 0 else (margins[home] == max(margins) >= 0)


@given(text=TEXTS)
def test_every_token_in_a_word_is_mapped_to_it(tiny_tokenizer: Tokenizer, text: str) -> None:
    (encoded,) = encode([text], tiny_tokenizer, 64)
    for token, (start, end) in enumerate(tiny_tokenizer.encode(text, add_special_tokens=False).offsets):
        touched = [n for n, (a, b) in enumerate(encoded.words) if a < max(end, start + 1) and start < b]
        assert encoded.word_of[token] == (touched[0] if touched else -1)
    for word, token in enumerate(encoded.first):
        mine = np.flatnonzero(encoded.word_of == word)
        assert token == (mine[0] if len(mine) else -1)


def test_tokens_that_begin_on_the_space_before_their_word() -> None:
    """As SentencePiece tokenizers make them."""
    from tokenizers import pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"▁رفض": 0, "▁الحزب": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    (encoded,) = encode(["رفض الحزب"], tokenizer, 64)
    assert encoded.ids.tolist() == [0, 1]
    assert encoded.first.tolist() == [0, 1]


def test_sentences_stay_whole_and_windows_overlap(tiny_tokenizer: Tokenizer) -> None:
    (encoded,) = encode([SENTENCE * 40], tiny_tokenizer, 128)
    starts = {int(encoded.first[n]) for n in np.unique(encoded.sentence, return_index=True)[1]}
    assert len(encoded.windows) > 3
    assert all(start in starts for start, _ in encoded.windows)
    for (_, end), (start, _) in pairwise(encoded.windows):
        assert 0 < end - start <= 126 // 4


def test_a_sentence_longer_than_a_window_is_read_with_overlap(tiny_tokenizer: Tokenizer) -> None:
    (encoded,) = encode([SENTENCE + "رفض حزب النخيل خطة " * 20 + "الجسر."], tiny_tokenizer, 48)
    firsts = set(encoded.first.tolist())
    inside = [pair for pair in pairwise(encoded.windows) if pair[0][0] > 0]
    assert len(inside) > 2
    assert all(start < end and start in firsts for (_, end), (start, _) in inside)


def test_ten_thousand_words_lose_nothing(tiny_tokenizer: Tokenizer) -> None:
    chooser = random.Random(0)
    words = ["رفض", "أعلن", "حزب", "النخيل", "خطة", "الجسر", "المجلس", "وزارة", "الطرق", "قال"]
    text = " ".join(chooser.choice(words) + chooser.choice(["", "", "", "،", ".", "\n"]) for _ in range(10_000))
    (encoded,) = encode([text], tiny_tokenizer, 512)
    assert len(encoded.words) >= 10_000
    assert (encoded.first >= 0).all()
    assert (encoded.home() >= 0).all()
    covered = np.zeros(len(encoded.ids), dtype=bool)
    for start, end in encoded.windows:
        covered[start:end] = True
    assert covered.all()


def test_windows_of_one_token_are_the_smallest(tiny_tokenizer: Tokenizer) -> None:
    (encoded,) = encode([SENTENCE], tiny_tokenizer, 3)
    assert encoded.windows == [(n, n + 1) for n in range(len(encoded.ids))]
    with pytest.raises(ValueError, match="max_tokens must be at least 3, not 2"):
        encode([SENTENCE], tiny_tokenizer, 2)


@pytest.mark.parametrize("text", ["", " ", "\u200f\n"])
def test_a_text_without_words(tiny_tokenizer: Tokenizer, labels: LabelSet, text: str) -> None:
    (encoded,) = encode([text], tiny_tokenizer, 16)
    assert (encoded.words, encoded.windows) == ([], [(0, 0)])
    assert decode_mentions(stitch(encoded, [np.zeros((2, 21), np.float32)]), encoded, labels) == []


# ------------------------------------------------------------------------------------------------------------- tags


def one_hot(tags: Ints, labels: LabelSet) -> np.ndarray:
    return np.eye(len(labels.bio_tags), dtype=np.float32)[tags] * 30


@given(text=TEXTS, data=st.data())
def test_gold_tags_decode_to_the_gold_mentions(
    tiny_tokenizer: Tokenizer, labels: LabelSet, text: str, data: st.DataObject
) -> None:
    (encoded,) = encode([text], tiny_tokenizer, 64)
    assume(encoded.words)
    number = len(encoded.words)
    cuts = sorted(data.draw(st.sets(st.integers(0, number), max_size=8)))
    spans = [
        (first, last - 1, data.draw(st.sampled_from(labels.type_names)))
        for first, last in pairwise(cuts)
        if encoded.sentence[first] == encoded.sentence[last - 1]
    ]
    mentions = [
        {"start": encoded.words[first][0], "end": encoded.words[last][1], "type": type_} for first, last, type_ in spans
    ]
    article = Article.from_dict({"id": "x", "text": text, "mentions": mentions})
    found = decode_mentions(one_hot(word_tags(article, encoded, labels), labels), encoded, labels)
    assert [span[:3] for span in found] == spans
    assert all(score > 0.99 for *_, score in found)


@pytest.mark.parametrize("max_tokens", [16, 24, 128])
def test_gold_tags_survive_windows_and_stitching(
    tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article], max_tokens: int
) -> None:
    for article in gold_articles:
        (encoded,) = encode([article.text], tiny_tokenizer, max_tokens)
        by_token = np.zeros(len(encoded.ids) + 2, dtype=np.int64)  # with room for [CLS] and [SEP]
        by_token[encoded.first + 1] = word_tags(article, encoded, labels)
        logits = [one_hot(by_token[start : end + 2], labels) for start, end in encoded.windows]
        found = decode_mentions(stitch(encoded, logits), encoded, labels)
        spans = [(encoded.words[first][0], encoded.words[last][1], type_) for first, last, type_, _ in found]
        assert spans == [(m.start, m.end, m.type) for m in article.mentions]


def test_of_overlapping_mentions_the_longer_is_tagged(tiny_tokenizer: Tokenizer, labels: LabelSet) -> None:
    text = "مجلس واحة الريم اجتمع"
    mentions = [{"start": 5, "end": 15, "type": "GPE"}, {"start": 0, "end": 15, "type": "ORG"}]
    article = Article.from_dict({"id": "x", "text": text, "mentions": mentions})
    (encoded,) = encode([text], tiny_tokenizer, 64)
    tags = [labels.bio_tags[tag] for tag in word_tags(article, encoded, labels)]
    assert tags == ["B-ORG", "I-ORG", "I-ORG", "O"]


def test_where_phrases_may_begin_and_end(tiny_tokenizer: Tokenizer) -> None:
    encoded = encode(["دعا إلى «حوار»، مع علي."], tiny_tokenizer, 16)[0]
    assert encoded.begins.tolist() == [True, True, True, True, False, False, True, True, False]
    assert encoded.ends.tolist() == [True, False, False, True, True, False, False, True, False]


def test_no_phrase_begins_or_ends_within_a_mention(tiny_tokenizer: Tokenizer) -> None:
    text = "رحب حزب النخيل الأخضر بقرار سلوانيا"
    mentions = [Mention(start=4, end=21, type="ORG"), Mention(start=28, end=35, type="GPE")]
    encoded = encode([text], tiny_tokenizer, 64)[0]
    whole = keep_whole(encoded, mentions)
    assert whole.begins.tolist() == [True, True, False, False, True, True]
    assert whole.ends.tolist() == [True, False, False, True, True, True]
    assert encoded.begins.all()  # what was given is left alone


def test_words_and_tokens_of_a_span(tiny_tokenizer: Tokenizer) -> None:
    text = "رفض حزب النخيل الخطة"
    (encoded,) = encode([text], tiny_tokenizer, 64)
    assert words_in(encoded, 4, 14).tolist() == [1, 2]
    assert words_in(encoded, 5, 9).tolist() == [1, 2]  # a part of a word counts as the word
    assert words_in(encoded, 3, 4).tolist() == []
    tokens = tokens_in(encoded, (0, len(encoded.ids)), (4, 14))
    assert sorted(set(encoded.word_of[tokens - 1].tolist())) == [1, 2]
    assert len(tokens) == np.isin(encoded.word_of, [1, 2]).sum()
    assert tokens_in(encoded, (int(encoded.first[2]), len(encoded.ids)), (0, 3)).tolist() == []


# ------------------------------------------------------------------------------------------------------------- pairs


@pytest.fixture
def whole(tiny_tokenizer: Tokenizer, gold_articles: list[Article]) -> list[tuple[Article, Encoded]]:
    return list(zip(gold_articles, encode([a.text for a in gold_articles], tiny_tokenizer, 512), strict=True))


def test_pairs_are_those_that_the_labels_allow(whole: list[tuple[Article, Encoded]], labels: LabelSet) -> None:
    holders = {label.name for label in labels.types if label.holder}
    targets = {label.name for label in labels.types if label.target}
    for article, encoded in whole:
        pairs = pairs_of(article, encoded, encoded.windows[0], labels)
        assert pairs.entities == [AUTHOR, *(entity.id for entity in article.entities)]
        type_of = {entity.id: entity.type for entity in article.entities}
        allowed = {(AUTHOR, t) for t in type_of if type_of[t] in targets}
        both = [(h, t) for h in type_of for t in type_of if h != t]
        allowed |= {(h, t) for h, t in both if type_of[h] in holders and type_of[t] in targets}
        found = [(pairs.entities[h], pairs.entities[t]) for h, t in pairs.pairs]
        assert set(found) == allowed
        assert len(found) == len(allowed)
        assert pairs.types.tolist() == [len(labels.types), *(labels.type_names.index(t) for t in type_of.values())]


def test_masks_mark_the_tokens_of_the_mentions(
    whole: list[tuple[Article, Encoded]], labels: LabelSet, tiny_tokenizer: Tokenizer
) -> None:
    for article, encoded in whole:
        pairs = pairs_of(article, encoded, encoded.windows[0], labels)
        offsets = tiny_tokenizer.encode(article.text).offsets
        assert np.flatnonzero(pairs.mask[0]).tolist() == [0]
        for row, entity in enumerate(pairs.entities[1:], start=1):
            wanted = {
                n
                for mention in article.mentions_of(entity)
                for n, (start, end) in enumerate(offsets)
                if start < mention.end and end > mention.start
            }
            assert set(np.flatnonzero(pairs.mask[row]).tolist()) == wanted


def test_a_later_window_has_only_its_own_entities(
    tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]
) -> None:
    article = gold_articles[2]
    (encoded,) = encode([article.text], tiny_tokenizer, 24)
    for start, end in encoded.windows:
        pairs = pairs_of(article, encoded, (start, end), labels)
        for row, entity in enumerate(pairs.entities[1:], start=1):
            words = encoded.word_of[np.flatnonzero(pairs.mask[row]) - 1 + start]
            mentioned = np.concatenate([words_in(encoded, m.start, m.end) for m in article.mentions_of(entity)])
            assert set(words.tolist()) <= set(mentioned.tolist())
        inside = {m.entity for m in article.mentions if len(tokens_in(encoded, (start, end), (m.start, m.end)))}
        assert set(pairs.entities[1:]) == inside


def test_distances_are_signed_and_symmetric(whole: list[tuple[Article, Encoded]], labels: LabelSet) -> None:
    centre = DISTANCE_BUCKETS // 2
    for article, encoded in whole:
        pairs = pairs_of(article, encoded, encoded.windows[0], labels)
        assert (pairs.distance[0] == centre).all()  # AUTHOR
        for mask, distance in zip(pairs.mask[1:], pairs.distance[1:], strict=True):
            places = np.flatnonzero(mask)
            nearest = np.array([min(((n - p) for p in places), key=abs) for n in range(len(mask))])
            assert (distance[mask] == centre).all()
            assert (np.sign(distance - centre) == np.sign(nearest)).all()
            buckets: dict[int, set[int]] = {}
            for steps, bucket in zip(np.abs(nearest), np.abs(distance - centre), strict=True):
                buckets.setdefault(int(steps), set()).add(int(bucket))
            assert all(len(found) == 1 for found in buckets.values())  # the same before and after
            ordered = [min(buckets[steps]) for steps in sorted(buckets)]
            assert ordered == sorted(ordered)
            assert (distance >= 0).all()
            assert (distance < DISTANCE_BUCKETS).all()


# ----------------------------------------------------------------------------------------------------------- padding


def test_pad_windows() -> None:
    inputs, mask = pad_windows([np.array([7, 8, 9]), np.array([5])], {"cls": 2, "sep": 3, "pad": 0})
    assert inputs.tolist() == [[2, 7, 8, 9, 3], [2, 5, 3, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]


def test_pad_pairs(whole: list[tuple[Article, Encoded]], labels: LabelSet) -> None:
    windows = [pairs_of(article, encoded, encoded.windows[0], labels) for article, encoded in whole]
    tokens = max(w.mask.shape[1] for w in windows) + 3
    arrays = pad_pairs(windows, tokens)
    entities, pairs = max(len(w.entities) for w in windows), max(len(w.pairs) for w in windows)
    assert arrays["entity_mask"].shape == arrays["distance"].shape == (3, entities, tokens)
    assert arrays["types"].shape == (3, entities)
    assert arrays["pairs"].shape == (3, pairs, 2)
    for n, window in enumerate(windows):
        assert arrays["entity_mask"][n].sum() == window.mask.sum()
        assert (arrays["pairs"][n, : len(window.pairs)] == window.pairs).all()
        assert (arrays["pairs"][n, len(window.pairs) :] == 0).all()


def test_a_window_without_entities_still_makes_a_batch(tiny_tokenizer: Tokenizer, labels: LabelSet) -> None:
    (encoded,) = encode(["لا أحد هنا."], tiny_tokenizer, 64)
    window = pairs_of(Article(id="x", text="لا أحد هنا."), encoded, encoded.windows[0], labels)
    assert (window.entities, len(window.pairs)) == ([AUTHOR], 0)
    assert pad_pairs([window], 12)["pairs"].tolist() == [[[0, 0]]]


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    with pytest.raises(ModelError, match=r"neither \[CLS\] nor <s>"):
        special_ids(Tokenizer(models.WordLevel({"?": 0}, unk_token="?")))
    roberta = Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1, "</s>": 2, "?": 3}, unk_token="?"))
    assert special_ids(roberta) == {"cls": 0, "sep": 2, "pad": 1}
