"""Tag sequences are legal and best, windows are joined at the right place, evidence is the strongest run of words."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import mawaqif.decoding
from mawaqif.article import AUTHOR
from mawaqif.decoding import (
    EVIDENCE_SHIFT,
    Floats,
    PairScore,
    Scaling,
    decide,
    decode_mentions,
    evidence_span,
    merge_windows,
    softmax,
    stitch,
    transitions,
)
from mawaqif.encoding import Encoded, Pairs
from mawaqif.labels import LabelSet

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def two_types(labels: LabelSet) -> LabelSet:
    return labels.model_copy(update={"types": labels.types[:2]})


def make_encoded(
    sentences: list[int],
    tokens: list[int] | None = None,
    windows: list[tuple[int, int]] | None = None,
    edges: list[tuple[bool, bool]] | None = None,
) -> Encoded:
    """A text of one-letter words: `sentences` has the words of each sentence, `tokens` the tokens of each word, `edges`
    whether a phrase may begin and end with it."""
    number = sum(sentences)
    tokens = [1] * number if tokens is None else tokens
    edges = [(True, True)] * number if edges is None else edges
    word_of = np.repeat(np.arange(number), tokens)
    first = np.array([int(np.argmax(word_of == n)) if tokens[n] else -1 for n in range(number)], dtype=np.int64)
    return Encoded(
        words=[(2 * n, 2 * n + 1) for n in range(number)],
        sentence=np.repeat(np.arange(len(sentences)), sentences),
        begins=np.array([begins for begins, _ in edges], dtype=np.bool_),
        ends=np.array([ends for _, ends in edges], dtype=np.bool_),
        ids=np.zeros(len(word_of), dtype=np.int64),
        word_of=word_of,
        first=first,
        windows=windows or [(0, len(word_of))],
    )


def random_logits(seed: int, *shape: int) -> Floats:
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------- mentions


@given(seed=SEEDS, sentences=st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_mentions_are_disjoint_and_never_cross_a_sentence(labels: LabelSet, seed: int, sentences: list[int]) -> None:
    encoded = make_encoded(sentences)
    found = decode_mentions(random_logits(seed, len(encoded.words), len(labels.bio_tags)), encoded, labels)
    assert all(a[1] < b[0] for a, b in pairwise(found))
    for first, last, type_, score in found:
        assert encoded.sentence[first] == encoded.sentence[last]
        assert type_ in labels.type_names
        assert 0 < score <= 1


@given(seed=SEEDS, number=st.integers(1, 4))
def test_the_sequence_is_the_best_legal_one(two_types: LabelSet, seed: int, number: int) -> None:
    tags = two_types.bio_tags
    emissions = random_logits(seed, number, len(tags))
    path = ["O"] * number
    for first, last, type_, _ in decode_mentions(emissions, make_encoded([number]), two_types):
        path[first : last + 1] = [f"B-{type_}", *[f"I-{type_}"] * (last - first)]

    def legal(sequence: tuple[str, ...]) -> bool:
        return all(not b.startswith("I-") or a[2:] == b[2:] for a, b in pairwise(("O", *sequence)))

    def score(sequence: tuple[str, ...]) -> float:
        return float(sum(emissions[n, tags.index(tag)] for n, tag in enumerate(sequence)))

    best = max(score(sequence) for sequence in product(tags, repeat=number) if legal(sequence))
    assert legal(tuple(path))
    assert score(tuple(path)) == pytest.approx(best, abs=1e-3)


def test_inside_tags_alone_make_no_mention(labels: LabelSet) -> None:
    emissions = np.zeros((3, len(labels.bio_tags)), dtype=np.float32)
    emissions[:, labels.bio_tags.index("I-ORG")] = 5
    ((first, last, type_, score),) = decode_mentions(emissions, make_encoded([3]), labels)
    assert (first, last, type_) == (0, 2, "ORG")  # B-ORG had to be opened
    assert score < 0.9
    assert decode_mentions(emissions, make_encoded([1, 1, 1]), labels) == []  # as likely as O, then O


@given(seed=SEEDS, number=st.integers(1, 8), biases=st.tuples(st.floats(0, 3), st.floats(0, 3)).map(sorted))
def test_the_bias_of_phrases_finds_more_of_them_and_changes_no_score(
    labels: LabelSet, seed: int, number: int, biases: list[float]
) -> None:
    emissions, encoded = random_logits(seed, number, len(labels.bio_tags)), make_encoded([number])
    likely = softmax(emissions)
    counts = []
    for bias in biases:
        found = decode_mentions(emissions, encoded, labels, bias)
        counts.append(sum(type_ in labels.only_in_stances for *_, type_, _ in found))
        for first, last, type_, score in found:
            begins = labels.bio_tags.index(f"B-{type_}")
            tags = [begins, *[begins + 1] * (last - first)]
            assert score == pytest.approx(likely[np.arange(first, last + 1), tags].mean(), abs=1e-5)
    assert counts[0] <= counts[1]
    nothing = np.zeros_like(emissions)  # every tag as likely as any other
    assert [type_ for *_, type_, _ in decode_mentions(nothing, encoded, labels, 0.5)] == [
        labels.only_in_stances[0]
    ] * number


def test_transitions(two_types: LabelSet) -> None:
    allowed = transitions(two_types)
    tags = two_types.bio_tags
    assert allowed.shape == (5, 5)
    forbidden = {(tags[a], tags[b]) for a, b in zip(*np.nonzero(~allowed), strict=True)}
    assert forbidden == {
        *(("O", "I-PERS"), ("O", "I-ORG"), ("B-PERS", "I-ORG"), ("I-PERS", "I-ORG")),
        *(("B-ORG", "I-PERS"), ("I-ORG", "I-PERS")),
    }


def test_stitch_takes_each_word_from_its_home() -> None:
    encoded = make_encoded([6], tokens=[2, 1, 0, 2, 1, 2], windows=[(0, 5), (3, 8)])
    rows = np.arange(7, dtype=np.float32)[:, None]  # position with [CLS] as 0
    windows = [np.full((7, 3), 100.0 * n, dtype=np.float32) + rows for n in (1, 2)]
    stitched = stitch(encoded, windows)
    assert encoded.home().tolist() == [0, 0, -1, 0, 1, 1]
    assert stitched[:, 1].tolist() == [101, 103, 0, 104, 203, 204]
    assert stitched[2, 0] > 0  # a word without a token is O


def test_softmax() -> None:
    assert softmax(np.array([[0.0, 0.0], [1000.0, 0.0]], dtype=np.float32)).tolist() == [[0.5, 0.5], [1.0, 0.0]]
    assert softmax(np.zeros((0, 3), dtype=np.float32)).shape == (0, 3)


# ----------------------------------------------------------------------------------------------------------- stances


def make_pairs(entities: list[str], pairs: list[tuple[int, int]], tokens: int) -> Pairs:
    shape = (len(entities), tokens)
    return Pairs(entities, np.zeros(shape, bool), np.zeros(len(entities), int), np.zeros(shape, int), np.array(pairs))


def test_a_pair_is_read_in_the_window_with_the_most_probable_stance() -> None:
    encoded = make_encoded([4, 4], windows=[(0, 4), (4, 8)])
    stance = np.array([[[4, 0, 0], [0, 3, 0]], [[0, 1, 9], [1, 3, 0]]], dtype=np.float32)
    voice, evidence = random_logits(0, 2, 2, 3), random_logits(1, 2, 2, 6)
    both = [
        make_pairs([AUTHOR, "e1", "e2"], [(0, 1), (1, 2)], 6),
        make_pairs([AUTHOR, "e2", "e1"], [(0, 2), (2, 1)], 6),  # the same entities in other rows
    ]
    merged = merge_windows(encoded, [(n, both[n], stance[n], voice[n], evidence[n]) for n in range(2)])
    assert set(merged) == {(AUTHOR, "e1"), ("e1", "e2")}
    assert merged[AUTHOR, "e1"].window == (4, 8)
    assert merged["e1", "e2"].window == (0, 4)
    assert (merged["e1", "e2"].evidence == evidence[0, 1]).all()
    assert merged[AUTHOR, "e1"].stance.sum() == pytest.approx(1)


def test_decide_respects_min_score_and_sorts_by_evidence(labels: LabelSet) -> None:
    encoded = make_encoded([4])

    def score(stance: list[float], word: int) -> PairScore:
        evidence = np.full(6, -1.0 - EVIDENCE_SHIFT, dtype=np.float32)
        evidence[word + 1] = 1.0
        return PairScore(np.array(stance, np.float32), np.array([0.1, 0.7, 0.2], np.float32), evidence, (0, 4))

    scores = {
        ("e1", "e2"): score([0.1, 0.2, 0.7], 3),
        ("e2", "e1"): score([0.45, 0.5, 0.05], 1),
        (AUTHOR, "e1"): score([0.7, 0.2, 0.1], 0),
    }
    found = decide(scores, encoded, labels, 0.5)
    assert [(s.holder, s.target, s.stance, s.evidence) for s in found] == [
        ("e2", "e1", labels.stance_names[0], (2, 3)),
        ("e1", "e2", labels.stance_names[1], (6, 7)),
    ]
    assert [s.score for s in found] == [0.5, 0.7]
    assert {s.voice for s in found} == {labels.voice_names[1]}
    assert len(decide(scores, encoded, labels, 0.0)) == 3
    assert len(decide(scores, encoded, labels, 0.71)) == 0
    assert {s.evidence for s in decide(scores, encoded, labels, 0.0, evidence=False)} == {None}


@given(seed=SEEDS, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)), least=st.floats(0, 1))
def test_a_stance_is_as_sure_as_its_ends(seed: int, ends: tuple[float, float], least: float) -> None:
    labels, encoded, logits = LabelSet.default(), make_encoded([4]), random_logits(seed, 2, 3)
    keys = [("e1", "e2"), (AUTHOR, "e2")]
    scores = {
        key: PairScore(softmax(row), np.ones(3, np.float32), np.zeros(6, np.float32), (0, 4))
        for key, row in zip(keys, logits, strict=True)
    }
    sure = {AUTHOR: 1.0} | dict(zip(("e1", "e2"), ends, strict=True))
    plain = {(s.holder, s.target): s for s in decide(scores, encoded, labels, 0.0)}
    found = {(s.holder, s.target): s for s in decide(scores, encoded, labels, least, entity_scores=sure)}
    for key, stance in plain.items():
        expected = float(scores[key].stance[1:].max()) * sure[key[0]] * sure["e2"]
        if abs(expected - least) > 1e-5:
            assert (key in found) == (expected > least)
        if key in found:
            assert found[key].stance == stance.stance
            assert found[key].score == pytest.approx(expected, abs=1e-4)


@given(seed=SEEDS, temperature=st.floats(0.1, 10), bias=st.floats(-5, 5))
def test_temperature_and_bias_scale_the_logits_before_the_softmax(seed: int, temperature: float, bias: float) -> None:
    encoded, pairs = make_encoded([4]), make_pairs(["e1", "e2"], [(0, 1), (1, 0)], 6)
    stance, voice, evidence = (random_logits(seed + n, 2, size) for n, size in enumerate((3, 3, 6)))
    merged = merge_windows(encoded, [(0, pairs, stance, voice, evidence)], Scaling(temperature, bias))
    for row, ends in enumerate([("e1", "e2"), ("e2", "e1")]):
        scaled = np.exp(stance[row].astype(np.float64) / temperature + np.array([bias, 0, 0]))
        np.testing.assert_allclose(merged[ends].stance, scaled / scaled.sum(), atol=1e-5)
        assert merged[ends].stance[1:].argmax() == stance[row, 1:].argmax()  # no stance changes
        np.testing.assert_allclose(merged[ends].voice, softmax(voice[row]), atol=1e-6)


def test_evidence_shift_widens_the_evidence(labels: LabelSet) -> None:
    logits = np.array([0, -1, 1, -1, -1, 0], dtype=np.float32)
    scores = {("e1", "e2"): PairScore(np.array([0, 1, 0], np.float32), np.ones(3, np.float32), logits, (0, 4))}
    spans = [decide(scores, make_encoded([4]), labels, 0, evidence_shift=s)[0].evidence for s in (0.0, 1.5)]
    assert spans == [(2, 3), (0, 7)]


@pytest.mark.parametrize(
    "values",
    [(0.0,), (-1.0,), (float("inf"),), (1.0, float("nan")), (1.0, 0.0, float("inf")), (1.0, 0.0, 2.0, float("inf"))],
)
def test_scaling_refuses_what_is_no_scale(values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="temperature must be positive"):
        Scaling(*values)


@given(
    seed=SEEDS,
    sentences=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    limit=st.integers(1, 6),
    data=st.data(),
)
def test_evidence_is_the_strongest_run_of_words_in_one_sentence(
    seed: int, sentences: list[int], limit: int, data: st.DataObject
) -> None:
    number = sum(sentences)
    tokens = data.draw(st.lists(st.integers(0, 3), min_size=number, max_size=number).filter(any))
    start = data.draw(st.integers(0, sum(tokens) - 1))
    end = data.draw(st.integers(start + 1, sum(tokens)))
    edges = data.draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=number, max_size=number))
    encoded = make_encoded(sentences, tokens, edges=edges)
    logits = random_logits(seed, end - start + 4)  # [CLS], [SEP] and padding
    by_word: dict[int, list[float]] = {}
    for word, logit in zip(encoded.word_of[start:end], logits[1:], strict=False):
        by_word.setdefault(int(word), []).append(float(logit))
    mean = {word: sum(values) / len(values) for word, values in by_word.items()}
    runs = {
        (encoded.words[a][0], encoded.words[b][1]): sum(mean.get(n, 0.0) for n in range(a, b + 1))
        for a in mean
        for b in mean
        if a <= b < a + limit and encoded.sentence[a] == encoded.sentence[b] and edges[a][0] and edges[b][1]
    }
    assume(runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mawaqif.decoding, "MAX_EVIDENCE_WORDS", limit)
        span = evidence_span(encoded, (start, end), logits)
    assert span is not None
    assert runs[span] == pytest.approx(max(runs.values()), abs=3e-4)


def test_of_equally_strong_evidence_the_shortest_and_first_is_taken() -> None:
    logits = np.array([0, 1, -1, 1, -1, 1 + 1e-6, 0, 0], dtype=np.float32)
    assert evidence_span(make_encoded([6]), (0, 6), logits) == (0, 1)


def test_evidence_of_prepositions_alone_is_the_first() -> None:
    encoded = make_encoded([3], edges=[(True, False)] * 3)
    assert evidence_span(encoded, (0, 3), np.array([0, -1, 2, 3, 0], dtype=np.float32)) == (0, 1)


def test_evidence_of_a_window_without_words() -> None:
    none = np.array([], dtype=np.int64)
    encoded = Encoded([], none, none > 0, none > 0, none, np.array([-1]), none, [(0, 1)])
    assert evidence_span(encoded, (0, 1), np.zeros(3, dtype=np.float32)) is None
