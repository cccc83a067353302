"""The service against the batch tagger, on this machine: speed, overload, mixed-up answers, memory.

    python benchmarks/serving.py ARTICLES.jsonl [--articles 300] [--concurrency 1 8 32 64] [--minutes 10]

Starts `mawaqif serve` on loopback and prints, in this order,

- the batch tagger's articles/s on the same articles, measured before and after the service;
- for each number of clients, each with one article a request and the next when it is answered, every article once:
  requests/s, the share of the batch tagger's speed, the service's processor time for one, milliseconds to the answer
  (p50, p95, p99);
- five times as many requests a second as the service can take, for --seconds: how many were accepted, how many were
  refused with 503 and Retry-After, how fast, and whether every accepted one was answered;
- the service's resident memory over --minutes under steady load;
- its exit status after SIGTERM under load.

Every answer is checked: it must hold its own request's id and text, and is compared with the batch tagger's.
The clients run on the same processors as the service and take their share of them; "ms of processor" is the service's
alone. Needs aiohttp, whose client takes a fraction of the time of httpx's.
"""

import argparse
import asyncio
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import aiohttp

import mawaqif
from mawaqif.article import Article
from mawaqif.jsonl import read_articles

_SAMPLE = 2.0  # seconds between two looks at the memory


class Run:
    """Requests to the service, and what became of them."""

    def __init__(self, address: str, expected: dict[str, Article]) -> None:
        self.expected = expected
        self.counts: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = {"200": [], "503": []}
        self.address = f"{address}/tag"
        self.number = 0

    async def __aenter__(self) -> "Run":
        connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(120)
        self.client = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def ask(self, article: Article) -> None:
        self.number += 1
        sent = article.model_copy(update={"id": f"{article.id}#{self.number}"})
        start = time.perf_counter()
        body, headers = sent.to_json().encode(), {"Content-Type": "application/json"}
        try:
            async with self.client.post(self.address, data=body, headers=headers) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.counts[type(error).__name__] += 1
            return
        status = str(response.status)
        self.counts[status] += 1
        self.seconds.setdefault(status, []).append(time.perf_counter() - start)
        if status == "200":
            got = Article.from_json(content)
            self.counts["mixed up"] += (got.id, got.text) != (sent.id, sent.text)
            self.counts["as in batch"] += got.model_copy(update={"id": article.id}) == self.expected[article.id]
        elif status == "503":
            self.counts["without Retry-After"] += "Retry-After" not in response.headers

    async def closed(self, articles: Iterator[Article], clients: int) -> float:
        """Each client asks again when it has its answer, until the articles are through. Returns the seconds."""

        async def client() -> None:
            for article in articles:
                await self.ask(article)

        start = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        return time.perf_counter() - start

    async def open(self, articles: Iterable[Article], rate: float, seconds: float) -> None:
        """Asks `rate` times a second, whatever becomes of it."""
        start, tasks = time.perf_counter(), []
        for number, article in enumerate(islice(cycle(articles), int(rate * seconds))):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(self.ask(article)))
        await asyncio.gather(*tasks)

    def percentiles(self, status: str = "200") -> str:
        found = sorted(self.seconds[status])
        if not found:
            return "–"
        shown = (f"{1000 * found[min(len(found) - 1, int(len(found) * share))]:.0f}" for share in (0.5, 0.95, 0.99))
        return " / ".join(shown) + " ms"

    def faults(self) -> str:
        known = ("200", "503", "as in batch")
        found = {name: count for name, count in self.counts.items() if count and name not in known}
        return f"as in batch {self.counts['as in batch']}/{self.counts['200']}, faults: {found or 'none'}"


@contextmanager
def service(arguments: list[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "mawaqif.cli", "serve", "--port", "0", *arguments]
    log = Path("serving.log")
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stderr=out, text=True)
    try:
        while not (found := re.search(r"listening on (\S+)", log.read_text(encoding="utf-8"))):
            if process.poll() is not None:
                sys.exit(log.read_text(encoding="utf-8"))
            time.sleep(0.1)
        yield process, found[1]
    finally:
        process.kill()
        process.wait()
        log.unlink()


def batch_speed(tagger: mawaqif.Tagger, articles: list[Article]) -> tuple[float, dict[str, Article]]:
    """Articles a second, and the articles tagged."""
    tagger(articles[0])
    start, used = time.perf_counter(), time.process_time()
    tagged = {article.id: article for article in tagger.pipe(articles)}
    rate = len(articles) / (time.perf_counter() - start)
    cost = 1000 * (time.process_time() - used) / len(articles)
    print(f"batch tagger: {rate:.1f} articles/s, {cost:.0f} ms of processor an article")
    return rate, tagged


def processor(process: int) -> float:
    """Seconds of processor time so far: what a busy machine does not blur."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> float:
    """MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def memory(run: Run, articles: list[Article], process: int, minutes: float) -> None:
    until, seen = time.monotonic() + 60 * minutes, [resident(process)]

    def endless() -> Iterator[Article]:
        for article in cycle(articles):
            if time.monotonic() > until:
                return
            yield article

    async def watch() -> None:
        while time.monotonic() < until:
            await asyncio.sleep(_SAMPLE)
            seen.append(resident(process))

    await asyncio.gather(run.closed(endless(), 32), watch())
    parts = [statistics.median(seen[len(seen) * n // 5 : max(1, len(seen) * (n + 1) // 5)] or seen) for n in range(5)]
    shown = ", ".join(f"{part:.0f}" for part in parts)
    print(f"memory over {minutes:g} min, median MiB of each fifth: {shown}; most {max(seen):.0f}; {run.faults()}")


async def measure(
    process: subprocess.Popen[str],
    address: str,
    articles: list[Article],
    expected: dict[str, Article],
    batch: float,
    options: argparse.Namespace,
) -> None:
    async with Run(address, expected) as run:
        await run.closed(iter(articles[:64]), 8)  # warm
    capacity = 0.0
    for clients in options.concurrency:
        used = processor(process.pid)
        async with Run(address, expected) as run:
            rate = len(articles) / await run.closed(iter(articles), clients)
        cost = f"{1000 * (processor(process.pid) - used) / len(articles):.0f} ms of processor"
        capacity = max(capacity, rate)
        share = f"{rate / batch:.0%} of batch"
        print(f"{clients:4} clients: {rate:6.1f} requests/s, {share}, {cost}, {run.percentiles()}; {run.faults()}")
    async with Run(address, expected) as run:
        await run.open(articles, 5 * capacity, options.seconds)
    asked = run.number
    print(f"5 × {capacity:.1f} requests/s for {options.seconds:g} s: {asked} asked")
    print(f"  accepted {run.counts['200']} ({run.counts['200'] / asked:.0%}), {run.percentiles()}; {run.faults()}")
    print(f"  503      {run.counts['503']} ({run.counts['503'] / asked:.0%}), {run.percentiles('503')}")
    if options.minutes:
        async with Run(address, expected) as run:
            await memory(run, articles, process.pid, options.minutes)
    async with Run(address, expected) as run:
        load = asyncio.create_task(run.closed(iter(articles), 32))
        while run.number < min(40, len(articles)):
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        await load
    print(f"SIGTERM under load: {dict(run.counts)}, exit status {process.wait(60)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", help="JSON lines of articles")
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--model", default=None)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--seconds", type=float, default=20, help="of overload")
    parser.add_argument("--minutes", type=float, default=10, help="of watching the memory; 0: not")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the service never outlives this
    articles = list(islice(read_articles(options.path, text_only=True, on_error=print), options.articles))
    words = sum(len(article.text.split()) for article in articles)
    print(f"{len(articles)} articles of {words / len(articles):.0f} words")
    tagger = mawaqif.load(options.model, threads=options.threads)
    before, expected = batch_speed(tagger, articles)
    arguments = ["--model", options.model] if options.model else []
    arguments += ["--threads", str(options.threads)] if options.threads else []
    with service(arguments) as (process, address):
        asyncio.run(measure(process, address, articles, expected, before, options))
    after, _ = batch_speed(tagger, articles)
    print(f"the batch tagger after the service against before: {after / before - 1:+.0%}")


if __name__ == "__main__":
    main()
