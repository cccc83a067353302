"""The page in headless Chromium: no article can become anything but text, and its text is cut where Python cuts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.views import _direction, _lines  # what text.js must do as well

Open = Callable[..., Any]


NASTY = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea></body>\"'><svg onload=alert(1)>",
    '"}],"stances":[{"holder":"AUTHOR"}]',
    "{{7*7}}${7*7}&lt;b&gt;&#60;",
    "\u202eعكس\u2067\u2069\u2066",
    "javascript:alert(1)",
    "__proto__",
)

ELEMENTS = """div h2 bdi p fieldset legend span label input output button section h3 ol li strong blockquote b details
summary ul small svg g title path"""


def test_a_hostile_article_stays_text(open_page: Open, service: Any, build: Any) -> None:
    text = "\n".join(f"{words} قال" for words in NASTY)
    made = build(
        text,
        {words: (words, words + " اسم", [words]) for words in NASTY},
        [(a, b, words, words, words, 0.5) for a, b, words in zip(NASTY, NASTY[1:], NASTY, strict=False)],
        title=" ".join(NASTY),
        date=NASTY[1],
        source=NASTY[0],
        id=NASTY[1],
    )
    asked = service(lambda request, _: made)
    page = open_page(asked).paste(text)
    assert asked.asked[0].text == text
    assert page.locator("#text p").all_text_contents() == text.split("\n")
    inside = "[...document.querySelectorAll('#result *')].map(node => node.localName)"
    assert set(page.evaluate(inside)) <= set(ELEMENTS.split())
    attributes = "[...document.querySelectorAll('*')].flatMap(node => [...node.attributes].map(a => a.name))"
    assert not re.search(r"\b(on\w+|style)\b", " ".join(page.evaluate(attributes)))
    assert len(page.sentences()) == len(NASTY) - 1
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", "".join(page.sentences()))  # a name cannot turn the sentence
    page.locator("#stances .edge").first.click()
    page.locator("#text .m").nth(2).click()
    page.locator("#switch").click()
    with page.expect_download() as download:
        page.locator("#download-json").click()
    assert Article.from_json(Path(download.value.path()).read_bytes()) == made
    assert re.fullmatch(r"mawaqif-[\w-]+\.json", download.value.suggested_filename)
    with page.expect_download() as download:
        page.locator("#download-html").click()
    assert "<script>alert" not in Path(download.value.path()).read_text(encoding="utf-8")


def test_the_browser_lets_no_string_become_markup(open_page: Open, service: Any, article: Article) -> None:
    page = open_page(
        service(lambda request, asked: article), expected="This document requires 'TrustedHTML' assignment"
    )
    refused = """() => {
        try { document.body.innerHTML = "<b>"; } catch (error) { return error.name; }
    }"""
    assert page.evaluate(refused) == "TypeError"


# ------------------------------------------------------------------------- the same cuts as the rest of mawaqif

PIECES = [
    "حزب",
    "😀",
    "👨\u200d👩",
    "\r\n",
    "\n\n",
    "\x0b",
    "\x1c",
    "\x85",
    "\u2028",
    " ",
    "\u202e",
    "NATO",
    "\u064b",
    "𝒜",
    "\x00",
]
CUT = """async ([base, text, spans]) => {
    const {cut, unitOffsets} = await import(base + "/text.js");
    const unit = unitOffsets(text);
    const lines = cut(text, spans.map(span => span.map(unit)));
    return lines.map(line => line.runs.map(run => [text.slice(run.start, run.end), run.spans]));
}"""


@pytest.fixture
def base(read: Any) -> str:
    """The address of the page's files."""
    return str(read.evaluate("document.querySelector('script').src")).rpartition("/")[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=25).map("".join), st.data())
def test_the_text_is_cut_as_python_cuts_it(read: Any, base: str, text: str, data: st.DataObject) -> None:
    place = st.integers(0, len(text))
    drawn = data.draw(st.lists(st.tuples(place, place), max_size=6))
    spans = [(min(span), max(span)) for span in drawn if span[0] != span[1]]
    expected = [[[text[run.start : run.end], run.spans] for run in line] for line in _lines(text, spans)]
    assert read.evaluate(CUT, [base, text, spans]) == expected


@pytest.mark.parametrize(
    "text", ["ABC News: قال رئيس النادي إن الجسر سيبقى", "Photo: agency", "12 34", "\u202eنص", "فيTV", "שלום"]
)
def test_paragraphs_have_the_direction_that_python_gives_them(read: Any, base: str, text: str) -> None:
    found = read.evaluate("async ([base, text]) => (await import(base + '/text.js')).direction(text)", [base, text])
    assert found == _direction(text)
