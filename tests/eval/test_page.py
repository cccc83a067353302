"""The page: self-contained, escaped, right to left, with every error where a filter finds it."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from mawaqif.article import AUTHOR, Article
from mawaqif.eval import evaluate, pair
from mawaqif.eval.comparison import Difference
from mawaqif.eval.errors import KINDS, find_errors
from mawaqif.eval.page import report_page, write_page
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
TEXT = "انتقدت رند الهاشمي بشدة حزب الندى\nوأيدت سمر قانون السقاية كما شكر حزب الندى أهل سمر"
ENTITIES = {
    "1": ("PERS", "رند الهاشمي"),
    "2": ("ORG", "حزب الندى"),
    "3": ("GPE", "سمر"),
    "4": ("LAW", "قانون السقاية"),
}
FOUND = {
    "1": ("PERS", "رند"),
    "2": ("GPE", "حزب الندى"),
    "4": ("ORG", "السقاية"),
    "5": ("ACTOR", "أهل"),
}
GOLD_STANCES = [
    ("1", "2", "against", "speech", "انتقدت رند الهاشمي بشدة حزب الندى"),
    ("2", "1", "favor", "action", "شكر حزب الندى"),
    (AUTHOR, "4", "favor", "narration", "قانون السقاية"),
    ("3", "4", "favor", None, "وأيدت سمر قانون السقاية"),
]
FOUND_STANCES = [("1", "2", "favor", "speech", "بشدة"), ("5", "2", "against")]


@pytest.fixture
def sides(build):
    return build(TEXT, ENTITIES, GOLD_STANCES), build(TEXT, FOUND, FOUND_STANCES)


def page(gold, predicted, **more):
    report = evaluate(gold, predicted, labels=LABELS, resamples=20, predicted_given_gold=more.pop("given", None))
    return report_page(report, gold, predicted, LABELS, **more)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.data = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.data.append(data)


def test_every_kind_of_error_is_told(sides):
    (errors,) = find_errors(pair([sides[0]], [sides[1]]))
    rows = [(row.kind, row.gold, row.predicted) for row in errors.rows]
    assert sorted(rows, key=str) == sorted(
        [
            ("wrong span", ("رند الهاشمي", "PERS"), ("رند", "PERS")),
            ("wrong type", ("حزب الندى", "ORG"), ("حزب الندى", "GPE")),
            ("wrong span and type", ("قانون السقاية", "LAW"), ("السقاية", "ORG")),
            ("mention missed", ("سمر", "GPE"), None),
            ("mention made up", None, ("أهل", "ACTOR")),
            ("wrong stance", ("1 ← 2", "against, speech"), ("1 ← 2", "favor, speech")),
            ("stance missed", ("2 ← 1", "favor, action"), None),
            ("stance missed", ("AUTHOR ← 4", "favor, narration"), None),
            ("stance missed", ("3 ← 4", "favor"), None),
            ("stance made up", None, ("5 ← 2", "against")),
        ],
        key=str,
    )
    assert errors.right == 0
    assert sum(errors.counts.values()) == len(rows)


def test_a_stance_turned_round(build):
    gold, predicted = build(TEXT, ENTITIES, [("1", "2", "against")]), build(TEXT, ENTITIES, [("2", "1", "against")])
    (errors,) = find_errors(pair([gold], [predicted]))
    assert [row.kind for row in errors.rows] == ["stance missed", "stance turned round"]
    assert errors.right == 4
    assert set(errors.counts) <= set(KINDS)


def test_the_page_fetches_nothing_and_its_policy_allows_only_its_own_code(sides):
    text = page([sides[0]], [sides[1]], given=[sides[0]])
    tags = Tags(text)
    assert not [attrs for _, attrs in tags.tags if {"src", "href", "srcset", "style", "onclick"} & attrs.keys()]
    assert "http://" not in text
    assert "https://" not in text
    (policy,) = (attrs["content"] for tag, attrs in tags.tags if attrs.get("http-equiv"))
    for name in ("style", "script"):
        (source,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert sum(tag == "svg" for tag, _ in tags.tags) == 3


def test_rows_carry_what_the_filters_ask_for(sides):
    tags = Tags(page([sides[0]], [sides[1]])).tags
    rows = [attrs for tag, attrs in tags if tag == "tr" and "data-kind" in attrs]
    assert len(rows) == 10
    assert {"data-kind": "wrong type", "data-types": "ORG GPE"} in rows
    options = [attrs.get("value") for tag, attrs in tags if tag == "option"]
    assert set(KINDS) <= set(options)
    assert all(
        {"lang": "ar", "dir": "rtl"}.items() <= attrs.items() for _, attrs in tags if attrs.get("class") == "text"
    )
    marked = [attrs for tag, attrs in tags if tag == "span" and attrs.get("data-type")]
    assert sum("wrong" in attrs["class"] for attrs in marked) == 8  # all four on either side


def test_text_is_escaped_and_control_characters_are_shown(build):
    text = "قال <script>alert(1)</script> & \u202eرند\x07"
    entities = {"<b>": ("PERS", "رند")}
    gold = [build(text, entities, id="<i>&").model_copy(update={"source": "</table>", "title": "<img src=x>"})]
    found = page(gold, [], title="<u>")
    assert not {"i", "b", "u", "img"} & {tag for tag, _ in Tags(found).tags if tag != "b"}
    assert found.count("<script>") == 1
    assert "\u202e" not in found
    assert "\x07" not in found
    assert "\ufffd" in found


def test_robustness_and_a_file(sides, tmp_path):
    report = evaluate([sides[0]], [sides[1]], labels=LABELS, resamples=20)
    row = {"stances_micro_f1": Difference(0.5, 0.25, -0.25, -0.3, -0.2, 0.01)}
    path = tmp_path / "report.html"
    write_page(report_page(report, [sides[0]], [sides[1]], LABELS, robustness={"tatweel": row}), path)
    text = path.read_text(encoding="utf-8")
    assert '<span class="ci down">-0.250</span>' in text
    assert list(tmp_path.iterdir()) == [path]


def test_an_article_without_anything(build):
    text = page([Article(id="a", text="نص")], [Article(id="a", text="نص")])
    assert "no error" in text
