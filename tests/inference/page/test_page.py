"""The page of the service as the server gives it: whole, in two languages, under a policy that runs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient

from mawaqif.article import Article
from mawaqif.inference.server.errors import ApiError
from mawaqif.inference.server.page import POLICY, router
from mawaqif.inference.server.settings import Settings
from mawaqif.labels import LabelSet

ROOM = files("mawaqif.inference.server")
WORDS = json.loads((ROOM / "words.json").read_text(encoding="utf-8"))
SCRIPTS = {
    entry.name: entry.read_text(encoding="utf-8") for entry in (ROOM / "static").iterdir() if entry.name.endswith(".js")
}
TEMPLATE = (ROOM / "page.html.j2").read_text(encoding="utf-8")


def client(**options: Any) -> TestClient:
    app = FastAPI()
    app.add_exception_handler(ApiError, lambda _, error: error.response())  # type: ignore[attr-defined]
    app.include_router(router(**options))
    return TestClient(app)


class Parser(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def is_guarded(headers: Mapping[str, str]) -> bool:
    return headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


def test_the_page_holds_nothing_that_runs_and_names_nothing_from_elsewhere() -> None:
    answer = client().get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert is_guarded(answer.headers)
    assert answer.headers["cache-control"] == "no-cache"
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert rule in POLICY.split("; ")
    assert "unsafe" not in POLICY
    page = Parser(answer.text)
    assert "style" not in {tag for tag, _ in page.found}
    for tag, attrs in page.found:
        assert "style" not in attrs
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href"):
            assert re.fullmatch(r"static/\w{16}/[\w.]+|#main", attrs.get(name) or "#main"), attrs
        if tag == "script":
            assert attrs["src"]
    again = client().get("/", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_files_of_the_page_are_kept_for_good_under_their_digest() -> None:
    asked = client()
    page = asked.get("/").text
    match = re.search(r"static/\w{16}", page)
    assert match
    base = match[0]
    imported = {name for script in SCRIPTS.values() for name in re.findall(r'from "\./(.+?)"', script)}
    assert imported | {"page.js"} == SCRIPTS.keys()  # none is missing, none is never used
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    for name in (*SCRIPTS, "page.css", "labels.css", "icon.svg"):
        answer = asked.get(f"/{base}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == kinds[name.rpartition(".")[2]]
        assert "immutable" in answer.headers["cache-control"]
        assert is_guarded(answer.headers)
    for path in ("static/0123456789abcdef/page.js", f"{base}/words.json", f"{base}/..%2fpage.py", f"{base}/%2e%2e/x"):
        assert asked.get(f"/{path}").status_code == 404
    assert not re.search(r"url\(|@import|https?:", asked.get(f"/{base}/page.css").text)


def test_the_routes_are_no_part_of_the_api_document() -> None:
    assert client().get("/openapi.json").json()["paths"] == {}


def test_every_word_is_there_in_both_languages_and_none_is_idle() -> None:
    arabic, english = WORDS["ar"], WORDS["en"]
    assert arabic.keys() == english.keys()
    for key in arabic:
        assert re.findall(r"\{\w+\}", arabic[key]) == re.findall(r"\{\w+\}", english[key]), key
        assert key == "switch" or not re.search("[\u0600-\u06ff]", english[key]), key
        assert key == "switch" or key.startswith("download_") or re.search("[\u0600-\u06ff]", arabic[key]), key
    source = TEMPLATE + "".join(SCRIPTS.values())
    used = set(re.findall(r'data-t(?:-\w+)?="(\w+)"|\bt\.(\w+)', TEMPLATE))
    used_here = {name for pair in used for name in pair if name}
    assert used_here <= arabic.keys()
    assert set(re.findall(r'#?\bt\("(\w+)"', source)) <= arabic.keys()
    assert set(re.findall(r'"(error_\w+)"', source)) == {key for key in arabic if key.startswith("error_")}
    for key in arabic:
        assert key in used_here or f'"{key}"' in source, f"{key} is never shown"


def test_the_page_is_whole_in_arabic_before_its_script_runs() -> None:
    text = Parser(client().get("/").text).text
    for key in ("title", "tagline", "write", "tag", "open", "noscript", "note"):
        assert WORDS["ar"][key] in text


def test_labels_are_those_of_the_tagger() -> None:
    data = json.loads(LabelSet.default().model_dump_json())
    data["types"][0] |= {"name": "PLANET", "en": "planet", "ar": "كوكب \"<أحمر>'", "color": "#abcdef"}
    asked = client(labels=LabelSet.model_validate(data))
    answer = asked.get("/").text
    (settings,) = [attrs["data-settings"] for tag, attrs in Parser(answer).found if tag == "body"]
    shown = json.loads(settings or "")
    assert shown["types"]["PLANET"]["ar"] == "كوكب \"<أحمر>'"
    assert shown["stances"]["against"]["short"] == {"ar": "ضد", "en": "against"}
    match = re.search(r"static/\w+/labels.css", answer)
    assert match
    assert ".t0 { --label: #abcdef; }" in asked.get(f"/{match[0]}").text
    assert match[0] not in client().get("/").text  # another digest


# ------------------------------------------------------------------------------------------------- POST /page


def test_an_article_becomes_a_file_to_save(annotated: list[Article]) -> None:
    answer = client().post("/page", content=annotated[0].to_json(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["cache-control"] == "no-store"
    assert is_guarded(answer.headers)
    assert "حزب النخيل الأخضر" in answer.text
    assert answer.text.count('class="edge"') == 3


@pytest.mark.parametrize(
    ("content", "kind", "status", "code", "field"),
    [
        ('{"id": "a", "text": "نص"}', "text/plain", 415, "wrong_content_type", None),
        ('{"id": "a"}', "application/json", 422, "invalid_article", "text"),
        ("[", "application/json; charset=utf-8", 422, "invalid_article", None),
        ('{"text": "' + "ا" * 600 + '"}', "application/json", 413, "body_too_large", None),
        (
            '{"text":"x","mentions":[{"start":0,"end":9,"type":"A"}]}',
            "application/json",
            422,
            "invalid_article",
            "mentions[0]",
        ),
    ],
)
def test_what_is_no_article_gets_a_json_error(
    content: str, kind: str, status: int, code: str, field: str | None
) -> None:
    answer = client(settings=Settings(max_body_bytes=1000)).post(
        "/page", content=content.encode(), headers={"Content-Type": kind}
    )
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["code"], error.get("field")) == (code, field)
    assert error["message"]


def test_spans_that_overlap_without_end_are_refused() -> None:
    half = 3000
    mentions = [{"start": i, "end": 2 * half - i, "type": "PERS"} for i in range(half)]
    body = {"id": "a", "text": "ا" * 2 * half, "mentions": mentions}
    answer = client().post("/page", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "article_too_long")
    assert client().post("/page", json=body | {"mentions": mentions[:10]}).status_code == 200


def test_the_application_may_check_first() -> None:
    def check(request: Request) -> None:
        raise HTTPException(401)

    asked = client(check=check)
    assert asked.post("/page", content="{}", headers={"Content-Type": "application/json"}).status_code == 401
    assert asked.get("/").status_code == 200  # where the key is asked for
