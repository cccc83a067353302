"""Agreement of two annotators, with alphas that are known."""

import pytest

from mawaqif.article import AUTHOR
from mawaqif.eval.agreement import agreement, alpha
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
TEXT = "رند سمر ندى"
ENTITIES = {"1": ("PERS", "رند"), "2": ("GPE", "سمر"), "3": ("ORG", "ندى")}


def test_alpha_by_hand():
    """Krippendorff's formula on a coincidence matrix: 1 − (n − 1) · disagreements / Σ n_c · n_k."""
    units = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b"), ("c", "c"), ("c", "a")]
    n = 12
    counts = {"a": 4, "b": 5, "c": 3}
    disagree = 4  # both orders of two units
    expected = sum(counts[x] * counts[y] for x in counts for y in counts if x != y)
    assert alpha(units).value == pytest.approx(1 - (n - 1) * disagree / expected)
    assert alpha([("a", "a"), ("b", "b")]).value == 1


@pytest.mark.parametrize("units", [[], [("a", "a")] * 3])
def test_with_one_label_there_is_nothing_to_agree_on(units):
    assert (alpha(units).value, alpha(units).units) == (None, len(units))


def test_words_and_pairs(build):
    first = build(TEXT, ENTITIES, [("1", "2", "favor"), ("2", "3", "against")])
    second = build(
        TEXT,
        {"a": ("PERS", "رند"), "b": ("GPE", "سمر"), "c": ("LOC", "ندى")},
        [("a", "b", "favor"), (AUTHOR, "c", "favor")],
    )
    found = agreement([first, build(TEXT, id="alone")], [second], labels=LABELS)
    assert found.report.articles == 1
    assert found.words == alpha([("PERS", "PERS"), ("GPE", "GPE"), ("ORG", "LOC")])
    none = [("none", "none")] * 6
    assert found.pairs.value == pytest.approx(
        alpha([("favor", "favor"), ("against", "none"), ("none", "favor"), *none]).value
    )
    assert found.pairs.units == 9  # six ordered pairs, three of the author
    assert found.labels == alpha([("favor", "favor")])


def test_a_stance_of_an_entity_that_only_one_has_is_a_disagreement(build):
    first = build(TEXT, ENTITIES, [("1", "3", "favor")])
    second = build(TEXT, {"1": ENTITIES["1"]})
    found = agreement([first], [second], labels=LABELS)
    assert found.pairs == alpha([("favor", "none"), ("none", "none")])


def test_an_annotation_agrees_with_itself(annotated):
    found = agreement(annotated, annotated, labels=LABELS)
    assert (found.words.value, found.pairs.value, found.labels.value) == (1, 1, 1)
    assert found.to_dict()["report"]["headline"]["stances_micro_f1"]["value"] == 1
