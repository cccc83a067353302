"""The page in headless Chromium: an article is pasted, tagged and read, with the mouse and with the keyboard alone, in
both languages. The policy of the page is in force, and the console must stay silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from playwright.sync_api import expect

from mawaqif.article import Article

Open = Callable[..., Any]


def test_a_pasted_article_is_read(open_page: Open, service: Any, article: Article) -> None:
    made = service(lambda request, asked: article)
    page = open_page(made)
    expect(page.locator("#input")).to_have_attribute("dir", "rtl")
    page.paste(article.text)
    assert [asked.text for asked in made.asked] == [article.text]
    assert page.locator("#text p").all_text_contents() == article.text.split("\n\n")
    mentions = page.locator("#text .m").all_text_contents()  # code points, though emoji are two units of JavaScript
    assert mentions == ["حزب النخيل", "خطة الجسر", "وزارة الطرق", "بالخطة", "BBC", "الحزب"]
    assert page.locator("#text .m").first.get_attribute("data-tag") == "منظمة"
    assert page.locator("#text .m").first.get_attribute("title") == "حزب النخيل · منظمة"
    assert page.sentences() == [  # in reading order; one is below the first threshold
        "حزب النخيل ضد خطة الجسر",
        "وزارة الطرق مع خطة الجسر",
        "BBC ضد حزب النخيل",
    ]
    expect(page.locator("#stances-count")).to_have_text("3 من 4")
    assert page.locator(".quote").first.text_content() == "رفضه خطة الجسر"
    assert page.locator(".how").first.text_content() == "الدليل: قولالثقة 62%"
    assert page.locator("#result-title").text_content() == "خلاف على الجسر"
    assert page.evaluate("document.activeElement.id") == "result-title"
    expect(page.locator("#status")).to_have_text("المواقف: 3 من 4. الكيانات: 4.")
    assert page.locator("#types label").all_text_contents() == [" منظمة 4", " قضية 2"]
    assert page.locator("#form").is_hidden()


def test_pointing_at_a_stance_shows_its_evidence_and_both_ends(read: Any) -> None:
    read.locator("#stances li").nth(2).hover()
    assert read.marked("is-evidence") == "وقالت |BBC| إن |الحزب| أخطأ"
    assert read.marked("is-holder") == "BBC"
    assert read.marked("is-target") == "حزب النخيل|الحزب"
    assert read.locator("#graph .is-chosen title").all_text_contents() == ["BBC ضد حزب النخيل"]
    read.mouse.move(2, 2)
    assert read.marked("is-evidence") == ""
    read.locator("#stances .edge").first.click()
    read.mouse.move(2, 2)
    assert read.marked("is-evidence") == "رفضه |خطة الجسر"  # stays
    assert read.locator("#stances .edge").first.get_attribute("aria-pressed") == "true"
    read.keyboard.press("Escape")
    assert read.marked("is-evidence") == ""


def test_an_entity_shows_its_stances(read: Any) -> None:
    read.locator("#text .m").first.click()
    assert read.sentences() == ["حزب النخيل ضد خطة الجسر", "BBC ضد حزب النخيل"]
    expect(read.locator("#filter-text")).to_have_text("مواقف حزب النخيل: 2")
    expect(read.locator("#status")).to_have_text("مواقف حزب النخيل: 2")
    read.mouse.move(2, 2)
    assert read.marked("is-same") == "حزب النخيل|الحزب"
    read.locator("#filter-clear").click()
    assert len(read.sentences()) == 3
    read.locator("#entities-box summary").click()
    read.locator("#entities button", has_text="BBC").click()
    assert read.sentences() == ["BBC ضد حزب النخيل"]
    read.locator("#graph button", has_text="وزارة الطرق").click()
    assert read.sentences() == ["وزارة الطرق مع خطة الجسر"]
    assert read.locator("#graph button", has_text="وزارة الطرق").get_attribute("aria-pressed") == "true"
    read.locator("#graph button", has_text="وزارة الطرق").click()  # again: all of them
    assert len(read.sentences()) == 3
    read.locator("#text .ev", has_text="أخطأ").click()  # words of evidence that name nobody
    read.mouse.move(2, 2)
    assert read.locator("#stances .is-chosen .edge").all_text_contents() == ["BBC ضد حزب النخيل"]


def test_the_slider_filters_at_once(read: Any) -> None:
    assert (read.locator("#least").get_attribute("min"), read.locator("#least").get_attribute("max")) == ("18", "62")
    read.slide(18)
    assert read.sentences()[-1] == "كاتب المقال ضد حزب النخيل"  # without evidence: last
    assert "بلا دليل" in read.locator("#stances .how").last.text_content()
    expect(read.locator("#stances-count")).to_have_text("4")
    expect(read.locator("#least-shown")).to_have_text("18%")
    assert read.locator("#graph g").count() == 4
    assert read.marked("ev") == "رفضه |خطة الجسر|ورحبت |وزارة الطرق| |بالخطة|وقالت |BBC| إن |الحزب| أخطأ"
    read.slide(62)
    assert read.sentences() == ["حزب النخيل ضد خطة الجسر"]
    assert read.marked("ev") == "رفضه |خطة الجسر"
    expect(read.locator("#status")).to_have_text("المواقف: 1 من 4. الكيانات: 4.")


def test_types_are_switched_off_and_on(read: Any) -> None:
    box = read.locator("#types label", has_text="منظمة").locator("input")
    box.uncheck()
    assert read.locator("#text .m").all_text_contents() == ["خطة الجسر", "بالخطة"]
    box.check()
    assert read.locator("#text .m").count() == 6


def test_what_is_shown_is_downloaded(read: Any, article: Article, tmp_path: Path) -> None:
    read.slide(40)
    with read.expect_download() as download:
        read.locator("#download-json").click()
    assert download.value.suggested_filename == "mawaqif-n1.json"
    saved = Article.from_json(Path(download.value.path()).read_bytes())
    assert saved == article.model_copy(update={"stances": [s for s in article.stances if (s.score or 0) >= 0.4]})
    with read.expect_download() as download:
        read.locator("#download-html").click()
    page = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "mawaqif-n1.html"
    assert page.startswith("<!doctype html>")
    assert page.count('class="edge"') == 2
    assert "خلاف على الجسر" in page


def test_another_article_may_follow(read: Any, article: Article) -> None:
    read.slide(40)
    read.locator("#edit").click()
    assert read.locator("#result").is_hidden()
    assert read.evaluate("document.activeElement.id") == "input"
    read.paste(article.text)
    assert len(read.sentences()) == 2  # the threshold stays as the reader put it


def test_the_language_is_switched_and_kept(open_page: Open, service: Any, article: Article) -> None:
    page = open_page(service(lambda request, asked: article), locale="en-GB").paste(article.text)
    html = page.locator("html")
    expect(html).to_have_attribute("lang", "en")
    expect(html).to_have_attribute("dir", "ltr")
    assert page.sentences()[1] == "وزارة الطرق in favor of خطة الجسر"
    assert page.locator("#text .m").first.get_attribute("data-tag") == "organisation"
    assert page.evaluate("getComputedStyle(document.querySelector('#text p')).direction") == "rtl"
    assert page.locator("#stances bdi").first.get_attribute("lang") == "ar"
    # The sentence runs from left to right, its names from right to left.
    holder, target = (page.locator(f"#stances .{end}").nth(1).bounding_box() for end in ("holder", "target"))
    assert holder["x"] < target["x"]
    page.locator("#switch").click()
    expect(html).to_have_attribute("dir", "rtl")
    assert page.sentences()[1] == "وزارة الطرق مع خطة الجسر"
    holder, target = (page.locator(f"#stances .{end}").nth(1).bounding_box() for end in ("holder", "target"))
    assert holder["x"] > target["x"]
    page.reload()
    expect(html).to_have_attribute("lang", "ar")
    expect(page.locator("#tag")).to_have_text("استخرج المواقف")


def test_the_keyboard_alone_is_enough(open_page: Open, service: Any, article: Article) -> None:
    page = open_page(service(lambda request, asked: article))

    page.keyboard.press("Tab")
    assert page.locator(".skip").bounding_box()["y"] >= 0  # shown while it has the focus
    page.tab_to("#input")
    page.keyboard.type("خبر")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#result")).to_be_visible()
    page.tab_to("#types input")
    page.keyboard.press("Space")
    assert page.marked("m") == "خطة الجسر|بالخطة"
    page.keyboard.press("Space")
    page.tab_to("#least")
    page.keyboard.press("End")
    assert len(page.sentences()) == 1
    page.keyboard.press("Home")
    assert len(page.sentences()) == 4
    page.tab_to("#graph button")
    page.tab_to("#stances .edge")
    assert page.marked("is-evidence") == "رفضه |خطة الجسر"  # the focus shows it
    page.keyboard.press("Enter")
    page.tab_to("#stances .edge")
    assert page.marked("is-evidence") == "ورحبت |وزارة الطرق| |بالخطة"
    page.tab_to("#text [role=button]")
    page.keyboard.press("ArrowLeft")  # the next word, in Arabic
    assert page.evaluate("document.activeElement.textContent") == "خطة الجسر"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.ariaLabel") == "الحزب، منظمة"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert page.sentences() == ["حزب النخيل ضد خطة الجسر", "BBC ضد حزب النخيل", "كاتب المقال ضد حزب النخيل"]
    assert page.evaluate("document.activeElement.ariaLabel") == "الحزب، منظمة"  # the focus is not lost
    page.keyboard.press("Escape")
    assert len(page.sentences()) == 4
    page.tab_to("#entities-box summary", back=True)
    page.keyboard.press("Enter")
    page.tab_to("#entities button")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('#entities button')")
    assert len(page.sentences()) == 3
