"""Waiting for results on behalf of a client that may go away or wait too long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

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
    everything = asyncio.gather(*futures)
    gone = asyncio.ensure_future(client_gone(receive))
    try:
        await asyncio.wait([everything, gone], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if everything.done():
            return _indexed(futures, everything)
        if gone.done():
            raise ClientDisconnect
        raise ApiError("timed_out", f"not tagged within {seconds:g} s; try again, with fewer or shorter articles")
    finally:
        gone.cancel()
        everything.cancel()  # and with it all that it gathers


def _indexed(futures: Sequence[asyncio.Future[Article]], everything: asyncio.Future[list[Article]]) -> list[Article]:
    try:
        return everything.result()
    except ApiError as error:
        if len(futures) > 1:
            failed = next(n for n, future in enumerate(futures) if future.done() and future.exception() is error)
            error.field = f"[{failed}]"
        for future in futures:
            future.cancel()
        raise


async def client_gone(receive: Receive) -> None:
    """Returns when the client has closed the connection; its body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
