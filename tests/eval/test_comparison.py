"""Differences between two predictions: exact p-values on few articles, and what must hold for any."""

import json
from io import StringIO
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mawaqif.errors import InputError
from mawaqif.eval import compare, evaluate
from mawaqif.eval.bootstrap import Counted, f1
from mawaqif.eval.comparison import difference, render_comparison
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
TEXT = "انتقدت رند حزب الندى وأيدت سمر قانون السقاية"
ENTITIES = {
    "1": ("PERS", "رند"),
    "2": ("ORG", "حزب الندى"),
    "3": ("GPE", "سمر"),
    "4": ("LAW", "قانون السقاية"),
}
RIGHT, WRONG = [("1", "2", "against")], [("1", "2", "favor")]


def articles(build, *stances):
    return [build(TEXT, ENTITIES, list(own), id=f"a{n}") for n, own in enumerate(stances)]


def exact_p(a, b):
    """The same test over all 2^n swaps."""
    observed = abs(f1(b.sum(axis=0)) - f1(a.sum(axis=0)))
    as_great = [
        abs(f1(np.where(swap, a, b).sum(axis=0)) - f1(np.where(swap, b, a).sum(axis=0))) >= observed - 1e-12
        for swap in (np.array(mask)[:, None] for mask in product((False, True), repeat=len(a)))
    ]
    return sum(as_great) / len(as_great)


@pytest.mark.parametrize("seed", range(3))
def test_p_is_near_that_of_all_swaps(seed):
    rng = np.random.default_rng(seed)
    gold, predicted = rng.integers(1, 6, 8), rng.integers(1, 6, (2, 8))
    sides = [
        np.stack([rng.integers(0, np.minimum(gold, side) + 1), side, gold], axis=1).astype(float) for side in predicted
    ]
    found = difference(*(Counted(side, f1) for side in sides), shuffles=20_000)
    assert found.p == pytest.approx(exact_p(*sides), abs=0.015)
    assert found.difference == pytest.approx(found.b - found.a)
    assert found.low <= found.difference <= found.high


rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


def counted(values):
    """Right, predicted and gold of each article, from right, wrong and missed."""
    return Counted(np.array([(r, r + w, r + m) for r, w, m in values], dtype=float), f1)


@given(rows)
def test_a_prediction_does_not_differ_from_itself(values):
    found = difference(counted(values), counted(values), shuffles=50, resamples=50)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


@given(rows, rows)
def test_swapping_a_and_b_turns_the_sign(first, second):
    a, b = (counted(side[: min(len(first), len(second))]) for side in (first, second))
    forth, back = (difference(*sides, shuffles=50, resamples=50) for sides in ((a, b), (b, a)))
    assert (back.difference, back.low, back.high) == pytest.approx((-forth.difference, -forth.high, -forth.low))
    assert back.p == forth.p
    assert 1 / 51 <= forth.p <= 1


def test_a_clear_difference_is_significant_and_a_chance_one_is_not(build):
    gold = articles(build, *[RIGHT] * 20)
    bad, good = articles(build, *[WRONG] * 20), articles(build, *[WRONG] * 4, *[RIGHT] * 16)
    clear = compare(gold, bad, good, labels=LABELS).scores["stances_micro_f1"]
    assert (clear.a, clear.b) == (0, pytest.approx(0.8))
    assert clear.p < 0.001
    assert clear.low > 0.5
    one_better = articles(build, RIGHT, *[WRONG] * 19)
    assert compare(gold, bad, one_better, labels=LABELS).scores["stances_micro_f1"].p > 0.3


def test_the_scores_are_those_of_the_reports_and_one_label_may_be_missing_on_one_side(build):
    gold = articles(build, RIGHT, [("3", "4", "favor")])
    a, b = articles(build, RIGHT, []), articles(build, RIGHT, [("3", "4", "favor")])[1:]
    found = compare(gold, a, b, labels=LABELS, given_gold=(a, gold), shuffles=100)
    for name, own in (
        ("a", evaluate(gold, a, labels=LABELS, predicted_given_gold=a)),
        ("b", evaluate(gold, b, labels=LABELS, predicted_given_gold=gold)),
    ):
        assert {key: getattr(row, name) for key, row in found.scores.items()} == {
            key: interval.value for key, interval in own.headline.items()
        }


def test_slices_and_the_articles_that_changed_most(build):
    gold = articles(build, RIGHT, RIGHT, RIGHT)
    a, b = articles(build, RIGHT, WRONG, []), articles(build, WRONG, RIGHT, [])
    found = compare(gold, a, b[:2], labels=LABELS, train=gold[:1], shuffles=100)
    assert [(c.id, c.mentions, c.stances, c.change) for c in found.changed] == [
        ("a2", (0, 4), (1, 1), 4),  # not predicted by B
        ("a0", (0, 0), (0, 2), 2),
        ("a1", (0, 0), (2, 0), -2),
    ]
    parts = {(part.by, part.name): part for part in found.slices}
    assert parts["length", "up to 150 words"].stances == pytest.approx((2 / 5, 2 / 5))
    assert parts["pair of the edge", "seen in train"].mentions is None
    assert [c.id for c in compare(gold, a, b, labels=LABELS, shuffles=9, most=1).changed] == ["a0"]


def test_as_json_and_in_the_terminal(build):
    gold = articles(build, RIGHT, RIGHT)
    found = compare(gold, gold, articles(build, RIGHT, WRONG), labels=LABELS, shuffles=100)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["changed"][0]["change"] == 2
    assert plain["scores"]["stances_micro_f1"]["difference"] == pytest.approx(-0.5)
    console = Console(record=True, width=120, file=StringIO())
    console.print(render_comparison(found))
    text = console.export_text()
    assert all(words in text for words in ("2 gold articles", "-0.500", "stances_micro_f1", "a1", "up to 150 words"))


def test_unknown_labels_on_one_side_cannot_be_compared(build):
    gold = articles(build, RIGHT)
    odd = articles(build, [("1", "2", "ambivalent")])
    with pytest.raises(InputError, match="label set does not know"):
        compare(gold, gold, odd, labels=LABELS)
