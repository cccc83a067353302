"""The page: nothing of an article becomes markup; in a browser it searches, shows evidence and speaks two languages."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mawaqif.article import Article
from mawaqif.inference.graph import page as page_module
from mawaqif.inference.graph.build import Filters, build
from mawaqif.inference.graph.page import to_html

from .conftest import Read, Tell

HOSTILE = (
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "<!--<script>",
    "'\"><svg onload=alert(1)>&lt;b&gt;",
    "\u202eمقلوب\u2028سطر\x00",
    "${document.title='taken'}",
    "{{ 7 * 7 }}",
)


def data_of(html: str) -> Any:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(text)


@pytest.fixture
def html(story: list[Article], read: Read) -> str:
    return to_html(build(read(story)))


@pytest.fixture
def hostile(tell: Tell, read: Read) -> str:
    pairs = [(f"ORG {name}", "against", "GPE سلوانيا") for name in HOSTILE]
    return to_html(build(read([tell("<b>id</b>", pairs, source="<i>s</i>", date="2031-03-12")])))


def test_the_policy_allows_the_one_script_and_style_and_nothing_else(html: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    style = html.partition("<style>")[2].partition("</style>")[0]
    for tag, source in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert not re.search(r"url\((?!#)|@import|innerHTML|insertAdjacentHTML|document\.write|eval\(", script + style)
    assert not re.search(r'(?:src|href)="', html)


def test_no_name_ends_an_element(hostile: str) -> None:
    assert hostile.count("<script") == hostile.count("</script>") == 2
    inside = hostile.partition('id="data">')[2].partition("</script>")[0]
    assert not set("<>&\u2028\u202e\x00") & set(inside)
    names = {entity["name"] for entity in data_of(hostile)["entities"]}
    assert {HOSTILE[0], HOSTILE[1]} <= names
    assert "مقلوب سطر\ufffd" in names


def test_the_page_holds_the_strongest_edges_and_says_so(
    story: list[Article], read: Read, html: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (data_of(html)["stances"], data_of(html)["partial"]) == (7, False)
    monkeypatch.setattr(page_module, "_EDGES", 1)
    cut = data_of(to_html(build(read(story))))
    assert (cut["stances"], cut["all_stances"], cut["partial"]) == (3, 7, True)
    assert [entity["name"] for entity in cut["entities"]] == ["سد الزمرد", "سامر نعيم الوراق"]
    filtered = data_of(to_html(build(read(story), Filters(top=1))))
    assert (filtered["stances"], filtered["all_stances"], filtered["partial"]) == (3, 7, True)


# -------------------------------------------------------------------------------------------------------- in a browser


class Opened:
    """A page in the browser, and what it said on the console or asked the network for."""

    def __init__(self, browser: Any, html: str, path: Path) -> None:
        path.write_text(html, encoding="utf-8")
        self.page = browser.new_page(viewport={"width": 1300, "height": 900})
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.said.append(request.url))
        self.page.goto(path.as_uri())
        assert self.said == [path.as_uri()]
        self.said.clear()

    def texts(self, css: str) -> list[str]:
        return [text.strip() for text in self.page.locator(css).all_inner_texts()]


def test_search_click_and_evidence(chromium: Any, html: str, tmp_path: Path) -> None:
    opened = Opened(chromium, html, tmp_path / "g.html")
    page = opened.page
    assert page.locator(".node").count() == 5
    assert page.locator("#svg path.link").count() == 5
    assert len(opened.texts("#rows tr")) == 5

    page.fill("#search", "الورّاق")  # spelled otherwise
    assert opened.texts("#rows td:first-child") == ["سامر نعيم الوراق"]
    page.keyboard.press("Enter")
    assert opened.texts("#panel .title bdi") == ["سامر نعيم الوراق"]
    assert "سامر الوراق" in page.inner_text("#panel")
    assert page.locator("#bars rect").count() == 2
    assert "1 من 3 مواقف بلا تاريخ" in page.inner_text("#time-note")

    page.click("#panel li button")
    assert opened.texts("#panel blockquote p")[0] == "سامر نعيم الوراق against سد الزمرد [s1]"
    assert len(opened.texts("#panel blockquote")) == 3
    assert "بلا تاريخ" in opened.texts("#panel blockquote footer")[2]
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.locator("#panel blockquote").count() == 0

    page.fill("#search", "")
    page.select_option("#stance", "against")
    assert len(opened.texts("#rows tr")) == 2
    page.select_option("#stance", "")
    page.select_option("#type", "GPE")
    assert len(opened.texts("#rows tr")) == 2
    page.select_option("#type", "")
    page.fill("#least", "2")
    assert len(opened.texts("#rows tr")) == 1
    assert page.locator(".node").count() == 2
    assert opened.said == []


def test_nodes_answer_to_mouse_and_keys(chromium: Any, html: str, tmp_path: Path) -> None:
    opened = Opened(chromium, html, tmp_path / "g.html")
    page = opened.page
    party = page.locator(".node", has_text="حزب النخيل")
    party.locator("circle").click()
    assert opened.texts("#panel .title bdi") == ["حزب النخيل"]
    assert "ضد" in opened.texts("#panel li")[0] or "مع" in opened.texts("#panel li")[0]
    page.locator(".node", has_text="سلوانيا").focus()
    page.keyboard.press("Enter")
    assert opened.texts("#panel .title bdi") == ["سلوانيا"]

    before, box = party.get_attribute("transform"), party.locator("circle").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 40, steps=3)
    page.mouse.up()
    assert party.get_attribute("transform") != before
    assert opened.texts("#panel .title bdi") == ["سلوانيا"]  # a drag is no choice

    layer = page.locator("#svg > g")
    view = layer.get_attribute("transform")
    page.locator("#svg").focus()
    for key in ("+", "ArrowLeft"):
        page.keyboard.press(key)
        assert layer.get_attribute("transform") != view
        view = layer.get_attribute("transform")
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        "before => document.querySelector('#svg > g').getAttribute('transform') !== before", arg=view
    )
    assert opened.said == []


def test_the_table_sorts_and_the_page_speaks_english(chromium: Any, html: str, tmp_path: Path) -> None:
    opened = Opened(chromium, html, tmp_path / "g.html")
    page = opened.page
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    assert page.inner_text("#facts") == "4 مقالات، 7 مواقف بين 5 كيانات"
    page.click('[data-sort="holder"]')
    names = opened.texts("#rows td:first-child")
    assert names == page.evaluate("names => names.sort((a, b) => a.localeCompare(b, 'ar'))", names)
    page.click('[data-sort="holder"]')
    assert opened.texts("#rows td:first-child") == names[::-1]
    assert page.get_attribute("th:first-child", "aria-sort") == "descending"
    page.click("#lang")
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["en", "ltr"]
    assert page.inner_text("#facts") == "4 articles, 7 stances between 5 entities"
    assert "The articles' authors" in opened.texts("#rows td:first-child")
    assert not page.evaluate("[...document.querySelectorAll('[data-t]')].some(node => !node.textContent.trim())")
    assert opened.said == []


def test_without_dates_there_is_no_time_line(chromium: Any, tell: Tell, read: Read, tmp_path: Path) -> None:
    undated = to_html(build(read([tell("a1", [("GPE سلوانيا", "favor", "ISSUE السد")], date="2031")])))
    opened = Opened(chromium, undated, tmp_path / "g.html")
    assert opened.page.locator("#bars rect").count() == 0
    assert "لم يُخمَّن أي تاريخ" in opened.page.inner_text("#time-note")
    assert opened.page.locator('[data-sort="first"]').count() == 0


def test_hostile_names_are_only_text(chromium: Any, hostile: str, tmp_path: Path) -> None:
    opened = Opened(chromium, hostile, tmp_path / "g.html")
    page = opened.page
    for name in HOSTILE[:2]:
        page.fill("#search", name)
        page.keyboard.press("Enter")
        assert opened.texts("#panel .title bdi") == [name]
        page.click("#panel li button")
        assert name in opened.texts("#panel blockquote p")[0]
        page.keyboard.press("Escape")
    page.click("#lang")
    assert "taken" not in page.title()
    assert page.locator("img, b, i, main script").count() == 0
    assert opened.said == []
