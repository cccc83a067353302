"""A real server in a thread, on loopback, with a stand-in for the tagger that tests can hold up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from mawaqif.article import Article
from mawaqif.inference.server.app import create_app
from mawaqif.inference.server.run import Server, listen
from mawaqif.inference.server.settings import Settings

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل."


class StandIn:
    """Names the first word of a text, and lets the author favour it. Waits at its gate; fails on texts with BOOM."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()  # has begun a batch
        self.batches: list[list[str]] = []
        self.choices: list[tuple[float | None, bool]] = []

    def pipe(
        self, articles: Iterable[Article], *, min_score: float | None = None, evidence: bool = True, batch_size: int
    ) -> Iterator[Article]:
        articles = list(articles)
        self.batches.append([article.id for article in articles])
        self.choices.append((min_score, evidence))
        self.busy.set()
        assert self.gate.wait(20)
        for article in articles:
            if "BOOM" in article.text:
                raise ValueError(article.text)
            yield stand_in_tags(article, evidence)


def stand_in_tags(article: Article, evidence: bool = True) -> Article:
    start = len(article.text) - len(article.text.lstrip())
    end = start + len(article.text.split()[0])
    tagged: dict[str, Any] = {
        "mentions": [{"start": start, "end": end, "type": "ORG", "entity": "e1", "score": 0.5}],
        "entities": [{"id": "e1", "type": "ORG", "name": article.text[start:end]}],
        "stances": [{"holder": "AUTHOR", "target": "e1", "stance": "favor", "score": 0.5}],
    }
    if evidence:
        tagged["stances"][0]["evidence"] = [start, end]
    return Article.from_dict(article.to_dict() | tagged)


@dataclass
class Service:
    """A running server, its stand-in and a client."""

    app: FastAPI
    tagger: StandIn
    client: httpx.Client
    port: int

    def post(self, path: str = "/tag", json: Any = None, **options: Any) -> httpx.Response:
        return self.client.post(path, json=json, **options)

    def metric(self, name: str, **labels: str) -> float | None:
        value: float | None = self.app.state.metrics.registry.get_sample_value(name, labels)
        return value

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until the server, which runs beside the test, has come so far."""
        until = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.005)

    def waiting(self, articles: int) -> None:
        self.wait(lambda: self.metric("mawaqif_queue_articles") == articles)


@contextmanager
def running(settings: Settings | None = None, tagger: StandIn | None = None) -> Iterator[Service]:
    settings, tagger = settings or Settings(), tagger or StandIn()
    app = create_app(tagger, settings)
    with listen("127.0.0.1", 0, settings) as listener:
        server = Server(app, listener)
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                service = Service(app, tagger, client, port)
                service.wait(lambda: server.started)
                yield service
        finally:
            tagger.gate.set()
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="package")
def service() -> Iterator[Service]:
    """A server with the default settings, which no test may hold up."""
    with running() as service:
        yield service


@pytest.fixture
def held() -> Iterator[Service]:
    """A server of one's own, with a short queue, whose tagger is busy with one article until its gate is opened."""
    settings = Settings(queue_articles=4, max_articles=4, queue_characters=1000, max_article_characters=1000)
    with running(settings) as service:
        service.tagger.gate.clear()
        thread = threading.Thread(target=service.post, kwargs={"json": {"id": "first", "text": TEXT}})
        thread.start()
        try:
            assert service.tagger.busy.wait(10)
            service.waiting(0)  # the measure follows the batch by a moment
            yield service
        finally:
            service.tagger.gate.set()
            thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[Service]]:
    """Runs a server of one's own: `with serving(Settings(…)) as service`."""
    return running


@pytest.fixture(scope="session")
def refused() -> Callable[..., dict[str, Any]]:
    """Asserts that a response is an error with this status and code, and gives it."""
    return _refused


@pytest.fixture(scope="session")
def expected() -> Callable[..., Article]:
    """What the stand-in makes of an article."""
    return stand_in_tags


def _refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"]
    assert body["error"]["code"] == code, body
    assert body["error"]["message"]
    return dict(body["error"])
