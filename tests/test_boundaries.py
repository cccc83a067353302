"""The bounds of phrases are chosen among all that they could have, and nothing else of what was found is changed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import mawaqif.boundaries
from mawaqif.boundaries import PLACES, Boundaries, at_places, candidates, features, network, shapes
from mawaqif.decoding import Floats, decode_mentions
from mawaqif.encoding import Encoded, Ints
from mawaqif.errors import ModelError
from mawaqif.labels import LabelSet

HIDDEN = 6
LABELS = LabelSet.default()
SEEDS = st.integers(0, 2**32 - 1)


def make_text(seed: int, sentences: list[int]) -> tuple[Encoded, Floats, Floats]:
    """A text of words with random edges, the states and the tag logits of its words."""
    draw, number = np.random.default_rng(seed), sum(sentences)
    none = np.zeros(0, dtype=np.int64)
    encoded = Encoded(
        words=[(2 * n, 2 * n + 1) for n in range(number)],
        sentence=np.repeat(np.arange(len(sentences)), sentences),
        begins=draw.random(number) < 0.8,
        ends=draw.random(number) < 0.8,
        **dict.fromkeys(("ids", "word_of", "first"), none),
        windows=[],
    )
    logits = (2 * draw.standard_normal((number, len(LABELS.bio_tags)))).astype(np.float32)
    logits[:, 0] += 2
    return encoded, draw.standard_normal((number, HIDDEN)).astype(np.float32), logits


def make_weights(seed: int, labels: LabelSet = LABELS) -> dict[str, Floats]:
    draw = np.random.default_rng(seed)
    wanted = shapes(HIDDEN, labels, width=4, inner=3)
    return {name: draw.standard_normal(shape).astype(np.float32) for name, shape in wanted.items()}


TEXTS = st.builds(make_text, SEEDS, st.lists(st.integers(1, 12), min_size=1, max_size=4))


@given(TEXTS, SEEDS)
def test_phrases_alone_move_and_stay_apart_within_their_sentences(
    text: tuple[Encoded, Floats, Floats], seed: int
) -> None:
    encoded, states, logits = text
    found = decode_mentions(logits, encoded, LABELS, 1.0)
    chosen = Boundaries(make_weights(seed), LABELS)(found, encoded, states, logits)
    names = [span for span in found if span[2] not in LABELS.only_in_stances]
    assert [span for span in chosen if span[2] not in LABELS.only_in_stances] == names
    assert all(a[1] < b[0] for a, b in pairwise(chosen))
    before = {span[3]: span for span in found}
    for first, last, type_, score in chosen:
        assert first <= last
        assert encoded.sentence[first] == encoded.sentence[last]
        assert type_ == before[score][2]


@given(TEXTS)
def test_candidates_are_all_runs_near_the_mention(text: tuple[Encoded, Floats, Floats]) -> None:
    encoded, _, logits = text
    found = decode_mentions(logits, encoded, LABELS, 1.0)
    named = {
        n for first, last, type_, _ in found if type_ not in LABELS.only_in_stances for n in range(first, last + 1)
    }
    words = range(len(encoded.words))
    runs, of = candidates(found, encoded, LABELS)
    assert (np.diff(of) >= 0).all()
    assert {found[n] for n in of.tolist()} == {span for span in found if span[2] in LABELS.only_in_stances}
    for n in set(of.tolist()):
        first, last, *_ = found[n]
        expected = {
            (a, b)
            for a in words
            for b in words[a : a + 24]
            if encoded.sentence[a] == encoded.sentence[b] == encoded.sentence[first]
            and abs(a - first) <= 3
            and abs(b - last) <= 8
            and (encoded.begins[a] or a == first)
            and (encoded.ends[b] or b == last)
            and not named & set(range(a, b + 1))
        }
        assert sorted(map(tuple, runs[of == n].tolist())) == sorted(expected)


def read_the_long_way(runs: Ints, states: Floats) -> Floats:
    """The states in all places of each run, one run at a time. Shape [runs, places * hidden]."""
    edge = np.zeros(HIDDEN, np.float32)
    padded = [edge, *states, edge]
    read = [[padded[a], states[a], states[b], padded[b + 2], states[a : b + 1].mean(0)] for a, b in runs.tolist()]
    return np.array(read, dtype=np.float32).reshape(len(runs), PLACES * HIDDEN)


@given(TEXTS, SEEDS)
def test_the_likeliest_run_is_taken(text: tuple[Encoded, Floats, Floats], seed: int) -> None:
    encoded, states, logits = text
    weights = make_weights(seed)
    for span in decode_mentions(logits, encoded, LABELS, 1.0):
        if span[2] in LABELS.only_in_stances:
            runs, of = candidates([span], encoded, LABELS)
            said = read_the_long_way(runs, states) @ weights["places"]
            scores = network(weights, said, features(runs, of, [span], logits, LABELS))
            ((first, last, *_),) = Boundaries(weights, LABELS)([span], encoded, states, logits)
            best = scores[runs.tolist().index([first, last])]
            assert best == pytest.approx(scores.max(), rel=1e-3, abs=1e-3)


@given(TEXTS, SEEDS)
def test_tensors_give_the_same_scores(text: tuple[Encoded, Floats, Floats], seed: int) -> None:
    encoded, states, logits = text
    weights, found = make_weights(seed), decode_mentions(logits, encoded, LABELS, 1.0)
    runs, of = candidates(found, encoded, LABELS)
    read = np.concatenate(at_places(runs, [states] * PLACES), axis=1)
    np.testing.assert_allclose(read, read_the_long_way(runs, states), rtol=1e-3, atol=1e-3)
    said, given = read @ weights["places"], features(runs, of, found, logits, LABELS)
    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    scores = network(tensors, torch.from_numpy(said), torch.from_numpy(given))
    np.testing.assert_allclose(scores.numpy(), network(weights, said, given), rtol=1e-3, atol=1e-3)


def test_features_of_a_worked_example() -> None:
    labels = LABELS.model_copy(update={"types": LABELS.types[-1:]})
    (issue,) = labels.type_names
    logits = np.log(np.array([[0.2, 0.7, 0.1], [0.5, 0.1, 0.4], [0.25, 0.25, 0.5]], dtype=np.float32))
    runs, of = np.array([[0, 1], [0, 2]]), np.array([0, 0])
    both = features(runs, of, [(0, 1, issue, 0.5)], logits, labels)
    log = np.log
    assert both[:, 0] == pytest.approx([log(0.7) / 4] * 2, abs=1e-4)  # begins
    assert both[:, 1] == pytest.approx([log(0.4) / 10, (log(0.4) + log(0.5)) / 10], abs=1e-4)  # goes on inside
    assert both[:, 3] == pytest.approx([log(0.5) / 4, 0], abs=1e-4)  # and not after: behind the text nothing goes on
    assert both[:, 8] == pytest.approx([0.4, 0.6])  # length
    assert both[:, 9:].tolist() == [[1, 1, 0, 0, 1], [1, 0, 0, pytest.approx(0.2), 1]]


def test_of_two_that_share_a_word_the_surer_stays() -> None:
    """Weights that prefer the longest run: both mentions become the whole text."""
    encoded, states, _ = make_text(0, [6])
    encoded.begins[:], encoded.ends[:] = True, True
    weights = {name: np.zeros_like(value) for name, value in make_weights(0).items()}
    weights["score_features"][8] = 1
    actor, issue = LABELS.only_in_stances
    found = [(1, 1, actor, 0.4), (3, 4, issue, 0.6)]
    logits = np.zeros((6, len(LABELS.bio_tags)), np.float32)
    assert Boundaries(weights, LABELS)(found, encoded, states, logits) == [(0, 5, issue, 0.6)]
    named = [*found, (5, 5, LABELS.type_names[0], 0.1)]  # a name keeps its words, however unsure
    assert Boundaries(weights, LABELS)(named, encoded, states, logits) == [(0, 4, issue, 0.6), named[2]]


def test_numpy_s_threads_sleep_and_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would wait busily where the engine wants the processors."""

    def threads() -> list[int]:
        """Of what was loaded when the module was: NumPy's library. SciPy brings one of its own, which is not used."""
        return [library["num_threads"] for library in mawaqif.boundaries._BLAS.select(user_api="blas").info()]

    inside = []

    def watched(*arguments: Any) -> Any:
        inside.append(threads())
        return network(*arguments)

    monkeypatch.setattr("mawaqif.boundaries.network", watched)
    encoded, states, logits = make_text(0, [6])
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        Boundaries(make_weights(0), LABELS)([(1, 1, LABELS.only_in_stances[0], 0.4)], encoded, states, logits)
        assert threads() == before
    assert before
    assert inside == [[1] * len(before)]


@pytest.mark.parametrize("change", ["missing", "misshapen", "labels"])
def test_weights_that_do_not_fit(change: str) -> None:
    weights, labels = make_weights(0), LABELS
    if change == "missing":
        del weights["score"]
    if change == "misshapen":
        weights["inner_bias"] = weights["inner_bias"][:, :1]
    if change == "labels":
        labels = LABELS.model_copy(update={"types": LABELS.types[:-1]})
    with pytest.raises(ModelError):
        Boundaries(weights, labels)


def test_without_anything_found() -> None:
    encoded, states, logits = make_text(0, [3])
    assert Boundaries(make_weights(0), LABELS)([], encoded, states, logits) == []
