"""The page in headless Chromium: files of every sort go in, and what goes wrong is said clearly and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from fastapi import Request, Response
from playwright.sync_api import expect

from mawaqif.article import Article

Open = Callable[..., Any]


FILES = {
    "plain": ("خبر.txt", "رفض الحزب\r\nالخطة 😀".encode(), {"text": "رفض الحزب\r\nالخطة 😀"}),
    "utf-8 with mark": ("a.txt", "\ufeffرفض الحزب".encode(), {"text": "رفض الحزب"}),
    "utf-16": ("a.txt", "رفض الحزب".encode("utf-16"), {"text": "رفض الحزب"}),
    "windows-1256": ("a.txt", "رفض الحزب".encode("cp1256"), {"text": "رفض الحزب"}),
    "article": (
        "a.json",
        '{"id": "x7", "text": "رفض\\r\\nالحزب", "date": "2031", "mentions": [], "z": [1]}'.encode(),
        None,
    ),
    "list of one": ("a.json", b'[{"id": "x7", "text": "a"}]', {"id": "x7", "text": "a"}),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_read(kind: str, open_page: Open, service: Any, article: Article) -> None:
    name, content, sent = FILES[kind]
    made = service(lambda request, asked: article)
    page = open_page(made)
    page.locator("#file").set_input_files({"name": name, "mimeType": "", "buffer": content})
    expect(page.locator("#result")).to_be_visible()
    sent = sent or {"id": "x7", "text": "رفض\r\nالحزب", "date": "2031", "z": [1]}
    assert made.asked == [Article.from_dict(sent, default_id="request:1")]
    assert page.locator("#notice").is_visible() == (kind == "windows-1256")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b'{"title": "x"}', "الحقل text"),
        ("a.json", b"{", "الحقل text"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "b"}\n', "mawaqif tag"),
        ("a.json", b'[{"text": "a"}, {"text": "b"}]', "mawaqif tag"),
        ("<img src=x onerror=alert(1)>.txt", b"\x89PNG\x00\x01", "<img src=x onerror=alert(1)>.txt"),
    ],
)
def test_a_file_that_is_no_article_is_refused(
    name: str, content: bytes, words: str, open_page: Open, service: Any, article: Article
) -> None:
    made = service(lambda request, asked: article)
    page = open_page(made)
    page.locator("#file").set_input_files({"name": name, "mimeType": "", "buffer": content})
    expect(page.locator("#alert")).to_contain_text(words)
    assert made.asked == []


def test_a_file_is_dropped_and_an_example_clicked(open_page: Open, service: Any, article: Article) -> None:
    made = service(lambda request, asked: article)
    page = open_page(made)
    bring = """kind => {
        const brought = new DataTransfer();
        brought.items.add(new File(["رفض الحزب"], "a.txt"));
        document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: brought, bubbles: true, cancelable: true}));
    }"""
    page.evaluate(bring, "dragenter")
    assert page.locator("#drop").is_visible()
    page.evaluate(bring, "drop")
    expect(page.locator("#result")).to_be_visible()
    assert page.locator("#drop").is_hidden()
    page.locator("#edit").click()
    page.locator(".example").nth(2).click()
    expect(page.locator("#result")).to_be_visible()
    assert [asked.id for asked in made.asked] == ["request:1", "example-3"]
    assert "😡" in made.asked[1].text
    page.locator("#edit").click()
    page.locator("#input").fill("نص آخر")  # no longer the example
    page.locator("#tag").click()
    expect(page.locator("#result")).to_be_visible()
    assert (made.asked[2].id, made.asked[2].text) == ("request:1", "نص آخر")


# -------------------------------------------------------------------------------------------------------------- errors


def error(status: int, code: str, message: str = "", field: str | None = None, **headers: str) -> Response:
    body = {"error": {"code": code, "message": message, "field": field}}
    return Response(json.dumps(body), status, {name.replace("_", "-"): x for name, x in headers.items()})


def test_a_busy_service_is_tried_again(open_page: Open, service: Any, article: Article) -> None:
    answers = [error(503, "overloaded", Retry_After="7"), error(503, "shutting_down"), article]
    page = open_page(service(lambda request, asked: answers.pop(0)), expected="503")
    page.locator("#input").fill(article.text)
    page.locator("#tag").click()
    expect(page.locator("#alert")).to_contain_text("حاول بعد نحو 7 ث")
    assert page.locator("#input").input_value() == article.text  # nothing is lost
    page.locator("#switch").click()
    expect(page.locator("#alert")).to_contain_text("Try again in about 7 s")
    page.locator("#retry").click()
    expect(page.locator("#alert .reason")).to_have_text("The service is busy.")
    page.locator("#retry").click()
    expect(page.locator("#result")).to_be_visible()
    assert page.locator("#alert").is_hidden()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(422, "invalid_article", "is empty <b>", "text"), "text: is empty <b>"),
        (error(413, "article_too_long", "has 900,000 characters"), "900,000"),
        (error(504, "timed_out"), "طالت القراءة"),
        (error(500, "tagging_failed", "the model failed"), "the model failed"),
        (Response("<html>gateway", 502), "تعطلت الخدمة"),
        (Response("no json", 200), "لا يُفهم"),
        (Response('{"text": 1}', 200), "لا يُفهم"),
    ],
    ids=["invalid", "long", "slow", "failed", "gateway", "no json", "no article"],
)
def test_what_the_service_says_is_shown(answer: Response, words: str, open_page: Open, service: Any) -> None:
    page = open_page(service(lambda request, asked: answer), expected="Failed to load resource")
    page.locator("#input").fill("رفض الحزب")
    page.locator("#tag").click()
    expect(page.locator("#alert")).to_contain_text(words)
    assert page.locator("#alert").get_attribute("role") == "alert"
    expect(page.locator("#tag")).to_be_enabled()


def test_a_service_that_is_not_there(open_page: Open, service: Any, article: Article) -> None:
    page = open_page(service(lambda request, asked: article), expected="ERR_")
    page.route("**/tag", lambda route: route.abort())
    page.locator("#tag").click()
    expect(page.locator("#alert")).to_contain_text("لا نص لقراءته")
    page.locator("#input").fill(article.text)
    page.locator("#tag").click()
    expect(page.locator("#alert")).to_contain_text("تعذّر الوصول")
    page.unroute("**/tag")
    page.locator("#retry").click()
    expect(page.locator("#result")).to_be_visible()


def test_a_service_with_keys_asks_for_one(open_page: Open, service: Any, article: Article) -> None:
    def answer(request: Request, asked: Article) -> Response:
        right = request.headers.get("authorization") == "Bearer a-long-secret"
        return article if right else error(401, "wrong_key", "this API key is not known")

    page = open_page(service(answer), expected="401")
    page.locator("#input").fill(article.text)
    page.locator("#tag").click()
    page.locator("#key").fill("a-wrong-secret")
    page.keyboard.press("Enter")
    expect(page.locator("#alert .detail")).to_have_text("this API key is not known")
    page.locator("#key").fill("a-long-secret")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_be_visible()
    assert "secret" not in json.dumps(page.context.storage_state())  # kept nowhere


def test_a_reading_is_cancelled(open_page: Open, service: Any, article: Article) -> None:
    held: list[Any] = []
    page = open_page(service(lambda request, asked: article))
    page.route("**/tag", lambda route: held.append(route) or None)
    page.locator("#input").fill(article.text)
    page.locator("#tag").click()
    expect(page.locator("#progress")).to_be_visible()
    expect(page.locator("#tag")).to_be_disabled()
    expect(page.locator("#main")).to_have_attribute("aria-busy", "true")
    page.locator("#cancel").click()
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("أُلغيت القراءة.")
    expect(page.locator("#tag")).to_be_enabled()
    page.unroute("**/tag")
    page.paste(article.text)
