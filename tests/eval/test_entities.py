"""B³ and the alignment of entities on cases counted by hand."""

import pytest

from mawaqif.article import AUTHOR, Article
from mawaqif.eval import align, carry, pair, score_entities

TEXT = "الف باء تاء ثاء جيم حاء خاء دال"
A, B, C, D, E, F, G, H = TEXT.split()


def scores(gold, predicted):
    return score_entities(pair([gold], [predicted]))


def test_b3_of_bagga_and_baldwin(build):
    # Their example: {1 2 3 4 5} {6 7} {8 9 A B C}, here in small: the answer merges two of three clusters.
    gold = build(TEXT, {"1": ("PERS", A, B, C), "2": ("PERS", D), "3": ("PERS", E, F)})
    predicted = build(TEXT, {"x": ("PERS", A, B, C, D), "y": ("PERS", E, F)})
    b3 = scores(gold, predicted).b3
    precision = (3 * 3 / 4 + 1 / 4 + 2) / 6
    assert (b3.precision, b3.recall) == pytest.approx((precision, 1))
    assert b3.f1 == pytest.approx(2 * precision / (precision + 1))
    assert (b3.predicted, b3.gold) == (6, 6)


def test_b3_of_a_mention_without_twin(build):
    # Gold {A B C}, predicted {A B D}: A and B share 2 of 3 on either side, C is missed, D is made up.
    gold = build(TEXT, {"1": ("PERS", A, B, C)})
    predicted = build(TEXT, {"x": ("PERS", A, B, D)})
    result = scores(gold, predicted)
    assert (result.b3.precision, result.b3.recall) == pytest.approx((4 / 9, 4 / 9))
    assert (result.b3_shared.precision, result.b3_shared.recall, result.b3_shared.f1) == (1, 1, 1)
    assert (result.b3_shared.predicted, result.b3_shared.gold) == (2, 2)


def test_b3_looks_at_spans_and_not_at_types_or_ids(build):
    gold = build(TEXT, {"1": ("PERS", A, B), "2": ("ORG", C)})
    predicted = build(TEXT, {"2": ("GPE", A, B), "1": ("GPE", C)})
    assert scores(gold, predicted).b3.f1 == 1


def test_a_mention_without_entity_is_a_cluster_of_its_own(build):
    mentions = [{"start": TEXT.index(word), "end": TEXT.index(word) + 3, "type": "PERS"} for word in (A, B)]
    unlinked = Article.from_dict({"id": "a1", "text": TEXT, "mentions": mentions})
    b3 = scores(build(TEXT, {"1": ("PERS", A, B)}), unlinked).b3
    assert (b3.precision, b3.recall) == (1, 1 / 2)


def test_b3_adds_up_over_articles_and_of_nothing_is_zero(build):
    gold = [build(TEXT, {"1": ("PERS", A, B)}, id="a1"), build(TEXT, {"1": ("PERS", A, B)}, id="a2")]
    b3 = score_entities(pair(gold, gold[:1])).b3
    assert (b3.precision, b3.recall, b3.f1) == pytest.approx((1, 1 / 2, 2 / 3))
    nothing = scores(build(TEXT), build(TEXT))
    assert (nothing.b3.f1, nothing.b3_shared.f1, nothing.counted.value) == (0, 0, 0)


def test_alignment_shares_the_most_spans(build):
    # Greedy would give x (2 shared with 1) first and leave y with nothing: 2 in all; x to 2 and y to 1 share 1 + 2.
    gold = build(TEXT, {"1": ("PERS", A, B, C, D), "2": ("PERS", E)})
    predicted = build(TEXT, {"x": ("PERS", A, B, E), "y": ("PERS", C, D)})
    assert align(gold, predicted) == {"x": "2", "y": "1", AUTHOR: AUTHOR}


def test_alignment_is_one_to_one_and_never_of_strangers(build):
    gold = build(TEXT, {"1": ("PERS", A, B), "2": ("PERS", H)})
    predicted = build(TEXT, {"x": ("PERS", A), "y": ("PERS", B), "z": ("PERS", C)})
    assert align(gold, predicted) == {"x": "1", AUTHOR: AUTHOR}  # a tie, which the earlier span decides


@pytest.mark.parametrize(
    ("span", "aligned"),
    [(f"{A} {B} {C}", True), (f"{B} {C}", True), (B, True), (C, False), (f"{B} {C} {D}", False), (TEXT, False)],
)
def test_near_spans_align_from_half_of_the_words_on(build, span, aligned):
    gold = (
        build(TEXT, {"1": ("ISSUE", f"{A} {B}")})
        if span != f"{B} {C}"
        else build(TEXT, {"1": ("ISSUE", f"{A} {B} {C}")})
    )
    predicted = build(TEXT, {"x": ("ISSUE", span)})
    assert ("x" in align(gold, predicted)) is aligned


def test_near_spans_never_outvote_an_equal_one(build):
    text = "الف باء تاء ثاء الف باء تاء الف باء تاء جيم"
    starts = [i for i in range(len(text)) if text.startswith("الف باء", i)]
    near = [(start, start + len("الف باء")) for start in starts]
    wide = [(start, start + len("الف باء تاء")) for start in starts]
    gold = build(text, {"1": ("ISSUE", *near, "جيم")})
    predicted = build(text, {"x": ("ISSUE", *wide), "y": ("ISSUE", "جيم")})
    assert align(gold, predicted) == {"y": "1", AUTHOR: AUTHOR}


def test_what_is_left_over_on_both_sides_aligns_by_near_spans(build):
    gold = build(TEXT, {"1": ("PERS", A), "2": ("ISSUE", f"{C} {D}")})
    predicted = build(TEXT, {"2": ("PERS", A), "1": ("ISSUE", f"{C} {D} {E}")})
    assert align(gold, predicted) == {"2": "1", "1": "2", AUTHOR: AUTHOR}


def test_the_same_entities_align_to_themselves_also_without_mentions(build):
    gold = build(TEXT, {"1": ("PERS", A), "2": ("ISSUE",)})
    assert align(gold, gold) == {"1": "1", "2": "2", AUTHOR: AUTHOR}
    assert align(gold, build(TEXT, {"1": ("PERS", B), "2": ("ISSUE",)})) == {AUTHOR: AUTHOR}


def test_only_author_aligns_where_nothing_is_predicted(build):
    assert align(build(TEXT, {"1": ("PERS", A)}), build(TEXT)) == {AUTHOR: AUTHOR}


def test_stances_are_carried_onto_predicted_entities(build):
    gold = build(
        TEXT,
        {"1": ("PERS", A), "2": ("PERS", B), "3": ("ORG", C)},
        [("1", "2", "against", "speech", A), ("2", "3", "favor"), (AUTHOR, "2", "favor")],
    )
    predicted = build(TEXT, {"x": ("ORG", B), "y": ("PERS", A), "z": ("PERS", H)}, [("z", "x", "favor")])
    carried = carry(gold, predicted)
    assert (carried.mentions, carried.entities) == (predicted.mentions, predicted.entities)
    assert [(s.holder, s.target, s.stance) for s in carried.stances] == [("y", "x", "against"), (AUTHOR, "x", "favor")]
    assert carried.stances[0].evidence == gold.stances[0].evidence
    assert carry(gold, gold) == gold
