"""Micro-batches over all requests: articles wait in one bounded queue, and a thread of its own tags them, as many at
once as are there and fit together. The thread takes a batch as soon as it is free and never waits for the event loop.

A request is accepted whole or not at all. Whoever gives an article up cancels its future, which frees its place in the
queue at once; an article that is being tagged cannot be stopped, its result is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from mawaqif.article import Article
from mawaqif.inference.server.errors import ApiError, origin
from mawaqif.inference.server.metrics import Metrics
from mawaqif.inference.server.settings import Settings

__all__ = ["Batcher", "Choice", "TaggerLike"]

log = logging.getLogger("mawaqif.server")

_SMOOTHING = 0.2  # weight of the last batch in the measured speed
_LONGEST_WAIT = 60  # seconds that a client is told to stay away


class TaggerLike(Protocol):
    """What tags: a `Tagger`, or anything with its method `pipe`."""

    def pipe(
        self, articles: Iterable[Article], *, min_score: float | None = None, evidence: bool = True, batch_size: int
    ) -> Iterator[Article]: ...


class Choice(NamedTuple):
    """How articles are to be tagged; only those with the same choice can be tagged together."""

    min_score: float | None = None
    evidence: bool = True


@dataclass(eq=False, frozen=True)
class _Job:
    article: Article
    choice: Choice
    future: asyncio.Future[Article]

    @property
    def size(self) -> int:
        return len(self.article.text)


class Batcher:
    """The queue and its thread. `start` and `stop` it on the event loop on which it is used."""

    def __init__(self, tagger: TaggerLike, settings: Settings, metrics: Metrics) -> None:
        self._tagger, self._settings, self._metrics = tagger, settings, metrics
        self._waiting: dict[_Job, None] = {}  # in order of arrival
        self._size = 0  # characters waiting
        self._changed = threading.Condition()  # guards all of these
        self._stopped = False
        self._speed: float | None = None  # characters a second
        self._running = 0  # characters that are being tagged
        self._thread = ThreadPoolExecutor(1, "tagging")
        self._alive: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hopeful: set[asyncio.Future[None]] = set()  # who waits for room
        self.draining = asyncio.Event()

    # ------------------------------------------------------------------------------------------- on the event loop

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._alive = self._thread.submit(self._work)

    @property
    def ready(self) -> bool:
        """Whether articles are taken and tagged."""
        return self._alive is not None and not self._alive.done() and not self.draining.is_set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being tagged."""
        return not self._waiting and not self._running

    def drain(self) -> None:
        """From now on takes nothing more, and finishes what it has."""
        self.draining.set()
        self._wake()

    def stop(self) -> None:
        """Gives up what still waits and ends the thread after its batch. Does not wait for that."""
        self.draining.set()
        with self._changed:
            self._stopped = True
            waiting = list(self._waiting)
            self._changed.notify()
        for job in waiting:
            job.future.cancel()
        self._thread.shutdown(wait=False)

    def check(self, articles: int = 1, characters: int = 1) -> None:
        """Raises ApiError where no request of this size is taken at present."""
        if self.draining.is_set():
            raise ApiError("shutting_down", "the service is being stopped; try again", headers=self._retry_after())
        if not self._has_room(articles, characters):
            headers = self._retry_after()
            message = f"the queue is full; try again in {headers['Retry-After']} s (see the header Retry-After)"
            raise ApiError("overloaded", message, headers=headers)

    def submit(self, articles: Sequence[Article], choice: Choice) -> list[asyncio.Future[Article]]:
        """A future for each article, which becomes the tagged article or raises ApiError.

        Raises ApiError where they do not all find room. A future that is cancelled frees its place.
        """
        if self._loop is None:
            raise RuntimeError("start the batcher first")
        self.check(len(articles), sum(len(article.text) for article in articles))
        jobs = [_Job(article, choice, self._loop.create_future()) for article in articles]
        with self._changed:
            for job in jobs:
                self._waiting[job] = None
                self._size += job.size
            self._changed.notify()
        for job in jobs:
            job.future.add_done_callback(partial(self._forget, job))
        self._measure()
        return [job.future for job in jobs]

    async def submit_patiently(self, article: Article, choice: Choice, seconds: float) -> asyncio.Future[Article]:
        """As `submit`, for one article that waits for room, at most so long."""
        deadline = time.monotonic() + seconds
        while not self._has_room(1, len(article.text)) and (left := deadline - time.monotonic()) > 0:
            if self.draining.is_set():
                break
            hope = asyncio.get_running_loop().create_future()
            self._hopeful.add(hope)
            try:
                await asyncio.wait([hope], timeout=left)
            finally:
                self._hopeful.discard(hope)
        return self.submit([article], choice)[0]

    def _has_room(self, articles: int, characters: int) -> bool:
        settings = self._settings
        if len(self._waiting) + articles > settings.queue_articles:
            return False
        # What is accepted shall be done in time: half of it, since the speed is an estimate.
        slow = self._speed is not None and self._expected() > settings.request_seconds / 2
        return not slow and self._size + characters <= settings.queue_characters

    def _wake(self) -> None:
        self._measure()
        for hope in self._hopeful:
            if not hope.done():
                hope.set_result(None)

    def _forget(self, job: _Job, _: asyncio.Future[Article]) -> None:
        with self._changed:
            self._take(job)
        self._wake()

    def _take(self, job: _Job) -> bool:
        """Takes a job out of the queue, if it is still there."""
        if job not in self._waiting:
            return False
        del self._waiting[job]
        self._size -= job.size
        return True

    def _measure(self) -> None:
        self._metrics.queue_articles.set(len(self._waiting))
        self._metrics.queue_characters.set(self._size)

    def _expected(self) -> float:
        """Seconds until all that is there now will be done, as far as is known."""
        return (self._size + self._running) / self._speed if self._speed else 1.0

    def _retry_after(self) -> dict[str, str]:
        return {"Retry-After": str(min(_LONGEST_WAIT, max(1, math.ceil(self._expected()))))}

    def _deliver(self, batch: list[_Job], results: list[Article | ApiError]) -> None:
        for job, result in zip(batch, results, strict=True):
            outcome = "failed" if isinstance(result, ApiError) else "tagged"
            if job.future.done():  # given up meanwhile
                outcome = "given up"
            elif isinstance(result, ApiError):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
                self._metrics.characters.inc(job.size)
            self._metrics.articles.labels(outcome).inc()

    # ----------------------------------------------------------------------------------------------- in the thread

    def _work(self) -> None:
        while batch := self._next_batch():
            self._tell(self._wake)
            start = time.perf_counter()
            results = self._tag([job.article for job in batch], batch[0].choice)
            seconds = max(time.perf_counter() - start, 1e-6)
            speed = self._running / seconds
            self._speed = speed if self._speed is None else self._speed + _SMOOTHING * (speed - self._speed)
            self._running = 0
            self._metrics.batch_seconds.observe(seconds)
            self._metrics.batch_articles.observe(len(batch))
            self._tell(partial(self._deliver, batch, results))

    def _tell(self, what: Callable[[], None]) -> None:
        """Has the event loop do something, unless it has ended and nobody waits any more."""
        with suppress(RuntimeError):
            if self._loop:
                self._loop.call_soon_threadsafe(what)

    def _next_batch(self) -> list[_Job]:
        """Waits for articles and takes those that fit together with the oldest; none when all is to end."""
        batch: list[_Job] = []
        with self._changed:
            while not batch and not self._stopped:  # what was there may be given up while more is waited for
                self._changed.wait_for(lambda: self._waiting or self._stopped)
                if not self.draining.is_set():
                    self._changed.wait_for(self._filled, self._settings.batch_seconds)
                batch = self._oldest()
            self._running = sum(job.size for job in batch)
            for job in batch:
                self._take(job)
        return batch

    def _oldest(self) -> list[_Job]:
        settings, batch, size = self._settings, list[_Job](), 0
        for job in self._waiting:
            fits = job.choice == batch[0].choice and size + job.size <= settings.batch_characters if batch else True
            if fits:
                batch.append(job)
                size += job.size
            if len(batch) == settings.batch_articles or size >= settings.batch_characters:
                break
        return batch

    def _filled(self) -> bool:
        full = len(self._waiting) >= self._settings.batch_articles or self._size >= self._settings.batch_characters
        return full or self._stopped

    def _tag(self, articles: list[Article], choice: Choice) -> list[Article | ApiError]:
        """The results in order. An article on which the model fails is alone in that."""
        try:
            return list(self._tagger.pipe(articles, **choice._asdict(), batch_size=len(articles)))
        except Exception as error:
            if len(articles) > 1:
                return [result for article in articles for result in self._tag([article], choice)]
            log.error("an article of %d characters failed: %s", len(articles[0].text), origin(error))
            message = "the model failed on this article; leave it out, and report it with its text"
            return [ApiError("tagging_failed", message, article_id=articles[0].id)]
