"""A client of `mawaqif serve`: articles in, the same articles out, tagged.

    with Client("http://127.0.0.1:8000") as client:
        article = client.tag("رفض البرلمان الخطة.")           # a text or an Article
        articles = client.tag_many(articles)                  # a list
        for article in client.stream(articles): ...           # any number, in order

`AsyncClient` is the same with `await` and `async for`. What the service refuses is raised:

    MawaqifError
    └── ServiceError                what the service says: code, message, field, status
        ├── RefusedError            the request or an article in it cannot be used (400, 404, 405, 408, 413, 415, 422)
        ├── KeyRefusedError         no API key, or a wrong one (401)
        ├── OverloadedError         still no room after all tries (503)
        ├── TimedOutError           not tagged in time (504)
        ├── ServiceFailedError      a fault of the service (500), or an answer that is none of its own
        └── UnreachableError        no connection, or it broke

A full queue is no error at first: the client waits as long as Retry-After says and tries again, `retries` times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mawaqif.article import Article
from mawaqif.errors import require
from mawaqif.wire import (
    INFO,
    KeyRefusedError,
    OnError,
    OverloadedError,
    RefusedError,
    Request,
    ServiceError,
    ServiceFailedError,
    TimedOutError,
    UnreachableError,
    ask_list,
    ask_one,
    ask_stream,
    check,
    read_article,
    read_articles,
    read_lines,
    read_object,
    sent,
)

if TYPE_CHECKING:
    import httpx

__all__ = [
    "AsyncClient",
    "Client",
    "KeyRefusedError",
    "OverloadedError",
    "RefusedError",
    "ServiceError",
    "ServiceFailedError",
    "TimedOutError",
    "UnreachableError",
]

_LONGEST_WAIT = 60.0  # seconds, whatever Retry-After says
_SECONDS = 120.0  # for an answer: longer than the service's own limit


class _Common:
    """What the two clients share: how requests are built and answers read."""

    def __init__(self, url: str, *, key: str | None, retries: int, timeout: float) -> None:
        self._httpx = require("httpx", "client")
        self._retries = retries
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._options: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": timeout}
        self._limits: dict[str, Any] | None = None

    def _unreachable(self, error: Exception) -> ServiceError:
        return UnreachableError("unreachable", f"{self._options['base_url']}: {error or type(error).__name__}")

    def _wait(self, response: httpx.Response, tries: int) -> float | None:
        """Seconds to wait before the next try; None: this answer is final."""
        if response.status_code != 503 or tries >= self._retries:
            return None
        try:
            return min(_LONGEST_WAIT, max(0.0, float(response.headers.get("Retry-After", "1"))))
        except ValueError:
            return 1.0

    def _parts(self, articles: Iterable[Article]) -> Iterator[list[Article]]:
        """As many as one request may hold, in order."""
        limits = self._limits or {}
        most, size = limits.get("max_articles", 1), limits.get("queue_characters", 1)
        length = limits.get("max_body_bytes", 1) // 2
        part: list[Article] = []
        held = [0, 0]
        for article in articles:
            added = [len(article.text), len(sent(article).encode()) + 2]
            if part and (len(part) == most or held[0] + added[0] > size or held[1] + added[1] > length):
                yield part
                part, held = [], [0, 0]
            part.append(article)
            held = [a + b for a, b in zip(held, added, strict=True)]
        if part:
            yield part


class Client(_Common):
    """A connection to the service at `url`.

    key: an API key. retries: how often a request is repeated while the queue is full. timeout: seconds for an answer.
    """

    def __init__(self, url: str, *, key: str | None = None, retries: int = 5, timeout: float = _SECONDS) -> None:
        super().__init__(url, key=key, retries=retries, timeout=timeout)
        self._client: httpx.Client = self._httpx.Client(**self._options)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def tag(self, article: Article | str, *, min_score: float | None = None, evidence: bool = True) -> Article:
        """The article with its mentions, entities and stances. Raises ServiceError."""
        return read_article(self._send(ask_one(article, min_score, evidence)).content)

    def tag_many(
        self, articles: Sequence[Article], *, min_score: float | None = None, evidence: bool = True
    ) -> list[Article]:
        """The articles, in order, in as many requests as need be. Raises ServiceError, also for one of them."""
        self._know_limits()
        tagged: list[Article] = []
        for part in self._parts(articles):
            tagged += read_articles(self._send(ask_list(part, min_score, evidence)), len(part))
        return tagged

    def stream(
        self,
        articles: Iterable[Article],
        *,
        min_score: float | None = None,
        evidence: bool = True,
        on_error: OnError | None = None,
    ) -> Iterator[Article]:
        """Tags any number of articles, in order. What is said of one that cannot be tagged goes to `on_error`, and
        the rest goes on; it is raised where that is None."""
        self._know_limits()
        for part in self._parts(articles):
            response = self._send(ask_stream(part, min_score, evidence))
            yield from read_lines(response, part, on_error)

    def info(self) -> dict[str, Any]:
        """What `/info` says: version, model with its card and labels, limits."""
        return read_object(self._send(INFO))

    def health(self) -> bool:
        """Whether the service takes articles; False also where it cannot be reached."""
        try:
            return self._client.get("/health/ready").status_code == 200
        except self._httpx.TransportError:
            return False

    def _know_limits(self) -> None:
        self._limits = self._limits or self.info()["limits"]

    def _send(self, request: Request) -> httpx.Response:
        tries = 0
        while True:
            try:
                response = self._client.request(request.method, request.path, **request.options())
            except self._httpx.TransportError as error:
                raise self._unreachable(error) from error
            if (seconds := self._wait(response, tries)) is None:
                check(response)
                return response
            tries += 1
            time.sleep(seconds)


class AsyncClient(_Common):
    """As `Client`, for asyncio."""

    def __init__(self, url: str, *, key: str | None = None, retries: int = 5, timeout: float = _SECONDS) -> None:
        super().__init__(url, key=key, retries=retries, timeout=timeout)
        self._client: httpx.AsyncClient = self._httpx.AsyncClient(**self._options)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def tag(self, article: Article | str, *, min_score: float | None = None, evidence: bool = True) -> Article:
        """As `Client.tag`."""
        return read_article((await self._send(ask_one(article, min_score, evidence))).content)

    async def tag_many(
        self, articles: Sequence[Article], *, min_score: float | None = None, evidence: bool = True
    ) -> list[Article]:
        """As `Client.tag_many`."""
        await self._know_limits()
        tagged: list[Article] = []
        for part in self._parts(articles):
            tagged += read_articles(await self._send(ask_list(part, min_score, evidence)), len(part))
        return tagged

    async def stream(
        self,
        articles: Iterable[Article],
        *,
        min_score: float | None = None,
        evidence: bool = True,
        on_error: OnError | None = None,
    ) -> AsyncIterator[Article]:
        """As `Client.stream`."""
        await self._know_limits()
        for part in self._parts(articles):
            response = await self._send(ask_stream(part, min_score, evidence))
            for article in read_lines(response, part, on_error):
                yield article

    async def info(self) -> dict[str, Any]:
        """As `Client.info`."""
        return read_object(await self._send(INFO))

    async def health(self) -> bool:
        """As `Client.health`."""
        try:
            return (await self._client.get("/health/ready")).status_code == 200
        except self._httpx.TransportError:
            return False

    async def _know_limits(self) -> None:
        self._limits = self._limits or (await self.info())["limits"]

    async def _send(self, request: Request) -> httpx.Response:
        tries = 0
        while True:
            try:
                response = await self._client.request(request.method, request.path, **request.options())
            except self._httpx.TransportError as error:
                raise self._unreachable(error) from error
            if (seconds := self._wait(response, tries)) is None:
                check(response)
                return response
            tries += 1
            await asyncio.sleep(seconds)
