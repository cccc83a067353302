"""Clients that are slow, broken or gone, over raw sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mawaqif.inference.server.settings import Settings

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل."
HEAD = b"POST /tag HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
BODY = json.dumps({"text": TEXT}).encode()


@pytest.fixture(scope="module")
def hasty(serving: Callable[..., Any]) -> Iterator[Any]:
    """A server that waits for nobody."""
    with serving(Settings(header_seconds=0.5, body_seconds=0.5)) as service:
        yield service


def answer(connection: Any) -> tuple[bytes, Any]:
    """The first line of a response and its JSON; the connection must be closed by the server."""
    head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], json.loads(body) if body else None


def test_a_head_that_does_not_end(hasty: Any) -> None:
    for start in (b"", b"POST /tag HTTP/1.1\r\nHost"):
        with hasty.connect() as connection:
            connection.sendall(start)
            assert answer(connection) == (b"", None)


def test_a_second_head_that_does_not_end(hasty: Any) -> None:
    with hasty.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b""
        while not received.endswith(b"}"):
            received += connection.recv(1000)
        connection.sendall(b"GET /hea")
        assert answer(connection) == (b"", None)


def test_a_body_that_does_not_end(hasty: Any) -> None:
    with hasty.connect() as connection:
        connection.sendall(HEAD % 100 + b"{")
        status, error = answer(connection)
        assert status == b"HTTP/1.1 408 Request Timeout"
        assert error["error"]["code"] == "body_too_slow"


def test_a_slow_client_does_not_hold_others_up(service: Any) -> None:
    with service.connect() as slow:
        slow.sendall((HEAD % len(BODY)) + BODY[:5])
        assert service.post(json={"text": TEXT}).status_code == 200
        slow.sendall(BODY[5:])
        assert slow.recv(20).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_goes_while_it_sends(service: Any) -> None:
    with service.connect() as connection:
        connection.sendall(HEAD % 100 + b"{")
        service.wait(lambda: service.metric("mawaqif_active_requests") == 1)
    service.wait(lambda: service.metric("mawaqif_active_requests") == 0)
    assert service.metric("mawaqif_requests_total", route="/tag", method="POST", status="499")


def test_a_client_that_goes_while_it_waits_frees_its_place(held: Any) -> None:
    connections = [held.connect() for _ in range(4)]
    for connection in connections:
        connection.sendall(HEAD % len(BODY) + BODY)
    held.waiting(4)
    assert held.post(json={"text": TEXT}).status_code == 503
    for connection in connections[:3]:
        connection.close()
    held.waiting(1)
    with ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(held.post, json=[{"id": "kept", "text": TEXT}] * 3)
        held.waiting(4)
        held.tagger.gate.set()
        assert len(accepted.result().json()) == 3
    assert connections[3].recv(20).startswith(b"HTTP/1.1 200 OK")
    connections[3].close()
    assert held.tagger.batches == [["first"], ["request:1", "kept", "kept", "kept"]]


def test_what_is_no_http_gets_json_all_the_same(service: Any) -> None:
    with service.connect() as connection:
        connection.sendall(b"what is this\r\n\r\n")
        status, error = answer(connection)
        assert status.startswith(b"HTTP/1.1 400")
        assert error["error"]["code"] == "malformed_request"
    with service.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 50_000 + b"\r\n\r\n")
        assert answer(connection)[0].startswith(b"HTTP/1.1 4")


def test_a_wrong_length_is_no_way_in(service: Any) -> None:
    for length in (b"-1", b"99999999999999999999", b"1, 2"):
        with service.connect() as connection:
            connection.sendall(HEAD.replace(b"%d", length) + BODY)
            assert connection.recv(13) in (b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")


def test_requests_in_a_row_on_one_connection(service: Any) -> None:
    with service.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall((HEAD % len(BODY) + BODY) * 3)
        found = 0
        while found < 3:
            found += answers.readline().count(b"HTTP/1.1 200 OK")
