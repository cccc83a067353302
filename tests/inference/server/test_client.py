"""`mawaqif.client`, against the real service, and against one that answers what a test wants."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from mawaqif import client as module
from mawaqif.article import Article
from mawaqif.client import AsyncClient, Client
from mawaqif.errors import ArticleError, MissingExtraError
from mawaqif.inference.server.settings import Settings

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل."
ARTICLES = [Article.from_dict({"id": f"n{n}", "text": f"{TEXT} {n}\u2028\r\n", "url": n}) for n in range(150)]


class Both:
    """The sync and the async client behind one face: every test is of both."""

    def __init__(self, asynchronous: bool, url: str, **options: Any) -> None:
        self.asynchronous, self.url, self.options = asynchronous, url, options

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if not self.asynchronous:
                with Client(self.url, **self.options) as client:
                    self.adapt(client)
                    found = getattr(client, name)(*arguments, **options)
                    return list(found) if name == "stream" else found
            return asyncio.run(run(*arguments, **options))

        async def run(*arguments: Any, **options: Any) -> Any:
            async with AsyncClient(self.url, **self.options) as client:
                self.adapt(client)
                found = getattr(client, name)(*arguments, **options)
                return [each async for each in found] if name == "stream" else await found

        return call

    def adapt(self, client: Any) -> None:
        """Nothing to change."""


class Scripted(Both):
    """Talks to a function instead of a service."""

    def __init__(self, asynchronous: bool, answer: Callable[[httpx.Request], httpx.Response], **options: Any) -> None:
        super().__init__(asynchronous, "http://service", **options)
        self.answer = answer

    def adapt(self, client: Any) -> None:
        kind = httpx.AsyncClient if self.asynchronous else httpx.Client
        client._client = kind(base_url=self.url, transport=httpx.MockTransport(self.answer))


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def client(asynchronous: bool, service: Any) -> Both:
    return Both(asynchronous, str(service.client.base_url))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which a client would have waited."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    # In the module alone: a server sleeps in another thread of this process.
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=sleep))
    return waited


def test_one_article(client: Both, expected: Callable[..., Article]) -> None:
    assert client.tag(ARTICLES[0]) == expected(ARTICLES[0])
    assert client.tag(expected(ARTICLES[0]), evidence=False) == expected(ARTICLES[0], evidence=False)


def test_one_text(client: Both) -> None:
    assert client.tag(TEXT, min_score=0.5).text == TEXT
    with pytest.raises(ArticleError, match="lone surrogate"):
        client.tag("half \ud800")


def test_more_articles_than_one_request_holds(client: Both, expected: Callable[..., Article]) -> None:
    assert client.tag_many(ARTICLES) == [expected(article) for article in ARTICLES]
    assert client.tag_many([]) == []


def test_long_articles_go_in_requests_of_their_own(client: Both, service: Any) -> None:
    given = [Article(id=str(n), text="كلمة " * 15_000) for n in range(15)]
    assert [article.id for article in client.tag_many(given)] == [article.id for article in given]
    assert [article.id for article in client.stream(given)] == [article.id for article in given]


def test_a_stream(client: Both, expected: Callable[..., Article]) -> None:
    assert client.stream(iter(ARTICLES)) == [expected(article) for article in ARTICLES]


def test_a_stream_goes_on_after_an_error(client: Both) -> None:
    given = [*ARTICLES[:2], Article(id="bad", text="BOOM"), Article(id="long", text="ا" * 100_001), *ARTICLES[2:4]]
    errors: list[module.ServiceError] = []
    assert [article.id for article in client.stream(given, on_error=errors.append)] == ["n0", "n1", "n2", "n3"]
    assert [(type(error), error.article_id) for error in errors] == [
        (module.ServiceFailedError, "bad"),
        (module.RefusedError, "long"),
    ]
    with pytest.raises(module.ServiceFailedError, match="article 'bad': the model failed"):
        client.stream(given)


def test_what_is_refused_is_raised(client: Both) -> None:
    with pytest.raises(module.RefusedError, match=r"article 'x': text: is empty") as raised:
        client.tag(Article(id="x", text=" "))
    assert (raised.value.status, raised.value.code, raised.value.field) == (422, "invalid_article", "text")
    with pytest.raises(module.RefusedError, match="min_score"):
        client.tag(TEXT, min_score=3)
    with pytest.raises(module.ServiceFailedError):
        client.tag("BOOM")


def test_info_and_health(client: Both, asynchronous: bool) -> None:
    assert client.health() is True
    assert client.info()["limits"]["max_articles"] == Settings().max_articles
    away = Both(asynchronous, "http://127.0.0.1:1")
    assert away.health() is False
    with pytest.raises(module.UnreachableError, match=r"http://127\.0\.0\.1:1: "):
        away.tag(TEXT)


def test_keys(serving: Callable[..., Any], asynchronous: bool) -> None:
    with serving(Settings(keys=["0123456789abcdef"])) as service:
        url = str(service.client.base_url)
        assert Both(asynchronous, url, key="0123456789abcdef").tag(TEXT).text == TEXT
        with pytest.raises(module.KeyRefusedError):
            Both(asynchronous, url).tag(TEXT)


def overloaded(times: int, wait: str) -> Callable[[httpx.Request], httpx.Response]:
    left = iter(range(times))

    def answer(request: httpx.Request) -> httpx.Response:
        if next(left, None) is not None:
            error = {"error": {"code": "overloaded", "message": "full"}}
            return httpx.Response(503, json=error, headers={"Retry-After": wait})
        return httpx.Response(200, json={**json.loads(request.content), "entities": []})

    return answer


def test_a_full_queue_is_waited_for(asynchronous: bool, waits: list[float]) -> None:
    assert Scripted(asynchronous, overloaded(3, "7")).tag(TEXT).text == TEXT
    assert waits == [7, 7, 7]


@pytest.mark.parametrize(("wait", "waited"), [("100000", 60), ("soon", 1), ("-3", 0)])
def test_but_not_for_ever(asynchronous: bool, waits: list[float], wait: str, waited: float) -> None:
    with pytest.raises(module.OverloadedError) as raised:
        Scripted(asynchronous, overloaded(9, wait), retries=2).tag(TEXT)
    assert raised.value.status == 503
    assert waits == [waited, waited]


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, "<html>"), (500, "[1]"), (502, '{"error": "x"}'), (200, "<html>"), (200, "[]"), (200, '{"id": 1}')],
)
def test_answers_of_something_else(asynchronous: bool, status: int, body: str) -> None:
    with pytest.raises(module.ServiceFailedError, match="none of mawaqif serve"):
        Scripted(asynchronous, lambda _: httpx.Response(status, text=body)).tag(TEXT)


def test_a_stream_that_is_cut(asynchronous: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/info":
            limits = {"max_articles": 9, "queue_characters": 9999, "max_body_bytes": 99999}
            return httpx.Response(200, json={"limits": limits})
        return httpx.Response(200, content=request.content.split(b"\n")[0] + b"\n")

    errors: list[module.ServiceError] = []
    found = Scripted(asynchronous, answer).stream(ARTICLES[:3], on_error=errors.append)
    assert [article.id for article in found] == ["n0"]
    assert [(error.code, error.article_id) for error in errors] == [("shutting_down", "n1"), ("shutting_down", "n2")]


def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError, match=r"mawaqif\[client\]"):
        Client("http://127.0.0.1:1")
