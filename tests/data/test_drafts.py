"""Drafts: surface strings become exact offsets, and what is wrong is named."""

import json

import pytest

from mawaqif.data.drafts import read_drafts, resolve
from mawaqif.errors import ArticleError
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
TEXT = "حزب الفجر يرفض الاتفاق\nرفض سالم الهاشمي وحزب الفجر الاتفاق، وقال الهاشمي للفجر إنه لا يقبله."


def draft(entities=None, stances=None):
    party = {"id": "e1", "type": "ORG", "name": "حزب الفجر", "mentions": ["حزب الفجر"]}
    deal = {"id": "e2", "type": "ISSUE", "name": "الاتفاق", "mentions": ["الاتفاق"]}
    edge = {
        "holder": "e1",
        "target": "e2",
        "stance": "against",
        "voice": "speech",
        "evidence": "حزب الفجر يرفض الاتفاق",
    }
    return {"id": "d1", "text": TEXT, "entities": entities or [party, deal], "stances": stances or [edge]}


def marked(entity_type, *surfaces):
    article = resolve(
        draft([{"id": "e1", "type": entity_type, "name": "س", "mentions": list(surfaces)}], [edge_to_self()]), LABELS
    )
    return [article.surface(mention) for mention in article.mentions]


def edge_to_self():
    return {"holder": "AUTHOR", "target": "e1", "stance": "favor", "voice": "narration", "evidence": "رفض"}


def test_every_occurrence_is_marked_with_its_proclitic():
    article = resolve(draft(), LABELS)
    assert [article.surface(m) for m in article.mentions if m.entity == "e1"] == ["حزب الفجر", "وحزب الفجر"]
    assert article.surface(article.stances[0].evidence) == "حزب الفجر يرفض الاتفاق"
    assert not hasattr(article.entities[0], "mentions")


def test_longest_string_wins():
    assert marked("PERS", "الهاشمي", "سالم الهاشمي") == ["سالم الهاشمي", "الهاشمي"]


def test_lam_with_the_article_and_no_half_words():
    assert marked("ORG", "الفجر") == ["الفجر", "الفجر", "للفجر"]
    with pytest.raises(ArticleError, match="هاشم"):
        marked("PERS", "هاشم")


@pytest.mark.parametrize(("selection", "count"), [("الهاشمي#1", 1), ("الهاشمي!1", 1), ("الهاشمي#1,2", 2)])
def test_occurrences_can_be_chosen(selection, count):
    assert len(marked("PERS", selection)) == count


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stance": "neutral"}, "neutral"),
        ({"voice": "shout"}, "shout"),
        ({"target": "e9"}, "e9"),
        ({"evidence": "ليس في النص"}, "ليس في النص"),
    ],
)
def test_problems_are_named(change, named):
    broken = draft()
    broken["stances"] = [{**broken["stances"][0], **change}]
    with pytest.raises(ArticleError, match=named):
        resolve(broken, LABELS)


def test_a_file_gives_its_good_drafts_and_the_problems_of_the_others(tmp_path):
    path = tmp_path / "drafts.jsonl"
    bad = draft()
    bad["entities"] = [{**bad["entities"][0], "type": "PARTY"}, bad["entities"][1]]
    path.write_text("\n".join([json.dumps(draft()), "{", json.dumps(bad)]), encoding="utf-8")
    articles, problems = read_drafts(path, LABELS)
    assert len(articles) == 1
    assert [problem.line for problem in problems] == [2, 3]
    assert "PARTY" in str(problems[1])
