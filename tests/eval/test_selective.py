"""Precision against coverage, on a few edges."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.article import Stance
from mawaqif.eval import JoinedEdge, risk_coverage
from mawaqif.eval.selective import at_coverage


def edge(score, right, found=True):
    gold = Stance(holder="1", target="2", stance="favor")
    predicted = Stance(holder="1", target="2", stance="favor" if right else "against", score=score)
    return JoinedEdge(gold, predicted if found else None, "PERS", "ORG", ("1", "2"))


def test_by_hand():
    found = risk_coverage([edge(0.5, True), edge(0.9, True), edge(0.7, False), edge(0.5, False), edge(0, True, False)])
    assert [(k.min_score, k.coverage, k.precision, k.recall) for k in found.curve] == [
        (0.9, 0.25, 1, 1 / 5),
        (0.7, 0.5, 1 / 2, 1 / 5),
        (0.5, 1, 1 / 2, 2 / 5),
    ]
    # Risks with 1, 2, 3 and 4 edges kept; the third is one of two equal ones, of which half are right.
    assert found.aurc == pytest.approx((0 + 1 / 2 + (1 - 1.5 / 3) + 1 / 2) / 4)
    assert found.aurc_best == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert found.aurc_random == 1 / 2
    assert at_coverage(found, 0.6).min_score == 0.5
    assert at_coverage(found, 0.5).min_score == 0.7


def test_nothing_predicted():
    found = risk_coverage([edge(0, True, found=False)])
    assert (found.curve, found.aurc, found.aurc_best, found.aurc_random) == ([], None, None, None)
    assert at_coverage(found, 0.5) is None


def test_without_scores_all_are_equally_sure():
    found = risk_coverage([edge(None, True), edge(None, False), edge(None, False)])
    assert [(k.min_score, k.coverage) for k in found.curve] == [(1, 1)]
    assert found.aurc == pytest.approx(found.aurc_random)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.4, 0.8]), st.booleans()), min_size=1, max_size=20), st.randoms())
def test_order_does_not_matter_and_the_bounds_hold(rows, order):
    edges = [edge(*row) for row in rows]
    found = risk_coverage(edges)
    random.Random(order.random()).shuffle(edges)
    assert risk_coverage(edges) == found
    assert found.aurc_best <= found.aurc + 1e-12
    assert found.curve[-1].coverage == 1
    assert found.curve[-1].precision == pytest.approx(1 - found.aurc_random)
