"""Overlap-weighted tuples counted by hand, after the definition of RuOpinionNE-2024."""

import pytest

from mawaqif.article import AUTHOR
from mawaqif.eval import pair, score_tuples

TEXT = "انتقدت رند الهاشمي بشدة حزب الندى وأيدت سمر قانون السقاية كما شكرت رند أهل سمر"
ENTITIES = {
    "1": ("PERS", "رند الهاشمي"),
    "2": ("ORG", "حزب الندى"),
    "3": ("GPE", "سمر"),
    "4": ("LAW", "قانون السقاية"),
}
GOLD = ("1", "2", "against", "speech", "انتقدت رند الهاشمي بشدة حزب الندى")


def weighted(build, gold, predicted, entities=ENTITIES, found=ENTITIES):
    scores = score_tuples(pair([build(TEXT, entities, gold)], [build(TEXT, found, predicted)]))
    assert scores.counted.value == scores.weighted.f1
    return scores.weighted


@pytest.mark.parametrize(
    ("predicted", "precision", "recall"),
    [
        ([GOLD], 1, 1),
        # Evidence of two words, both of them in gold's six: 1 of its own, 2/6 of gold's.
        ([("1", "2", "against", "speech", "بشدة حزب")], 1, (1 + 1 + 2 / 6) / 3),
        # Two of four words are gold's.
        ([("1", "2", "against", "speech", "حزب الندى وأيدت سمر")], (1 + 1 + 2 / 4) / 3, (1 + 1 + 2 / 6) / 3),
        ([("1", "2", "favor", "speech", GOLD[4])], 0, 0),  # polarity counts
        ([("2", "1", "against", "speech", GOLD[4])], 0, 0),  # so does direction
        ([("1", "2", "against", "speech", "وأيدت سمر")], 0, 0),  # evidence elsewhere
        ([("1", "2", "against")], 0, 0),  # no evidence
        ([GOLD, ("3", "4", "favor", "speech", "وأيدت سمر قانون السقاية")], 1 / 2, 1),
        ([], 0, 0),
    ],
)
def test_one_gold_tuple(build, predicted, precision, recall):
    score = weighted(build, [GOLD], predicted)
    assert (score.precision, score.recall) == pytest.approx((precision, recall))
    assert (score.predicted, score.gold) == (len(predicted), 1)


def test_a_name_cut_short_weighs_less(build):
    found = ENTITIES | {"1": ("PERS", "الهاشمي"), "2": ("ORG", "الندى")}
    score = weighted(build, [GOLD], [GOLD], found=found)
    assert score.precision == pytest.approx(1)
    assert score.recall == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)


def test_author_matches_only_author(build):
    gold = [(AUTHOR, "2", "against", "narration", "بشدة حزب الندى")]
    assert weighted(build, gold, gold).f1 == 1
    assert weighted(build, gold, [("1", *gold[0][1:])]).f1 == 0
    assert weighted(build, [("1", *gold[0][1:])], gold).f1 == 0


def test_the_best_of_several_matches_counts_and_one_tuple_may_serve_twice(build):
    twice = ENTITIES | {"1": ("PERS", "رند"), "5": ("PERS", "الهاشمي")}
    predicted = [GOLD, ("5", *GOLD[1:])]  # one holder found as two: both touch gold's
    score = weighted(build, [GOLD], predicted, found=twice)
    assert score.precision == pytest.approx(1)
    assert score.recall == pytest.approx((1 / 2 + 1 + 1) / 3)


def test_the_mention_nearest_to_the_evidence_speaks_for_the_entity(build):
    last = (TEXT.rindex("رند"), TEXT.rindex("رند") + 3)
    entities = ENTITIES | {"1": ("PERS", "رند الهاشمي", last)}
    thanks = [("1", "3", "favor", "speech", "شكرت رند أهل")]
    score = weighted(build, thanks, thanks, entities=entities, found=ENTITIES)  # the prediction lacks that mention
    assert score.f1 == 0
    assert weighted(build, thanks, thanks, entities=entities, found=entities).f1 == 1


def test_missing_articles_and_none_at_all(build):
    gold = [build(TEXT, ENTITIES, [GOLD], id=id_) for id_ in ("a1", "a2")]
    scores = score_tuples(pair(gold, gold[:1]))
    assert (scores.weighted.precision, scores.weighted.recall) == (1, 1 / 2)
    assert scores.counted.rows.tolist() == [[1, 1, 1, 1], [0, 0, 0, 1]]
    assert weighted(build, [], []).f1 == 0
