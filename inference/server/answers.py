"""Waiting for results on behalf of a client that may go away or wait too long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from mawaqif.article import Article
from mawaqif.inference.server.errors import ApiError

__all__ = ["client_gone", "results"]


async def results(futures: Sequence[asyncio.Future[Article]], receive: Receive, seconds: float) -> list[Article]:
    """What becomes of the articles, in order; `receive` is that of a request whose body has been read.

    Raises ApiError where one of them fails or the time is over, ClientDisconnect where the client goes. In each case
    the others are given up, which frees their places in the queue.
    """
    everything = asyncio.ensure_future(_all(futures))
    gone: asyncio.Future[None] = asyncio.ensure_future(client_gone(receive))
    try:
        ends: list[asyncio.Future[Any]] = [everything, gone]
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if everything.done():
            return everything.result()
        if gone.done():
            raise ClientDisconnect
        raise ApiError("timed_out", f"not tagged within {seconds:g} s; try again, with fewer or shorter articles")
    finally:
        gone.cancel()
        everything.cancel()
        for future in futures:
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen: asyncio would tell of it in the log


async def _all(futures: Sequence[asyncio.Future[Article]]) -> list[Article]:
    done = []
    for number, future in enumerate(futures):
        await asyncio.wait([future])
        error = future.exception()
        if isinstance(error, ApiError) and len(futures) > 1:
            error.field = f"[{number}]"
        done.append(future.result())
    return done


async def client_gone(receive: Receive) -> None:
    """Returns when the client has closed the connection; its body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
