"""The service as its clients see it: what goes in and comes out at every path, and every limit."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mawaqif
from mawaqif.article import Article
from mawaqif.inference.server.settings import Settings

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل."
Refused = Callable[..., dict[str, Any]]
# No half characters: they are no UTF-8, and have a test of their own.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def test_an_article_comes_back_with_its_tags(service: Any, expected: Callable[..., Article]) -> None:
    given = {"id": "n1", "text": TEXT, "title": "ع", "date": "2031-03-12", "source": "s", "url": {"a": [1, None]}}
    response = service.post(json=given)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert Article.from_json(response.content) == expected(Article.from_dict(given))
    assert {key: response.json()[key] for key in given} == given


def test_a_list_comes_back_as_a_list(service: Any) -> None:
    assert [a["id"] for a in service.post(json=[{"text": TEXT}, {"id": 7, "text": "ب"}]).json()] == ["request:1", "7"]
    assert len(service.post(json=[{"text": TEXT}]).json()) == 1


@settings(max_examples=30)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_texts_come_back_as_they_were(service: Any, texts: list[str]) -> None:
    answers = service.post(json=[{"text": text} for text in texts]).json()
    assert [answer["text"] for answer in answers] == texts
    for answer in answers:
        Article.from_dict(answer)  # every span is one of its own text


def test_annotations_that_come_in_are_replaced(service: Any) -> None:
    response = service.post(json={"text": TEXT, "mentions": [{"start": 900}], "entities": 3, "stances": None})
    assert [entity["id"] for entity in response.json()["entities"]] == ["e1"]


def test_options_reach_the_tagger(service: Any) -> None:
    response = service.post("/tag?min_score=0.25&evidence=false", {"text": TEXT})
    assert "evidence" not in response.json()["stances"][0]
    assert service.tagger.choices[-1] == (0.25, False)
    assert "evidence" in service.post("/tag?evidence=true", {"text": TEXT}).json()["stances"][0]
    assert service.tagger.choices[-1] == (None, True)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("min_score=2", "min_score"),
        ("min_score=nan", "min_score"),
        ("min_score=", "min_score"),
        ("evidence=off", "evidence"),
        ("evidence=1", "evidence"),
        ("min_scor=0.5", "min_scor"),
    ],
)
@pytest.mark.parametrize("path", ["/tag", "/tag/stream"])
def test_wrong_options(service: Any, refused: Refused, path: str, query: str, field: str) -> None:
    assert refused(service.post(f"{path}?{query}", {"text": TEXT}), 422, "invalid_option")["field"] == field


# ------------------------------------------------------------------------------------------------ bodies that are wrong


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"text": "' + TEXT.encode() + b'"', b'"\xff"', b"[Infinity]", b"[" * 100_000, b"1" * 5000, b"{}{}"],
    ids=["empty", "cut", "cut text", "no UTF-8", "Infinity", "deep", "huge number", "two values"],
)
def test_malformed_json(service: Any, refused: Refused, body: bytes) -> None:
    refused(service.post(content=body, headers={"Content-Type": "application/json"}), 400, "malformed_json")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("text", None),
        (7, None),
        (None, None),
        ([], None),
        ([[]], "[0]"),
        ([{"text": TEXT}, TEXT], "[1]"),
        ({}, "text"),
        ({"text": 7}, "text"),
        ({"text": None}, "text"),
        ({"text": " \n\u00a0"}, "text"),
        ({"text": "half \ud800"}, "text"),
        ({"id": [], "text": TEXT}, "id"),
        ({"id": True, "text": TEXT}, "id"),
        ({"text": TEXT, "title": 3}, "title"),
        ([{"text": TEXT}, {"text": TEXT, "date": 1.5}], "[1].date"),
        ({"text": TEXT, "more\udcff": 1}, None),
    ],
)
def test_wrong_types(service: Any, refused: Refused, body: Any, field: str | None) -> None:
    content, headers = json.dumps(body), {"Content-Type": "application/json"}
    assert refused(service.post(content=content, headers=headers), 422, "invalid_article").get("field") == field


def test_a_number_that_is_none_is_refused(service: Any, refused: Refused) -> None:
    headers = {"Content-Type": "application/json"}
    error = refused(service.post(content=b'{"text": "a", "n": 1e999}', headers=headers), 422, "invalid_article")
    assert error["field"] == "n"
    assert service.post(content=b'{"text": "a", "n": NaN}', headers=headers).json()["n"] is None


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_page_of_another_origin_cannot_post_unasked(service: Any, refused: Refused, kind: str) -> None:
    for path in ("/tag", "/tag/stream"):
        response = service.post(path, content=b'{"text": "a"}', headers={"Content-Type": kind})
        assert "Content-Type" in refused(response, 415, "wrong_content_type")["message"]


def test_compressed_bodies_are_refused(service: Any, refused: Refused) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    refused(service.post(content=b"\x1f\x8b", headers=headers), 415, "wrong_content_type")


def test_other_paths_and_methods(service: Any, refused: Refused) -> None:
    refused(service.client.get("/nowhere"), 404, "not_found")
    response = service.client.get("/tag")
    assert "POST" in refused(response, 405, "method_not_allowed")["message"]
    assert response.headers["allow"] == "POST"


# --------------------------------------------------------------------------------------------------------------- limits


@pytest.fixture(scope="module")
def small(serving: Callable[..., Any]) -> Iterator[Any]:
    """A server with small limits."""
    limits = {"max_body_bytes": 5000, "max_articles": 4, "max_article_characters": 100, "queue_characters": 200}
    with serving(Settings(**limits)) as service:
        yield service


def test_a_body_with_too_many_bytes(small: Any, refused: Refused) -> None:
    assert "5,000 bytes" in refused(small.post(json={"text": "x" * 5000}), 413, "body_too_large")["message"]
    chunks = (b"[" * 1000 for _ in range(6))
    headers = {"Content-Type": "application/json"}
    refused(small.post(content=chunks, headers=headers), 413, "body_too_large")
    assert small.post(json={"text": "x" * 100, "more": "x" * 4000}).status_code == 200


def test_an_article_that_is_too_long(small: Any, refused: Refused) -> None:
    error = refused(small.post(json=[{"text": "ا"}, {"id": "n2", "text": "ا" * 101}]), 413, "article_too_long")
    assert (error["field"], error["id"]) == ("[1].text", "n2")
    assert refused(small.post(json={"text": "ا" * 101}), 413, "article_too_long")["field"] == "text"
    assert small.post(json={"text": "ا" * 100}).status_code == 200


def test_a_list_that_is_too_long(small: Any, refused: Refused) -> None:
    refused(small.post(json=[{"text": "ا"}] * 5), 413, "too_many_articles")
    assert len(small.post(json=[{"text": "ا"}] * 4).json()) == 4


def test_a_list_that_no_queue_could_hold_is_not_told_to_come_again(small: Any, refused: Refused) -> None:
    refused(small.post(json=[{"text": "ا" * 90}] * 3), 413, "body_too_large")


def test_an_article_of_100_000_words(service: Any, refused: Refused) -> None:
    refused(service.post(json={"text": "كلمات " * 100_000}), 413, "article_too_long")


def test_a_body_of_50_megabytes(service: Any, refused: Refused) -> None:
    headers = {"Content-Type": "application/json"}
    refused(service.post(content=b"x" * 50_000_000, headers=headers), 413, "body_too_large")
    chunks = (b"x" * 1_000_000 for _ in range(50))
    refused(service.post(content=chunks, headers=headers), 413, "body_too_large")
    assert service.post(json={"text": TEXT}).status_code == 200  # and the connection can still be used


# --------------------------------------------------------------------------------------------------- queue and overload


def test_overload_is_told_at_once_and_what_was_accepted_is_answered(held: Any, refused: Refused) -> None:
    with ThreadPoolExecutor(4) as pool:
        accepted = [pool.submit(held.post, json={"id": str(n), "text": TEXT}) for n in range(4)]
        held.waiting(4)
        response = held.post(json={"text": TEXT})
        assert int(response.headers["retry-after"]) >= 1
        refused(response, 503, "overloaded")
        refused(held.post("/tag/stream", json={"text": TEXT}), 503, "overloaded")
        held.tagger.gate.set()
        assert sorted(answer.result().json()["id"] for answer in accepted) == ["0", "1", "2", "3"]
    assert held.post(json={"text": TEXT}).status_code == 200


def test_a_list_is_taken_whole_or_not_at_all(held: Any, refused: Refused) -> None:
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(held.post, json=[{"text": TEXT}] * 3)
        held.waiting(3)
        refused(held.post(json=[{"text": TEXT}] * 2), 503, "overloaded")
        assert held.metric("mawaqif_queue_articles") == 3
        held.tagger.gate.set()
        assert len(accepted.result().json()) == 3


def test_the_queue_is_bounded_in_characters_too(held: Any, refused: Refused) -> None:
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(held.post, json={"text": "ا" * 900})
        held.waiting(1)
        refused(held.post(json={"text": "ا" * 200}), 503, "overloaded")
        held.tagger.gate.set()
        assert accepted.result().status_code == 200


def test_requests_are_bounded_too(serving: Callable[..., Any], refused: Refused) -> None:
    with serving(Settings(max_requests=2)) as service, ThreadPoolExecutor(2) as pool:
        service.tagger.gate.clear()
        accepted = [pool.submit(service.post, json={"text": TEXT}) for _ in range(2)]
        service.wait(lambda: service.metric("mawaqif_active_requests") == 2)
        refused(service.post(json={"text": TEXT}), 503, "overloaded")
        assert service.client.get("/health/ready").status_code == 200
        service.tagger.gate.set()
        assert [answer.result().status_code for answer in accepted] == [200, 200]


def test_requests_that_wait_are_tagged_together(held: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        for n, options in enumerate(["", "?min_score=0.5", "", "?min_score=0.5"]):
            pool.submit(held.post, f"/tag{options}", {"id": str(n), "text": TEXT})
            held.waiting(n + 1)
        held.tagger.gate.set()
    assert held.tagger.batches == [["first"], ["0", "2"], ["1", "3"]]
    assert [score for score, _ in held.tagger.choices] == [None, None, 0.5]


def test_a_request_that_takes_too_long(serving: Callable[..., Any], refused: Refused) -> None:
    with serving(Settings(request_seconds=0.3)) as service, ThreadPoolExecutor(2) as pool:
        service.tagger.gate.clear()
        late = [pool.submit(service.post, json={"id": "first", "text": TEXT})]
        assert service.tagger.busy.wait(10)
        late.append(pool.submit(service.post, json=[{"text": TEXT}] * 3))
        for answer in late:
            refused(answer.result(), 504, "timed_out")
        service.waiting(0)  # what still waited has left the queue
        service.tagger.gate.set()
        service.wait(lambda: service.post(json={"id": "last", "text": TEXT}).status_code == 200)
        assert service.tagger.batches[0] == ["first"]
        assert {id for batch in service.tagger.batches for id in batch} == {"first", "last"}


def test_an_article_on_which_the_model_fails_is_alone_in_that(held: Any, refused: Refused) -> None:
    with ThreadPoolExecutor(3) as pool:
        good = pool.submit(held.post, json={"text": TEXT})
        bad = pool.submit(held.post, json={"id": "bad", "text": "BOOM"})
        mixed = pool.submit(held.post, json=[{"text": TEXT}, {"text": "BOOM"}])
        held.waiting(4)
        held.tagger.gate.set()
        assert good.result().status_code == 200
        assert refused(bad.result(), 500, "tagging_failed")["id"] == "bad"
        assert refused(mixed.result(), 500, "tagging_failed")["field"] == "[1]"


def test_concurrent_clients_get_their_own_texts(service: Any) -> None:
    def client(number: int) -> list[tuple[str, str, str]]:
        with mawaqif_client(service) as own:
            answers = []
            for turn in range(10):
                text = f"نص{number}x{turn} " + "كلمة " * ((number * turn) % 7)
                size = 1 + (number + turn) % 3
                given = [{"id": f"{number}.{turn}.{n}", "text": f"{text}{n}"} for n in range(size)]
                options = "?evidence=false" if turn % 3 == 0 else ""
                for sent, got in zip(given, own.post(f"/tag{options}", json=given).json(), strict=True):
                    answers.append((sent["id"] + sent["text"], got["id"] + got["text"], got["entities"][0]["name"]))
            return answers

    with ThreadPoolExecutor(8) as pool:
        found = [answer for answers in pool.map(client, range(8)) for answer in answers]
    assert len(found) > 100
    assert all(sent == got and name == sent.split("نص")[1].join(["نص", ""]).split()[0] for sent, got, name in found)


def mawaqif_client(service: Any) -> Any:
    import httpx

    return httpx.Client(base_url=service.client.base_url, timeout=30)


# --------------------------------------------------------------------------------------------------------- about itself


def test_health(service: Any) -> None:
    for path, status in (("/health", "ready"), ("/health/ready", "ready"), ("/health/live", "live")):
        response = service.client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": status})


def test_info_tells_the_limits(service: Any) -> None:
    info = service.client.get("/info").json()
    assert info["version"] == mawaqif.__version__
    assert info["limits"]["max_articles"] == Settings().max_articles
    assert info["versions"]["fastapi"]
    assert info["model"] is None  # a stand-in has no files


def test_metrics_count(service: Any) -> None:
    before = service.metric("mawaqif_articles_total", outcome="tagged") or 0
    service.post(json=[{"text": TEXT}] * 3)
    assert service.metric("mawaqif_articles_total", outcome="tagged") == before + 3
    response = service.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert f'mawaqif_articles_total{{outcome="tagged"}} {before + 3}' in response.text


def test_the_root_leads_somewhere(service: Any) -> None:
    assert service.client.get("/", follow_redirects=True).status_code == 200


def test_the_docs_load_nothing_from_elsewhere(service: Any) -> None:
    page = service.client.get("/docs")
    assert "'unsafe-eval'" not in page.headers["content-security-policy"]
    assert "//" not in page.text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f'"docs/{asset}"' in page.text
        assert service.client.get(f"/docs/{asset}").status_code == 200


def test_headers(service: Any, refused: Refused) -> None:
    for response in (service.post(json={"text": TEXT}), service.client.get("/nowhere")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "server" not in response.headers
        assert "access-control-allow-origin" not in response.headers


def test_cors_is_for_those_who_are_named(serving: Callable[..., Any]) -> None:
    with serving(Settings(cors_origins=["https://news.example"])) as service:
        for origin, allowed in (("https://news.example", "https://news.example"), ("https://other.example", None)):
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            preflight = service.client.options("/tag", headers=asked)
            response = service.post(json={"text": TEXT}, headers={"Origin": origin})
            assert preflight.headers.get("access-control-allow-origin") == allowed
            assert response.headers.get("access-control-allow-origin") == allowed
            error = service.post(json={}, headers={"Origin": origin})
            assert error.headers.get("access-control-allow-origin") == allowed


def test_no_text_in_the_log(service: Any, caplog: pytest.LogCaptureFixture) -> None:
    secret = "سرمكتوم"
    with caplog.at_level("DEBUG"):
        service.post(json={"id": secret, "text": f"{secret} BOOM"})
        service.post(json={"id": secret, "text": secret, secret: secret})
        service.post(json={"text": [secret]})
        service.post(content=f'{{"{secret}'.encode(), headers={"Content-Type": "application/json"})
        service.post(f"/tag?{secret}={secret}", {"text": secret})
        service.post("/tag/stream", content=f"{secret}\n", headers={"Content-Type": "application/x-ndjson"})
        service.client.get(f"/{secret}")
        service.client.request(secret.encode().hex().upper(), "/tag")
    ours = [record for record in caplog.records if record.name.startswith(("mawaqif", "uvicorn"))]
    assert len(ours) >= 8
    for record in ours:
        shown = record.getMessage() + str(record.exc_info or "")
        assert secret not in shown
        assert secret.encode().hex().upper() not in shown
        assert "%D8" not in shown


def test_a_fault_of_the_service_is_an_answer_without_details(
    service: Any, refused: Refused, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(service.app.state.batcher, "submit", broken)
    assert "secret" not in refused(service.post(json={"text": TEXT}), 500, "internal_error")["message"]
    assert "secret" not in caplog.text
    assert "KeyError at " in caplog.text


def test_threads_do_not_grow(service: Any) -> None:
    service.post(json={"text": TEXT})
    before = threading.active_count()
    for _ in range(5):
        service.post(json={"text": TEXT})
    assert threading.active_count() <= before
