"""Scores of counts and their intervals."""

import time

import numpy as np
import pytest

from mawaqif.errors import InputError
from mawaqif.eval.bootstrap import Counted, bootstrap, f1, macro_f1, prf, rate


def test_prf_and_rate():
    score = prf(3, 4, 6)
    assert (score.precision, score.recall, score.f1) == pytest.approx((3 / 4, 1 / 2, 3 / 5))
    assert prf(0, 0, 0).f1 == 0
    assert rate(1, 4).value == 1 / 4
    assert rate(0, 0).value is None


def test_f1_of_many_counts_at_once():
    counts = np.array([[1, 1, 1], [1, 2, 2], [0, 3, 0], [0, 0, 0]], dtype=float)
    assert f1(counts).tolist() == [1, 1 / 2, 0, 0]


def test_macro_f1_takes_the_labels_that_occur():
    counts = np.array([[1, 1, 1, 0, 1, 0], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=float)
    assert macro_f1(counts).tolist() == [1 / 2, 1, 0]
    assert macro_f1(np.zeros((2, 0))).tolist() == [0, 0]


def test_the_interval_holds_the_score_and_is_the_same_for_the_same_seed():
    rng = np.random.default_rng(5)
    gold = rng.integers(1, 20, size=60)
    rows = np.stack([rng.binomial(gold, 0.7), gold, gold], axis=1).astype(float)
    interval = bootstrap(Counted(rows, f1), seed=1)
    assert interval.low < interval.value < interval.high
    assert interval.value == pytest.approx(rows[:, 0].sum() / gold.sum())
    assert interval == bootstrap(Counted(rows, f1), seed=1)
    assert interval != bootstrap(Counted(rows, f1), seed=2)


def test_the_width_is_that_of_theory():
    # Half of 400 articles are right: the share has standard error 0.025, so 95 % lie within 0.049 on either side.
    rows = np.array([[i % 2, 1, 1] for i in range(400)], dtype=float)
    interval = bootstrap(Counted(rows, f1), resamples=4000)
    assert (interval.low, interval.high) == pytest.approx((0.451, 0.549), abs=0.006)


def test_one_article_and_a_perfect_score_have_no_width():
    rows = np.array([[2, 3, 4]], dtype=float)
    interval = bootstrap(Counted(rows, f1))
    assert interval.low == interval.value == interval.high
    perfect = bootstrap(Counted(np.full((10, 3), 5.0), f1))
    assert (perfect.low, perfect.value, perfect.high) == (1, 1, 1)


def test_no_articles_are_refused():
    with pytest.raises(InputError, match="no articles"):
        bootstrap(Counted(np.zeros((0, 3)), f1))


def test_a_thousand_resamples_are_quick():
    rows = np.ones((1000, 30))
    start = time.process_time()
    bootstrap(Counted(rows, macro_f1))
    assert time.process_time() - start < 2
