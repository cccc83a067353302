"""The published examples of nervaluate and seqeval through this harness, and how mentions are matched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from mawaqif.article import Article
from mawaqif.eval import join, pair, score_mentions
from mawaqif.eval.matching import match_mentions, score_matches, stance_confusion, type_confusion


def article(tags, id="a1"):
    """An article of tokens with IOB2 tags; a word that continues nothing is outside, as in strict IOB2."""
    text = " ".join("كلمة" for _ in tags)
    mentions = []
    before = "O"
    for n, tag in enumerate(tags):
        if tag.startswith("B-"):
            mentions.append({"start": 5 * n, "end": 5 * n + 4, "type": tag[2:]})
        elif tag.startswith("I-") and before[1:] == tag[1:] and mentions and mentions[-1]["end"] == 5 * n - 1:
            mentions[-1]["end"] = 5 * n + 4
        before = tag
    return Article.from_dict({"id": id, "text": text, "mentions": mentions})


# The scenarios of nervaluate (README and the post that it summarises): missed, made up, boundary, type, right, right,
# boundary and type; then the table of results published there.
GOLD = ["B-BRAND", "O", "O", "O", "O", "B-DRUG", "O", "B-DRUG", "O", "B-DRUG", "O", "B-DRUG", "O", "O", "B-GROUP"]
PREDICTED = [*("O", "O", "B-BRAND", "O", "B-DRUG", "I-DRUG", "O", "B-BRAND", "O", "B-DRUG"), "O", "B-DRUG", "O"]
PREDICTED += ["B-DRUG", "I-DRUG"]
PUBLISHED = {  # correct, incorrect, partial, missed, spurious; precision = recall = F1
    "type": ((3, 2, 0, 1, 1), 0.5),
    "partial": ((3, 0, 2, 1, 1), 2 / 3),
    "exact": ((3, 2, 0, 1, 1), 0.5),
    "strict": ((2, 3, 0, 1, 1), 1 / 3),
}


@pytest.mark.parametrize("scheme", PUBLISHED)
def test_the_published_table_of_nervaluate(scheme):
    (both,) = pair([article(GOLD)], [article(PREDICTED)])
    score = score_matches([match_mentions(both)])[scheme]
    counts, value = PUBLISHED[scheme]
    assert (score.correct, score.incorrect, score.partial, score.missed, score.spurious) == counts
    assert score.scores == pytest.approx((value, value, value))


def test_the_published_example_of_nervaluate_with_nested_lists():
    rows = [["O", "O", "B-PER", "I-PER", "O"], ["O", "B-LOC", "I-LOC", "B-LOC", "I-LOC", "O"]]
    articles = [article(row, id=f"a{n}") for n, row in enumerate(rows)]
    found = score_matches(match_mentions(each) for each in pair(articles, articles))
    assert {(s.correct, s.incorrect, s.partial, s.missed, s.spurious, *s.scores) for s in found.values()} == {
        (3, 0, 0, 0, 0, 1, 1, 1)
    }


def seqeval_sides(gold, predicted):
    return [[article(row, id=f"a{n}") for n, row in enumerate(rows)] for rows in (gold, predicted)]


def test_the_published_examples_of_seqeval():
    gold = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    predicted = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    scores = score_mentions(pair(*seqeval_sides(gold, predicted)), only_in_stances=())
    assert (scores.micro.f1, scores.macro.f1) == (0.5, 0.5)
    assert (scores.per_type["MISC"].f1, scores.per_type["PER"].f1) == (0, 1)
    strict = score_mentions(pair(*seqeval_sides([["B-NP", "I-NP", "O"]], [["I-NP", "I-NP", "O"]])), only_in_stances=())
    assert (strict.micro.precision, strict.micro.recall, strict.micro.f1) == (0, 0, 0)


tags = st.lists(st.sampled_from(["O", "O", "B-PER", "I-PER", "B-ORG", "I-ORG"]), min_size=6, max_size=6)


@given(st.lists(st.tuples(tags, tags), min_size=1, max_size=3))
def test_any_tags_score_as_in_seqeval_strict(rows):
    gold, predicted = (list(side) for side in zip(*rows, strict=True))
    if not any(tag.startswith("B-") for row in [*gold, *predicted] for tag in row):
        return
    expected = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    scores = score_mentions(pair(*seqeval_sides(gold, predicted)), only_in_stances=())
    found = {"micro avg": scores.micro, "macro avg": scores.macro, **scores.per_type}
    for name, row in expected.items():
        if name != "weighted avg":
            score = found[name]
            assert (score.precision, score.recall, score.f1) == pytest.approx(
                (row["precision"], row["recall"], row["f1-score"])
            )


@given(tags, tags)
def test_every_mention_is_matched_once(gold, predicted):
    (both,) = pair([article(gold)], [article(predicted)])
    matches = match_mentions(both)
    assert [m for m, _ in matches if m] == both.gold.mentions
    assert sorted((m.start for _, m in matches if m)) == [m.start for m in both.predicted.mentions]
    assert all(a.start < b.end and b.start < a.end for a, b in matches if a and b)
    strict = score_matches([matches])["strict"]
    assert strict.scores[2] == pytest.approx(score_mentions([both], only_in_stances=()).micro.f1)


def test_confusions(build):
    text, entities = "رند ثم سمر ثم ندى", {"1": ("PERS", "رند"), "2": ("GPE", "سمر")}
    gold = build(text, entities, [("1", "2", "favor")])
    predicted = build(text, {"1": ("ORG", "رند"), "3": ("GPE", "ندى")}, [("3", "1", "against")])
    (both,) = pair([gold], [predicted])
    assert type_confusion([match_mentions(both)]) == {
        "GPE": {"GPE": 0, "ORG": 0, "": 1},
        "PERS": {"GPE": 0, "ORG": 1, "": 0},
        "": {"GPE": 1, "ORG": 0, "": 0},
    }
    assert stance_confusion(join(both)) == {"favor": {"against": 0, "": 1}, "": {"against": 1, "": 0}}
    assert stance_confusion([]) == {}


def test_of_several_that_overlap_the_one_with_the_same_type_is_compared():
    gold, predicted = ["B-PER", "I-PER", "I-PER", "I-PER"], ["B-ORG", "I-ORG", "B-PER", "I-PER"]
    (both,) = pair([article(gold)], [article(predicted)])
    assert [(a and a.type, b and b.type) for a, b in match_mentions(both)] == [("PER", "PER"), (None, "ORG")]
