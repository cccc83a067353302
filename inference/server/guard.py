"""Around every request: a bound on how many there are, its line in the log, its metrics, its headers, and an answer
whatever happens. No line of the log holds anything that a client sent but the method, and that only if it is known.
"""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mawaqif.inference.server.errors import ApiError, origin
from mawaqif.inference.server.metrics import Metrics

__all__ = ["Guard"]

log = logging.getLogger("mawaqif.server")

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_GONE = 499  # in log and metrics, as nginx has it: the client left before it was answered
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Guard:
    """ASGI middleware. At most `max_requests` requests with a body are let in at the same time."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_requests: int) -> None:
        self._app, self._metrics, self._most = app, metrics, max_requests
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), _GONE
        tally = scope.setdefault("state", {})["tally"] = {"articles": 0, "characters": 0}

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        counted = scope["method"] == "POST"
        self._active += counted
        self._metrics.active.set(self._active)
        try:
            if counted and self._active > self._most:
                message = "too many requests are being handled; try again in 1 s (see the header Retry-After)"
                raise ApiError("overloaded", message, headers={"Retry-After": "1"})
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            status = _GONE
        except ApiError as error:
            await error.response()(scope, receive, answer)
        except asyncio.CancelledError:  # the time to finish is over
            if status == _GONE:
                message = "the service is stopped, and there was no time left for this; try again"
                await ApiError("shutting_down", message).response()(scope, receive, answer)
        except Exception as error:
            log.error("a request failed: %s", origin(error))
            if status == _GONE:
                await _unforeseen().response()(scope, receive, answer)
            status = 500
        finally:
            self._active -= counted
            self._metrics.active.set(self._active)
            self._record(scope, status, time.perf_counter() - start, tally)

    def _record(self, scope: Scope, status: int, seconds: float, tally: dict[str, int]) -> None:
        route = getattr(scope.get("route"), "path", "unknown")  # never the path itself
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(route, method, status).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        sizes = "".join(f" {name}={number}" for name, number in tally.items() if number)
        log.info("%s %s %d %.3fs%s", method, route, status, seconds, sizes)


def _unforeseen() -> ApiError:
    return ApiError("internal_error", "something went wrong here that was not foreseen; the log says where")
