"""Edge scores on cases counted by hand."""

import pytest

from mawaqif.article import AUTHOR
from mawaqif.errors import ArticleError, InputError
from mawaqif.eval import join, pair, score_stances

TEXT = "انتقدت رند بشدة حزب الندى وأيدت سمر قانون السقاية كما شكر حزب الندى أهل سمر"
ENTITIES = {"1": ("PERS", "رند"), "2": ("ORG", "حزب الندى"), "3": ("GPE", "سمر"), "4": ("LAW", "قانون السقاية")}
RENAMED = {"w": ENTITIES["4"], "x": ENTITIES["3"], "y": ENTITIES["2"], "z": ENTITIES["1"]}


def scores(gold, predicted):
    return score_stances(pair([gold], [predicted]))


def triple(score):
    return score.right, score.predicted, score.gold


def test_counts_by_hand(build):
    gold = build(
        TEXT,
        ENTITIES,
        [
            ("1", "2", "against", "speech"),  # found
            ("3", "4", "favor", "speech"),  # found with the wrong label
            ("2", "3", "favor", "action"),  # found the wrong way round
            (AUTHOR, "2", "favor", "narration"),  # found
            ("1", "4", "favor"),  # missed, of no voice
        ],
    )
    predicted = build(
        TEXT,
        RENAMED,
        [
            ("z", "y", "against"),
            ("x", "w", "against"),
            ("x", "y", "favor"),
            (AUTHOR, "y", "favor"),
            ("y", "w", "against"),
        ],
    )
    result = scores(gold, predicted)
    assert triple(result.micro) == (2, 5, 5)
    assert result.micro.f1 == pytest.approx(2 / 5)
    assert {label: triple(score) for label, score in result.per_label.items()} == {
        "against": (1, 3, 1),
        "favor": (1, 2, 4),
    }
    assert result.macro.f1 == pytest.approx((2 / 4 + 2 / 6) / 2)
    assert result.counted_macro.value == pytest.approx(result.macro.f1)
    assert triple(result.pairs) == (3, 5, 5)
    assert (result.label_accuracy.hits, result.label_accuracy.of) == (2, 3)
    assert {voice: (share.hits, share.of) for voice, share in result.recall_by_voice.items()} == {
        "speech": (1, 2),
        "action": (0, 1),
        "narration": (1, 1),
    }
    assert {name: triple(score) for name, score in result.by_holder_type.items()} == {
        AUTHOR: (1, 1, 1),
        "GPE": (0, 2, 1),
        "ORG": (0, 1, 1),
        "PERS": (1, 1, 2),
    }
    assert {name: triple(score) for name, score in result.by_target_type.items()} == {
        "GPE": (0, 0, 1),
        "LAW": (0, 2, 2),
        "ORG": (2, 3, 2),
    }
    assert (result.swaps.hits, result.swaps.of) == (1, 3)


@pytest.mark.parametrize(
    ("gold", "predicted", "swapped"),
    [
        ([("1", "2", "against")], [("2", "1", "against")], 1),
        ([("1", "2", "against")], [("2", "1", "favor")], 0),  # another label: no swap
        ([("1", "2", "against"), ("2", "1", "favor")], [("2", "1", "against")], 0),  # the pair is there: label error
        ([("1", "2", "against"), ("2", "1", "against")], [("2", "1", "against")], 0),  # mutual, and right
        ([(AUTHOR, "2", "against")], [("1", "2", "against")], 0),
    ],
)
def test_swaps(build, gold, predicted, swapped):
    result = scores(build(TEXT, ENTITIES, gold), build(TEXT, ENTITIES, predicted))
    assert result.swaps.hits == swapped


def test_an_entity_without_counterpart_makes_wrong_edges_of_its_own_type(build):
    gold = build(TEXT, {"1": ENTITIES["1"], "2": ENTITIES["2"]}, [("1", "2", "against")])
    # The ids of the strangers are those of gold entities, which must not help them.
    predicted = build(TEXT, {"2": ("ISSUE", "بشدة"), "1": ("LAW", "قانون السقاية")}, [("1", "2", "against")])
    result = scores(gold, predicted)
    assert triple(result.micro) == (0, 1, 1)
    assert triple(result.pairs) == (0, 1, 1)
    assert triple(result.by_holder_type["LAW"]) == (0, 1, 0)
    assert triple(result.by_target_type["ISSUE"]) == (0, 1, 0)
    assert len(join(pair([gold], [predicted])[0])) == 2


def test_the_type_of_an_aligned_entity_is_gold_s(build):
    gold = build(TEXT, ENTITIES, [("1", "2", "against")])
    predicted = build(TEXT, {"a": ("ORG", "رند"), "b": ("ORG", "حزب الندى")}, [("a", "b", "against")])
    assert {name: triple(score) for name, score in scores(gold, predicted).by_holder_type.items()} == {
        "PERS": (1, 1, 1)
    }


def test_gold_entities_given_compares_the_labels_alone(build):
    gold = build(TEXT, ENTITIES, [("1", "2", "against"), ("3", "4", "favor"), ("2", "3", "favor")])
    predicted = build(TEXT, ENTITIES, [("1", "2", "against"), ("3", "4", "against"), ("2", "3", "favor")])
    result = scores(gold, predicted)
    assert result.micro.f1 == pytest.approx(2 / 3)
    assert result.macro.f1 == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert result.label_accuracy.value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("evidence", "found", "overlap"),
    [
        ("انتقدت رند بشدة حزب الندى", 1, 1),
        ("رند بشدة حزب", 1, 3 / 5),
        ("بشدة حزب الندى وأيدت سمر", 1, 3 / 7),
        ("وأيدت سمر", 0, 0),
        (None, 0, 0),
    ],
)
def test_evidence(build, evidence, found, overlap):
    gold = build(TEXT, ENTITIES, [("1", "2", "against", "speech", "انتقدت رند بشدة حزب الندى")])
    predicted = build(TEXT, ENTITIES, [("1", "2", "against", "speech", evidence)])
    result = scores(gold, predicted)
    assert result.evidence_found.value == found
    assert result.evidence_iou.value == pytest.approx(overlap)


def test_evidence_counts_only_for_right_edges_that_have_some_in_gold(build):
    gold = build(TEXT, ENTITIES, [("1", "2", "against", None, "رند"), ("3", "4", "favor")])
    predicted = build(TEXT, ENTITIES, [("1", "2", "favor", None, "رند"), ("3", "4", "favor", None, "سمر")])
    result = scores(gold, predicted)
    assert (result.evidence_found.of, result.evidence_found.value, result.evidence_iou.value) == (0, None, None)


def test_a_missing_prediction_misses_every_edge(build):
    gold = [build(TEXT, ENTITIES, [("1", "2", "against")], id=id_) for id_ in ("a1", "a2")]
    result = score_stances(pair(gold, gold[:1]))
    assert triple(result.micro) == (1, 1, 2)
    assert result.counted.rows.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_no_stances_at_all(build):
    result = scores(build(TEXT, ENTITIES), build(TEXT, ENTITIES))
    assert (result.micro.f1, result.macro.f1, result.counted_macro.value, result.per_label) == (0, 0, 0, {})
    assert (result.label_accuracy.value, result.swaps.value) == (None, None)


# -------------------------------------------------------------------------------- what end-to-end tagging does to edges


def test_merged_entities_lose_one_of_their_edges_and_the_edge_between_them(build):
    gold = build(TEXT, ENTITIES, [("1", "4", "favor"), ("3", "4", "against"), ("1", "3", "favor")])
    merged = {"m": ("PERS", "رند", "سمر"), "4": ENTITIES["4"]}
    result = scores(gold, build(TEXT, merged, [("m", "4", "favor")]))
    assert triple(result.micro) == (1, 1, 3)  # the merged entity stands for «رند», whose mention comes first
    assert result.micro.recall == pytest.approx(1 / 3)
    result = scores(gold, build(TEXT, merged, [("m", "4", "against")]))
    assert triple(result.micro) == (0, 1, 3)
    assert triple(result.pairs) == (1, 1, 3)


def test_an_entity_found_twice_makes_duplicate_edges_of_which_one_is_right(build):
    first, last = (TEXT.index("حزب الندى"), TEXT.rindex("حزب الندى"))
    spans = [(start, start + len("حزب الندى")) for start in (first, last)]
    gold = build(TEXT, {"1": ("ORG", *spans), "4": ENTITIES["4"]}, [("1", "4", "against")])
    split = {"a": ("ORG", spans[0]), "b": ("ORG", spans[1]), "4": ENTITIES["4"]}
    result = scores(gold, build(TEXT, split, [("a", "4", "against"), ("b", "4", "against")]))
    assert triple(result.micro) == (1, 2, 1)
    assert (result.micro.precision, result.micro.recall) == (1 / 2, 1)


def test_one_edge_cannot_be_predicted_twice(build):
    with pytest.raises(ArticleError, match="a second stance of '1' toward '2'"):
        build(TEXT, ENTITIES, [("1", "2", "against"), ("1", "2", "favor")])


def test_an_extra_article_is_refused(build):
    articles = [build(TEXT, ENTITIES, [("1", "2", "against")], id=id_) for id_ in ("a1", "a2")]
    with pytest.raises(InputError, match="article 'a2': is predicted but not in gold"):
        score_stances(pair(articles[:1], articles))


def test_empty_gold_and_empty_prediction(build):
    full, empty = build(TEXT, ENTITIES, [("1", "2", "against")]), build(TEXT)
    made_up = scores(empty, full)
    assert triple(made_up.micro) == (0, 1, 0)
    assert (made_up.micro.precision, made_up.micro.recall, made_up.micro.f1) == (0, 0, 0)
    missed = scores(full, empty)
    assert triple(missed.micro) == (0, 0, 1)
    assert (missed.swaps.value, missed.label_accuracy.value, missed.voice_accuracy.value) == (None, None, None)


def test_voices(build):
    gold = build(TEXT, ENTITIES, [("1", "2", "against", "speech"), ("3", "4", "favor", "action"), ("2", "3", "favor")])
    predicted = build(
        TEXT, ENTITIES, [("1", "2", "against", "speech"), ("3", "4", "favor", "speech"), ("2", "3", "favor", "speech")]
    )
    result = scores(gold, predicted)
    assert {voice: triple(score) for voice, score in result.by_voice.items()} == {
        "action": (0, 0, 1),
        "speech": (1, 3, 1),
    }
    assert (result.voice_accuracy.hits, result.voice_accuracy.of) == (1, 2)  # gold names no voice for the third
