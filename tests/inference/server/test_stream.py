"""NDJSON in and out: order, errors in their places, and how a stream ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.inference.server.settings import Settings

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل."
NDJSON = {"Content-Type": "application/x-ndjson"}
GOOD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
BAD = st.sampled_from(["oops", "[1", "[]", "7", '{"text": ""}', "{}", '{"text": 5}', '"a"'])


def stream(service: Any, body: Any, path: str = "/tag/stream") -> list[dict[str, Any]]:
    response = service.post(path, content=body, headers=NDJSON)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in response.content.split(b"\n") if line]


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_lines_come_back_in_order(service: Any, expected: Callable[..., Article]) -> None:
    given = [Article(id=str(n), text=f"{TEXT} {n}") for n in range(100)]
    answers = stream(service, "".join(article.to_json() + "\n" for article in given))
    assert [Article.from_dict(answer) for answer in answers] == [expected(article) for article in given]


@settings(max_examples=30)
@given(st.lists(GOOD | BAD.map(lambda text: (text,)), max_size=8), st.integers(1, 40), st.booleans())
def test_every_line_has_its_answer(service: Any, given: list[Any], cut: int, ended: bool) -> None:
    lines = [each[0].encode() if isinstance(each, tuple) else line(text=each).strip() for each in given]
    body = b"\n\r\n".join(lines) + b"\n" * ended
    answers = stream(service, (body[n : n + cut] for n in range(0, len(body), cut)))
    assert len(answers) == len(given)
    for number, (each, answer) in enumerate(zip(given, answers, strict=True)):
        if isinstance(each, tuple):
            assert answer["error"]["line"] == 2 * number + 1
        else:
            assert (answer["text"], answer["id"]) == (each, f"line:{2 * number + 1}")


def test_nothing_in_nothing_out(service: Any) -> None:
    assert stream(service, b"") == stream(service, b"\n \n") == []


def test_options_hold_for_all_lines(service: Any) -> None:
    answers = stream(service, line(text=TEXT) * 3, "/tag/stream?evidence=false")
    assert len(answers) == 3
    assert not any("evidence" in answer["stances"][0] for answer in answers)


def test_errors_stand_in_their_places(service: Any) -> None:
    body = (
        line(text=TEXT) + b'"\xff"\n' + line(id="x", text="BOOM") + line(id="y", text="ا" * 100_001) + line(text=TEXT)
    )
    answers = stream(service, body)
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        None,
        "malformed_json",
        "tagging_failed",
        "article_too_long",
        None,
    ]
    assert [answer["error"].get("id") for answer in answers[1:4]] == [None, "x", "y"]


def test_a_line_that_is_too_long_is_not_held(serving: Callable[..., Any]) -> None:
    with serving(Settings(max_body_bytes=1000)) as service:
        body = line(text=TEXT) + b"x" * 500_000 + b"\n" + line(text=TEXT) + b"y" * 1001
        answers = stream(service, (body[n : n + 5000] for n in range(0, len(body), 5000)))
        codes = [answer.get("error", {}).get("code") for answer in answers]
        assert codes == [None, "body_too_large", None, "body_too_large"]
        assert [answer["error"]["line"] for answer in answers if "error" in answer] == [2, 4]


def test_a_full_queue_holds_a_stream_up_but_does_not_end_it(held: Any) -> None:
    def lines() -> Iterator[bytes]:
        for n in range(20):
            if n == 10:
                held.waiting(4)  # no more than the queue takes
                held.tagger.gate.set()
            yield line(id=str(n), text=TEXT)

    assert [answer["id"] for answer in stream(held, lines())] == [str(n) for n in range(20)]


def test_answers_come_while_lines_are_still_sent(service: Any) -> None:
    with service.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(
            b"POST /tag/stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for n in range(3):
            content = line(id=f"n{n}", text=TEXT)
            connection.sendall(b"%x\r\n%b\r\n" % (len(content), content))
            while f'"n{n}"'.encode() not in answers.readline():
                pass
        connection.sendall(b"0\r\n\r\n")
        while answers.readline() != b"0\r\n":
            pass


def test_a_stream_that_stands_still_is_ended(serving: Callable[..., Any]) -> None:
    with (
        serving(Settings(idle_seconds=1)) as service,
        service.client.stream("POST", "/tag/stream", content=open_stream(service), headers=NDJSON) as response,
    ):
        first, last = [json.loads(each) for each in response.iter_lines()]
    assert first["text"] == TEXT
    assert (last["error"]["code"], last["error"]["line"]) == ("body_too_slow", 2)


def open_stream(service: Any) -> Iterator[bytes]:
    """A line, and then nothing until the server has ended the stream."""
    yield line(text=TEXT)
    for active in (1, 0):
        service.wait(lambda active=active: service.metric("mawaqif_active_requests") == active)


def test_a_stream_that_nobody_reads_is_given_up(serving: Callable[..., Any]) -> None:
    settings = Settings(idle_seconds=1, max_articles=8)
    with serving(settings) as service, service.connect() as connection:
        connection.sendall(
            b"POST /tag/stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
            b"Content-Length: 100000000\r\n\r\n"
        )
        content = line(text="كلمة " * 15_000)
        sent = 0
        connection.settimeout(1)
        try:
            while sent < 100_000_000:
                sent += connection.send(content)
        except (TimeoutError, ConnectionError):
            pass
        service.wait(lambda: service.metric("mawaqif_active_requests") == 0)
        service.waiting(0)
        assert sent < 60_000_000  # reading stopped long before the end


def test_a_client_that_goes_frees_its_places(held: Any) -> None:
    connection = held.connect()
    body = line(text=TEXT) * 4
    head = b"POST /tag/stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % len(body) + body)
    held.waiting(4)
    connection.close()
    held.waiting(0)
