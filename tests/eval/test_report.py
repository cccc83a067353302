"""The report as a whole, as JSON and in the terminal."""

import json
from io import StringIO

import pytest
from rich.console import Console

from mawaqif.article import AUTHOR
from mawaqif.errors import InputError
from mawaqif.eval import evaluate, render
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
TEXT = "انتقدت رند حزب الندى ورفضت هدم السوق"
ENTITIES = {"1": ("PERS", "رند"), "2": ("ORG", "حزب الندى"), "3": ("ISSUE", "هدم السوق")}
STANCES = [
    ("1", "2", "against", "speech", "انتقدت رند حزب الندى"),
    ("1", "3", "against", "speech", "ورفضت هدم السوق"),
    (AUTHOR, "1", "favor", "narration", "رند"),
]


@pytest.fixture
def gold(build):
    return [build(TEXT, ENTITIES, STANCES, id=f"a{i}") for i in range(3)]


def scores(value):
    """Every precision, recall, F1 and share in a report."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield from scores(part)
        elif name in ("precision", "recall", "f1", "value", "low", "high"):
            yield part


def test_gold_against_itself_is_perfect(gold):
    report = evaluate(gold, gold, labels=LABELS, predicted_given_gold=gold).to_dict()
    for part in ("stances", "stances_given_gold"):
        assert report[part].pop("swaps") == {"value": None, "hits": 0, "of": 0}
    del report["baselines"]
    assert set(scores(report)) == {1}
    assert report["selective"]["aurc"] == report["reliability"]["ece"] == 0  # a stance without a score counts as sure


def test_headline_agrees_with_the_details(gold, build):
    predicted = [build(TEXT, {"1": ENTITIES["1"], "2": ("ISSUE", "السوق")}, [("1", "2", "against")], id="a0"), gold[1]]
    given = [build(TEXT, ENTITIES, STANCES[:1], id="a0"), *gold[1:]]
    report = evaluate(gold, predicted, labels=LABELS, predicted_given_gold=given)
    assert (report.articles, report.missing) == (3, 1)
    expected = {
        "mentions_named_micro_f1": report.mentions.named.f1,
        "mentions_all_micro_f1": report.mentions.micro.f1,
        "entities_b3_f1": report.entities.b3.f1,
        "stances_micro_f1": report.stances.micro.f1,
        "stances_macro_f1": report.stances.macro.f1,
        "stances_given_gold_micro_f1": report.stances_given_gold.micro.f1,
        "stances_given_gold_macro_f1": report.stances_given_gold.macro.f1,
        "tuples_weighted_f1": report.tuples.weighted.f1,
    }
    assert {name: interval.value for name, interval in report.headline.items()} == pytest.approx(expected)
    assert all(interval.low <= interval.value <= interval.high for interval in report.headline.values())
    assert report.mentions.named.gold == 6  # the issues of the three articles are left out
    assert report.stances.micro.right == 4  # «السوق» is near enough to «هدم السوق»


def test_the_report_is_json_without_the_counts_of_each_article(gold):
    report = evaluate(gold, gold[:2], labels=LABELS)
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain == report.to_dict()
    assert plain["articles"] == 3
    assert plain["missing"] == 1
    assert plain["stances_given_gold"] is None
    assert "stances_given_gold_macro_f1" not in plain["headline"]
    assert plain["matches"]["strict"]["f1"] == plain["mentions"]["micro"]["f1"]
    assert not any("counted" in name for part in (plain, plain["mentions"], plain["stances"]) for name in part)


def test_given_entities_must_be_those_of_gold(gold, build):
    other = [build(TEXT, {"1": ENTITIES["1"]}, id="a1")]
    with pytest.raises(InputError, match="article 'a1', entities: has other entities than gold"):
        evaluate(gold, gold, labels=LABELS, predicted_given_gold=other)


def test_a_given_prediction_may_be_missing(gold):
    report = evaluate(gold, gold, labels=LABELS, predicted_given_gold=gold[:2])
    assert report.stances_given_gold.micro.recall == pytest.approx(2 / 3)


def test_render(gold):
    console = Console(record=True, width=100, file=StringIO())
    console.print(render(evaluate(gold, gold[:2], labels=LABELS, predicted_given_gold=gold)))
    text = console.export_text()
    for words in (
        "3 gold articles, 2 of them predicted",
        "lexicon",
        "AURC",
        "ECE",
        "up to 150 words",
        "stances_micro_f1",
        "0.800",
        "PERS",
        "against",
        "speech",
        "–",
    ):
        assert words in text


def test_with_train_there_is_a_gazetteer_and_what_was_seen(gold):
    report = evaluate(gold, gold[:2], labels=LABELS, train=gold[:1], predicted_given_gold=gold)
    assert set(report.baselines) == {"majority", "lexicon", "gazetteer"}
    assert report.baselines["gazetteer"]["stances_micro_f1"].value == 1  # all articles have one text
    assert "mentions_named_micro_f1" not in report.baselines["lexicon"]
    assert {(part.by, part.name) for part in report.slices} >= {("mention", "seen in train")}
    assert not evaluate(gold, gold, labels=LABELS, with_baselines=False).baselines
