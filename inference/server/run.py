"""Runs the application with uvicorn: a socket of its own, clear ends, and limits below HTTP.

uvicorn waits for a request's head and for a client that does not read as long as it takes, and dies of the signal that
ended it; here heads have a time limit, the kernel gives up on clients that do not read, and an orderly end is status 0.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from contextlib import ExitStack, suppress
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from mawaqif.errors import ConfigError
from mawaqif.inference.server.errors import ApiError
from mawaqif.inference.server.settings import Settings

__all__ = ["Server", "listen", "serve"]

log = logging.getLogger("mawaqif.server")

_LAST_REQUESTS = 0.2  # seconds in which requests that are on their way still get an answer, though a refusal
_MOST_HEAD = 32 * 1024  # bytes


def listen(host: str, port: int, settings: Settings) -> socket.socket:
    """A bound socket. Raises ConfigError where it cannot be had."""
    with ExitStack() as stack:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            found = stack.enter_context(socket.socket(family, kind, protocol))
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if option := getattr(socket, "TCP_USER_TIMEOUT", None):  # Linux: also for clients that do not read
                found.setsockopt(socket.IPPROTO_TCP, option, int(settings.idle_seconds * 1000))
            found.bind(address)
            stack.pop_all()
            return found
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(f"cannot listen on {host}:{port}: {reason}; choose another --host or --port") from error


def serve(app: FastAPI, listener: socket.socket) -> int:
    """Serves until SIGTERM or SIGINT, then finishes what was accepted. Returns the exit status: 0, or 1 if not all was.

    A second SIGINT ends it at once.
    """
    server = Server(app, listener)
    # uvicorn raises the signal that ended it once more, for whoever handled it before: here nobody is to die of it.
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if server.finished:
        log.info("stopped, everything accepted was finished")
        return 0
    log.error("stopped before everything accepted was finished")
    return 1


class Server(uvicorn.Server):
    """uvicorn's server, which tells where it listens and lets the queue run empty at its end."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        self._settings: Settings = app.state.settings
        self._batcher = app.state.batcher
        self._listener = listener
        self.finished = True
        logging.getLogger("uvicorn.access").disabled = True  # it shows the query; ours is in `guard`
        super().__init__(
            uvicorn.Config(
                app,
                http=_protocol(self._settings),
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                h11_max_incomplete_event_size=_MOST_HEAD,
                timeout_graceful_shutdown=self._settings.shutdown_seconds,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self._listener.getsockname()[:2]
        log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        start = time.monotonic()
        log.info("stopping: finishing what was accepted, for %d s at most", self._settings.shutdown_seconds)
        self._batcher.drain()
        for listening in self.servers:
            listening.close()
        await asyncio.sleep(_LAST_REQUESTS)
        await super().shutdown(sockets)
        self.finished = time.monotonic() - start < self._settings.shutdown_seconds and not self.force_exit


def _protocol(settings: Settings) -> type[asyncio.Protocol]:
    class Protocol(H11Protocol):
        """HTTP/1.1 with a time limit for each request's head, and errors in JSON."""

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """Runs the clock while a head is incomplete; between requests uvicorn's own for idle connections runs."""
            if self.conn.their_state is not h11.IDLE:
                self._forget()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(settings.header_seconds, self._too_slow)

        def _forget(self) -> None:
            if self._deadline:
                self._deadline.cancel()
                self._deadline = None

        def _too_slow(self) -> None:
            self._deadline = None
            if not self.transport.is_closing() and self.conn.our_state is h11.IDLE:
                self.transport.close()

        def send_400_response(self, msg: str) -> None:
            body = ApiError("malformed_request", "this is no HTTP request that can be read; send HTTP/1.1").body()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            with suppress(h11.LocalProtocolError):  # in the middle of an answer there is nothing to say
                events: list[Any] = [h11.Response(status_code=400, headers=headers), h11.Data(data=body)]
                for event in [*events, h11.EndOfMessage()]:
                    self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

    return Protocol


def leave(status: int) -> None:
    """Ends the process, without waiting for a model that does not come back."""
    logging.shutdown()
    if status:
        os._exit(status)
