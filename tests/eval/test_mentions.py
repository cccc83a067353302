"""Mention scores on cases counted by hand."""

import pytest

from mawaqif.eval import pair, score_mentions

TEXT = "زارت رند الهاشمي بلدة سمر وقالت إن حزب الندى يرفض قانون السقاية"
NONE = ()


def test_counts_by_hand(build):
    gold = build(
        TEXT,
        {
            "e1": ("PERS", "رند الهاشمي"),
            "e2": ("GPE", "سمر"),
            "e3": ("ORG", "حزب الندى"),
            "e4": ("LAW", "قانون السقاية"),
        },
    )
    predicted = build(
        TEXT,
        {
            "x": ("PERS", "رند"),  # too short: wrong
            "y": ("GPE", "سمر"),  # right
            "z": ("GPE", "حزب الندى"),  # wrong type
        },
    )
    scores = score_mentions(pair([gold], [predicted]), only_in_stances=NONE)
    micro = scores.micro
    assert (micro.right, micro.predicted, micro.gold) == (1, 3, 4)
    assert (micro.precision, micro.recall, micro.f1) == pytest.approx((1 / 3, 1 / 4, 2 / 7))
    gpe = scores.per_type["GPE"]
    assert (gpe.precision, gpe.recall, gpe.f1) == pytest.approx((1 / 2, 1, 2 / 3))
    assert [scores.per_type[name].f1 for name in ("LAW", "ORG", "PERS")] == [0, 0, 0]
    assert (scores.macro.precision, scores.macro.recall, scores.macro.f1) == pytest.approx((1 / 8, 1 / 4, 1 / 6))


def test_named_leaves_out_the_types_that_exist_only_for_stances(build):
    gold = build(TEXT, {"e1": ("GPE", "سمر"), "e2": ("TOPIC", "السقاية")})
    predicted = build(TEXT, {"e1": ("GPE", "سمر"), "e2": ("TOPIC", "قانون السقاية")})
    scores = score_mentions(pair([gold], [predicted]), only_in_stances=["TOPIC"])
    assert scores.named.f1 == 1
    assert (scores.named.predicted, scores.named.gold) == (1, 1)
    assert scores.micro.f1 == pytest.approx(1 / 2)


@pytest.mark.parametrize("cut", [(1, 0), (0, -1), (-1, 0), (0, 1), (2, -2)])
def test_a_span_that_does_not_end_where_words_end_is_wrong(build, cut):
    start = TEXT.index("حزب الندى")
    gold = build(TEXT, {"e1": ("ORG", "حزب الندى")})
    predicted = build(TEXT, {"e1": ("ORG", (start + cut[0], start + len("حزب الندى") + cut[1]))})
    micro = score_mentions(pair([gold], [predicted]), only_in_stances=NONE).micro
    assert (micro.right, micro.predicted, micro.gold, micro.f1) == (0, 1, 1, 0)


def test_two_cuts_of_one_word_count_twice(build):
    start = TEXT.index("الهاشمي")
    gold = build(TEXT, {"e1": ("PERS", "الهاشمي")})
    predicted = build(TEXT, {"e1": ("PERS", (start, start + 2), (start + 2, start + 7))})
    micro = score_mentions(pair([gold], [predicted]), only_in_stances=NONE).micro
    assert (micro.right, micro.predicted, micro.gold, micro.precision) == (0, 2, 1, 0)


def test_neighbours_of_one_type_stay_two_mentions(build):
    gold = build("رند سمر", {"e1": ("PERS", "رند"), "e2": ("PERS", "سمر")})
    joined = build("رند سمر", {"e1": ("PERS", "رند سمر")})
    assert score_mentions(pair([gold], [gold]), only_in_stances=NONE).micro.right == 2
    assert score_mentions(pair([gold], [joined]), only_in_stances=NONE).micro.right == 0


def test_a_proclitic_inside_the_span_is_part_of_the_word(build):
    text = "شكرت ولسمر ورند"
    gold = build(text, {"e1": ("GPE", "ولسمر")})
    without = build(text, {"e1": ("GPE", "سمر")})
    assert score_mentions(pair([gold], [without]), only_in_stances=NONE).micro.f1 == 0


def test_nothing_predicted_and_nothing_at_all(build):
    gold = build(TEXT, {"e1": ("GPE", "سمر")})
    missed = score_mentions(pair([gold], []), only_in_stances=NONE)
    assert (missed.micro.recall, missed.micro.predicted, missed.micro.gold) == (0, 0, 1)
    empty = score_mentions(pair([build(TEXT)], [build(TEXT)]), only_in_stances=NONE)
    assert (empty.micro.f1, empty.macro.f1, empty.named.f1, empty.per_type) == (0, 0, 0, {})
