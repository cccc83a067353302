"""The queue: whatever comes, is given up or fails, everybody gets his own result, and no place is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.inference.server.batching import Batcher, Choice
from mawaqif.inference.server.errors import ApiError
from mawaqif.inference.server.metrics import Metrics
from mawaqif.inference.server.settings import Settings

SETTINGS = Settings(
    batch_articles=4,
    batch_characters=100,
    batch_seconds=0,
    queue_articles=30,
    max_articles=30,
    queue_characters=1500,
    max_article_characters=300,
)
CHOICES = (Choice(), Choice(0.5), Choice(None, False))


class Echo:
    """Puts what it was asked into the title; fails on every text with an exclamation mark, and the batch with it."""

    def __init__(self) -> None:
        self.batches: list[list[Article]] = []

    def pipe(
        self, articles: Iterable[Article], *, min_score: float | None = None, evidence: bool = True, batch_size: int
    ) -> Iterator[Article]:
        batch = list(articles)
        self.batches.append(batch)
        for article in batch:
            if "!" in article.text:
                raise ValueError
            yield article.model_copy(update={"title": f"{min_score} {evidence}"})


async def settle(batcher: Batcher) -> None:
    while not batcher.idle:
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)


JOBS = st.lists(st.tuples(st.integers(1, 120), st.sampled_from(CHOICES), st.sampled_from("okay!x")), max_size=25)


@settings(max_examples=40)
@given(JOBS)
def test_everybody_gets_his_own(jobs: list[tuple[int, Choice, str]]) -> None:
    """The last of a job: `!` fails in the model, `x` is given up at once."""
    tagger, metrics = Echo(), Metrics()

    async def run() -> None:
        batcher = Batcher(tagger, SETTINGS, metrics)
        futures = []
        batcher.start()
        for number, (size, choice, fate) in enumerate(jobs):
            article = Article(id=str(number), text=fate * size)
            try:
                (future,) = batcher.submit([article], choice)
            except ApiError:  # the queue is full
                continue
            futures.append((article, choice, future))
            if fate == "x":
                future.cancel()
        for article, choice, future in futures:
            if "x" in article.text:
                assert future.cancelled()
            elif "!" in article.text:
                with pytest.raises(ApiError, match="tagging_failed"):
                    await future
            else:
                result = await future
                assert (result.id, result.text) == (article.id, article.text)
                assert result.title == f"{choice.min_score} {choice.evidence}"
        await settle(batcher)
        batcher.stop()

    asyncio.run(run())
    assert metrics.registry.get_sample_value("mawaqif_queue_articles") in (0, None)
    assert metrics.registry.get_sample_value("mawaqif_queue_characters") in (0, None)
    for batch in tagger.batches:
        assert len(batch) <= SETTINGS.batch_articles
        assert len(batch) == 1 or sum(len(article.text) for article in batch) <= SETTINGS.batch_characters
        assert len({jobs[int(article.id)][1] for article in batch}) == 1
    waiting = {int(article.id) for batch in tagger.batches for article in batch}
    for batch in tagger.batches:
        ids = [int(article.id) for article in batch]
        if ids[0] in waiting:  # else it is one by itself, after the batch had failed
            assert ids[0] == min(waiting)  # a batch always has the oldest, so nobody waits for ever
        waiting -= set(ids)


def test_what_cannot_be_done_in_time_is_refused_at_once() -> None:
    async def run() -> None:
        batcher = Batcher(Echo(), SETTINGS.model_copy(update={"request_seconds": 10.0}), Metrics())
        batcher.start()
        batcher._speed = 10  # characters a second
        batcher.check(1, 1)
        held = batcher.submit([Article(id="a", text="ا" * 60)], CHOICES[0])
        with pytest.raises(ApiError, match="overloaded") as raised:
            batcher.check(1, 1)
        assert raised.value.headers["Retry-After"] in ("5", "6")
        await asyncio.gather(*held)
        batcher.stop()

    asyncio.run(run())


def test_after_drain_nothing_is_taken_but_what_waits_is_done() -> None:
    async def run() -> None:
        batcher = Batcher(Echo(), SETTINGS, Metrics())
        batcher.start()
        assert batcher.ready
        held = batcher.submit([Article(id=str(n), text="ا") for n in range(9)], CHOICES[0])
        batcher.drain()
        assert not batcher.ready
        with pytest.raises(ApiError, match="shutting_down"):
            batcher.submit([Article(id="late", text="ا")], CHOICES[0])
        with pytest.raises(ApiError, match="shutting_down"):
            await batcher.submit_patiently(Article(id="late", text="ا"), CHOICES[0], 10)
        assert [article.id for article in await asyncio.gather(*held)] == [str(n) for n in range(9)]
        batcher.stop()

    asyncio.run(run())


def test_what_waits_when_all_ends_is_given_up() -> None:
    async def run() -> None:
        batcher = Batcher(Echo(), SETTINGS, Metrics())
        batcher.start()
        held = batcher.submit([Article(id=str(n), text="ا" * 90) for n in range(10)], CHOICES[0])
        batcher.stop()
        done = await asyncio.gather(*held, return_exceptions=True)
        assert any(isinstance(each, asyncio.CancelledError) for each in done)

    asyncio.run(run())
