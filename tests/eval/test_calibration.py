"""Reliability counted by hand, and temperatures that are known beforehand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.article import AUTHOR
from mawaqif.errors import InputError
from mawaqif.eval import fit_scaling, reliability
from mawaqif.eval.calibration import gold_classes


def test_reliability_by_hand():
    found = reliability([0.05, 0.95, 0.95, 1.0, 0.3], [False, True, False, True, True], bins=10)
    filled = {round(b.low, 1): (b.count, b.score, b.right) for b in found.bins if b.count}
    assert filled == {
        0.0: (1, pytest.approx(0.05), 0),
        0.3: (1, pytest.approx(0.3), 1),
        0.9: (3, pytest.approx((0.95 + 0.95 + 1) / 3), pytest.approx(2 / 3)),
    }
    assert found.ece == pytest.approx((0.05 + 0.7 + (2.9 - 2)) / 5)
    assert found.brier == pytest.approx((0.05**2 + 0.05**2 + 0.95**2 + 0 + 0.7**2) / 5)
    assert (found.count, len(found.bins), found.bins[0].low, found.bins[-1].high) == (5, 10, 0, 1)


def test_reliability_of_nothing():
    found = reliability([], [])
    assert (found.count, found.ece, found.brier) == (0, None, None)
    assert all(b.count == 0 and b.score is None for b in found.bins)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_bins_share_out_the_predictions(rows):
    found = reliability(*zip(*rows, strict=True))
    assert sum(b.count for b in found.bins) == len(rows)
    assert all(b.low - 1e-9 <= b.score <= b.high + 1e-9 for b in found.bins if b.count)
    assert 0 <= found.ece <= 1


@pytest.mark.parametrize("unsure", [0.0, 0.6])
@pytest.mark.parametrize(("temperature", "bias"), [(0.5, 0.0), (1.0, 0.0), (2.5, 0.0), (2.0, 1.5), (0.7, -1.0)])
def test_the_scaling_that_spoiled_the_scores_is_found(temperature, bias, unsure):
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((20_000, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = (true.cumsum(axis=1) > rng.random((len(true), 1))).argmax(axis=1)
    sure = 1 - unsure * rng.random(len(true))
    classes[rng.random(len(true)) > sure] = 0  # a pair with a wrong end has no stance
    spoiled = np.exp((logits - np.array([bias, 0, 0])) * temperature)
    fit = fit_scaling(spoiled / spoiled.sum(axis=1, keepdims=True), classes, sure)
    assert fit.temperature == pytest.approx(temperature, rel=0.03)
    assert fit.none_bias == pytest.approx(bias, abs=0.06)
    assert fit.after <= fit.before
    assert fit.pairs == 20_000


def test_a_probability_of_0_is_no_infinite_loss():
    fit = fit_scaling(np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.4]]), np.array([0, 1, 0]), np.ones(3))
    assert np.isfinite(fit.before)
    assert np.isfinite(fit.after)


def test_without_pairs_there_is_nothing_to_fit():
    with pytest.raises(InputError, match="no pairs"):
        fit_scaling(np.zeros((0, 3)), np.zeros(0, dtype=int), np.zeros(0))


def test_what_is_true_of_entities_as_found(build):
    text = "انتقدت رند حزب الندى"
    gold = build(text, {"1": ("PERS", "رند"), "2": ("ORG", "حزب الندى")}, [("1", "2", "against")])
    lost = build(text, {}, id="a2")
    found = build(text, {"x": ("ORG", "حزب الندى"), "y": ("PERS", "رند"), "z": ("ISSUE", "انتقدت")})
    pairs = {("y", "x"): [0.2, 0.1, 0.7], ("x", "y"): [0.9, 0.1, 0.0], (AUTHOR, "z"): [0.8, 0.1, 0.1]}
    unsure = found.model_copy(
        update={"mentions": [m.model_copy(update={"score": 0.5 if m.entity == "x" else 0.8}) for m in found.mentions]}
    )
    probabilities, classes, sure = gold_classes([lost, gold], [(unsure, pairs)], ("favor", "against"))
    assert probabilities.tolist() == list(pairs.values())
    assert classes.tolist() == [2, 0, 0]
    assert sure.tolist() == pytest.approx([0.4, 0.4, 0.8])
    assert gold_classes([gold], [], ("favor", "against"))[0].shape == (0, 3)
