"""NDJSON in, NDJSON out, in the same order: one line of the answer for each line that came, an article or an error.

Reading stops while `max_articles` lines are being tagged or wait to be read by the client, and while the queue is full.
A client should therefore read while it sends, or send no more lines than that before it reads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mawaqif.article import Article
from mawaqif.inference.server.answers import client_gone
from mawaqif.inference.server.batching import Batcher, Choice
from mawaqif.inference.server.errors import ApiError
from mawaqif.inference.server.limits import read_article, too_large
from mawaqif.inference.server.settings import Settings

__all__ = ["TagStream"]


class _Line(NamedTuple):
    """The place of one line in the answer."""

    number: int
    result: asyncio.Future[Article] | ApiError
    deadline: float = 0.0


class TagStream(Response):
    """The answer to a stream whose head has been checked. `tally`: counts articles and characters that were taken."""

    media_type = "application/x-ndjson"

    def __init__(self, batcher: Batcher, settings: Settings, choice: Choice, tally: dict[str, int]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._batcher, self._settings, self._choice, self._tally = batcher, settings, choice, tally
        self._lines: asyncio.Queue[_Line | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(settings.max_articles)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises ClientDisconnect where the client goes or does not read."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        reader = asyncio.ensure_future(self._read(receive))
        writer = asyncio.ensure_future(self._write(send))
        gone = None
        try:
            await asyncio.wait([reader, writer], return_when=asyncio.FIRST_COMPLETED)
            if not writer.done():
                reader.result()
                gone = asyncio.ensure_future(client_gone(receive))
                await asyncio.wait([gone, writer], return_when=asyncio.FIRST_COMPLETED)
                if not writer.done():
                    raise ClientDisconnect
            writer.result()
        finally:
            for task in filter(None, (reader, writer, gone)):
                task.cancel()
            while not self._lines.empty():
                _give_up(self._lines.get_nowait())

    async def _read(self, receive: Receive) -> None:
        number = 0
        try:
            async for number, line in self._split(receive):
                if isinstance(line, bytes) and not line.strip():
                    continue
                await self._room.acquire()
                self._lines.put_nowait(await self._line(number, line))
        except ApiError as error:
            self._lines.put_nowait(_Line(number + 1, error))
        self._lines.put_nowait(None)

    async def _line(self, number: int, line: bytes | ApiError) -> _Line:
        """Submits a line, waiting for room in the queue if need be."""
        try:
            if isinstance(line, ApiError):
                raise line
            article = read_article(line, number, self._settings)
            future = await self._batcher.submit_patiently(article, self._choice, self._settings.request_seconds)
        except ApiError as error:
            return _Line(number, error)
        self._tally["articles"] += 1
        self._tally["characters"] += len(article.text)
        return _Line(number, future, time.monotonic() + self._settings.request_seconds)

    async def _split(self, receive: Receive) -> AsyncIterator[tuple[int, bytes | ApiError]]:
        """The lines of the body with their numbers from 1; for one that is too long, the error.

        Raises ApiError where nothing more is to be read, ClientDisconnect where the client is gone.
        """
        rest, number, skip, most = b"", 0, False, self._settings.max_body_bytes
        more = True
        while more:
            body, more = await self._receive(receive)
            *lines, rest = (rest + body).split(b"\n")
            for line in lines if more else [*lines, rest]:
                number += 1
                yield number, too_large(most) if skip or len(line) > most else line
                skip = False
            if len(rest) > most:
                rest, skip = b"", True

    async def _receive(self, receive: Receive) -> tuple[bytes, bool]:
        """The next bytes of the body, and whether more may follow."""
        message = asyncio.ensure_future(receive())
        draining = asyncio.ensure_future(self._batcher.draining.wait())
        try:
            idle = self._settings.idle_seconds
            await asyncio.wait([message, draining], timeout=idle, return_when=asyncio.FIRST_COMPLETED)
            if draining.done():
                raise ApiError("shutting_down", "the service is being stopped; send this line and the rest again")
            if not message.done():
                raise ApiError("body_too_slow", f"nothing came for {idle:g} s; send this line and the rest again")
            event = message.result()
        finally:
            draining.cancel()
            message.cancel()
        if event["type"] == "http.disconnect":
            raise ClientDisconnect
        return event.get("body", b""), event.get("more_body", False)

    async def _write(self, send: Send) -> None:
        while line := await self._lines.get():
            try:
                await self._send(send, await self._answer(line) + b"\n")
            finally:
                _give_up(line)
            self._room.release()
        await self._send(send, b"", more=False)

    async def _answer(self, line: _Line) -> bytes:
        try:
            if isinstance(line.result, ApiError):
                raise line.result
            await asyncio.wait([line.result], timeout=line.deadline - time.monotonic())
            if not line.result.done():
                line.result.cancel()
                raise ApiError("timed_out", f"not tagged within {self._settings.request_seconds:g} s; try again")
            return line.result.result().to_json().encode()
        except ApiError as error:
            return error.body(line.number)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        sending = send({"type": "http.response.body", "body": body, "more_body": more})
        try:
            await asyncio.wait_for(sending, self._settings.idle_seconds)
        except asyncio.TimeoutError:  # does not read: as good as gone
            raise ClientDisconnect from None


def _give_up(line: _Line | None) -> None:
    if line and isinstance(line.result, asyncio.Future):
        line.result.cancel()
