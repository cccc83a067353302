"""The fragment that a notebook shows: whole, styled on its own elements alone, and never more than text."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.labels import LabelSet
from mawaqif.notebook import to_fragment

TAGS = {"div", "span", "sup", "bdi"}
ATTRIBUTES = {"dir", "lang", "style", "title"}


class Parser(HTMLParser):
    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.styles: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(fragment)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        self.styles += [value or "" for name, value in attrs if name == "style"]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def test_an_article_shows_itself(annotated: list[Article]) -> None:
    fragment = annotated[1]._repr_html_()
    shown = re.sub(r"\s+", " ", Parser(fragment).text)
    assert fragment.startswith('<div dir="rtl" lang="ar" ')
    for sentence in (
        "صحيفة المنارة ضد إغلاق سوق السمك",
        "نعيم الزيتوني مع مجلس واحة الريم",
        "كاتب المقال مع إغلاق سوق السمك",
        "«خطوة موفقة تخدم سكان المدينة»",
        "المواقف 4",
    ):
        assert sentence in shown
    # The text is whole, but for the small names of types behind the mentions.
    words = re.sub(r"<sup [^>]*>.*?</sup>", "", fragment)
    assert annotated[1].text in re.sub(r"\s+", " ", Parser(words).text)
    assert re.findall(r'title="(.*?)">', fragment)[0] == "صحيفة المنارة · منظمة"


def test_colours_are_those_of_the_labels(annotated: list[Article], labels: LabelSet) -> None:
    fragment = to_fragment(annotated[0], labels)
    colors = {label.name: label.color for label in (*labels.types, *labels.stances)}
    assert f"background:{colors['ORG']}" in fragment
    assert f"solid {colors['against']}" in fragment
    strange = annotated[0].model_copy(update={"stances": []}, deep=True)
    strange.mentions[0].type = strange.entities[0].type = "CLUB"
    assert "#d8d8d8" in to_fragment(strange, labels)
    assert "لا مواقف" in to_fragment(strange, labels)


def test_nothing_but_a_bare_text() -> None:
    assert "نص" in Parser(Article(id="x", text="نص")._repr_html_()).text
    assert Parser(Article(id="x", text="")._repr_html_()).text.split() == [
        "x",
        "المواقف",
        "0",
        "لا",
        "مواقف",
        "في",
        "هذا",
        "المقال.",
    ]


HOSTILE = [
    "<script>alert(1)</script>",
    "</div></style>",
    '" onload="a()',
    "<!--",
    "{{ 7 }}",
    "\u202e",
    "\x00",
    "';}",
    "ا ",
]
words = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=6), min_size=1, max_size=5).map("".join).filter(bool)


@given(text=words, a=words, b=words, label=words)
def test_nothing_in_an_article_becomes_markup_or_style(text: str, a: str, b: str, label: str) -> None:
    article = Article.from_dict(
        {
            "id": a,
            "text": text,
            "title": b,
            "date": label,
            "source": a,
            "entities": [{"id": "1", "type": label, "name": a}, {"id": "2", "type": label, "name": b}],
            "mentions": [{"start": 0, "end": 1, "type": label, "entity": "1"}],
            "stances": [
                {"holder": "1", "target": "2", "stance": label, "voice": a, "evidence": [0, len(text)]},
                {"holder": "AUTHOR", "target": "2", "stance": "favor"},
            ],
        }
    )
    fragment = Parser(article._repr_html_())  # which refuses any other element or attribute
    clean = Article.from_dict(article.to_dict() | {"id": "i", "title": "t", "date": "d", "source": "s"})
    assert {style for style in fragment.styles if re.search(r"url|expression|@|\}", style)} == set()
    assert set(fragment.styles) == set(Parser(clean._repr_html_()).styles)


def test_the_article_stays_light() -> None:
    code = (
        "import sys, mawaqif.article; print(*[n for n in ('jinja2', 'mawaqif.notebook', 'yaml') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.parametrize("percent", [0.0, 0.874, 1.0])
def test_scores_are_shown(percent: float, annotated: list[Article]) -> None:
    article = annotated[2].model_copy(deep=True)
    article.stances[0].score = percent
    assert f"{round(100 * percent)}%" in article._repr_html_()
