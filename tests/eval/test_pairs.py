"""Pairing of gold and predicted articles, and the arithmetic of words."""

import pytest

from mawaqif.errors import InputError
from mawaqif.eval.pairs import iou, letter_words, pair, touched

TEXT = "رحبت بلدة رند بقرار مجلس سمر."


def test_pairs_come_in_the_order_of_ids_and_a_missing_prediction_is_empty(build):
    gold = [build(TEXT, {"e1": ("GPE", "رند")}, id=id_) for id_ in "cab"]
    pairs = pair(gold, [gold[0], gold[1]])
    assert [each.gold.id for each in pairs] == ["a", "b", "c"]
    assert [each.found for each in pairs] == [True, False, True]
    assert pairs[1].predicted.text == TEXT
    assert pairs[1].predicted.mentions == []


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        (["a"], ["a", "b"], "article 'b'.*not in gold"),
        (["a", "a"], [], "article 'a'.*twice among the gold"),
        (["a"], ["a", "a"], "article 'a'.*twice among the predicted"),
        ([], [], "no gold articles"),
    ],
)
def test_ids_that_do_not_pair_are_refused(build, gold, predicted, message):
    with pytest.raises(InputError, match=message):
        pair([build(TEXT, id=id_) for id_ in gold], [build(TEXT, id=id_) for id_ in predicted])


@pytest.mark.parametrize(("text", "position"), [("رحبت مدينة رند", 5), ("رحبت", 4), (TEXT + " اليوم", len(TEXT))])
def test_other_text_is_refused_with_the_first_difference(build, text, position):
    with pytest.raises(InputError, match=f"article 'a1', text: .*position {position} "):
        pair([build(TEXT)], [build(text)])


def test_overlapping_mentions_are_refused_on_either_side(build):
    flat = build(TEXT, {"e1": ("ORG", "مجلس سمر")})
    nested = build(TEXT, {"e1": ("ORG", "مجلس سمر"), "e2": ("PERS", "سمر")})
    with pytest.raises(InputError, match=r"article 'a1', mentions: the predicted mentions .* overlap"):
        pair([flat], [nested])
    with pytest.raises(InputError, match=r"the gold mentions .* overlap"):
        pair([nested], [flat])


def test_punctuation_is_no_letter_word():
    text = "قالت «رند»: 3.5%"
    assert [text[start:end] for start, end in letter_words(text)] == ["قالت", "رند", "3.5"]


@pytest.mark.parametrize(
    ("span", "expected"),
    [((0, 4), [0]), ((2, 6), [0, 1]), ((4, 5), []), ((0, 13), [0, 1, 2]), ((12, 13), [2]), ((13, 14), [])],
)
def test_touched_words(span, expected):
    assert list(touched(letter_words("رحبت بلدة رند "), span)) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (range(0, 4), range(2, 6), 1 / 3),
        (range(0, 2), range(0, 4), 1 / 2),
        (range(0, 2), range(2, 4), 0),
        (range(1, 3), range(1, 3), 1),
        (range(0), range(0), 0),
        (range(0), range(0, 2), 0),
    ],
)
def test_iou(a, b, expected):
    assert iou(a, b) == iou(b, a) == pytest.approx(expected)
