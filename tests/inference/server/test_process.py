"""The service as a process of its own: how it starts, and how SIGTERM ends it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import mawaqif
from mawaqif.article import Article

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل."
# The stand-in takes 20 ms an article, or for ever.
SLOW = """
import logging, sys, time
sys.path.insert(0, sys.argv[1])
from conftest import stand_in_tags
from mawaqif.inference.server.app import create_app
from mawaqif.inference.server.run import leave, listen, serve
from mawaqif.inference.server.settings import Settings

class Slow:
    def pipe(self, articles, **_):
        for article in articles:
            time.sleep(1000 if "STOP" in article.text else 0.02)
            yield stand_in_tags(article)

logging.basicConfig(level="INFO")
settings = Settings(shutdown_seconds=int(sys.argv[2]), batch_articles=4)
with listen("127.0.0.1", 0, settings) as listener:
    status = serve(create_app(Slow(), settings), listener)
leave(status)
"""


@contextmanager
def process(*command: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server that has begun to listen, and its address."""
    running = subprocess.Popen([sys.executable, *map(str, command)], stderr=subprocess.PIPE, text=True)
    assert running.stderr
    try:
        for line in running.stderr:
            if found := re.search(r"listening on (http://\S+)", line):
                yield running, found[1]
                break
        else:
            raise AssertionError("ended before it listened")
    finally:
        running.kill()
        running.communicate()


def slow(seconds: int) -> Any:
    return process("-c", SLOW, Path(__file__).parent, str(seconds))


def test_sigterm_under_load_finishes_what_was_accepted() -> None:
    with slow(20) as (server, address), ThreadPoolExecutor(8) as pool:
        enough = threading.Semaphore(0)

        def client(number: int) -> list[tuple[str, int, str]]:
            """Asks until it is refused; the answers, of which each must be whole."""
            answers: list[tuple[str, int, str]] = []
            with httpx.Client(base_url=address, timeout=30) as own:
                while True:
                    text = f"نص {number} {len(answers)}"
                    try:
                        response = own.post("/tag", json=[{"text": text}] * 4)
                    except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
                        return answers  # not accepted any more
                    answers.append((text, response.status_code, response.json()))
                    enough.release()
                    if response.status_code != 200:
                        return answers

        clients = [pool.submit(client, number) for number in range(8)]
        for _ in range(16):
            assert enough.acquire(timeout=20)
        server.send_signal(signal.SIGTERM)
        found = [answer for client in clients for answer in client.result()]
        assert server.wait(30) == 0
    for text, status, body in found:
        if status == 200:
            assert [article["text"] for article in body] == [text] * 4
        else:
            assert (status, body["error"]["code"]) == (503, "shutting_down")


def test_sigterm_ends_a_stream_after_what_it_took() -> None:
    with slow(20) as (server, address):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = (
                "POST /tag/stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9999\r\n"
            )
            line = f"{Article(id='n', text=TEXT).to_json()}\n"
            connection.sendall(f"{head}\r\n{line * 10}".encode())
            answers = connection.makefile("rb")
            while b'"text"' not in answers.readline():
                pass
            server.send_signal(signal.SIGTERM)
            rest = answers.read()
        assert rest.count(b'"text"') == 9
        assert b'"shutting_down"' in rest
        assert b'"line": 11' in rest
        assert rest.endswith(b"0\r\n\r\n")
        assert server.wait(20) == 0


def test_what_does_not_end_is_ended() -> None:
    with slow(1) as (server, address), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, f"{address}/tag", json={"text": "STOP"}, timeout=30)
        while httpx.get(f"{address}/metrics").text.find("mawaqif_active_requests 1.0") < 0:
            pass
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 1
        assert answer.result().status_code == 503
        assert answer.result().json()["error"]["code"] == "shutting_down"


def test_the_command_serves_the_model(tiny_onnx_model: Path) -> None:
    command = ("-m", "mawaqif.cli", "serve", "-m", tiny_onnx_model, "--port", "0", "--threads", "1")
    with process(*command, "--max-articles", "3") as (server, address):
        assert address.startswith("http://127.0.0.1:")
        given = [Article(id=str(n), text=TEXT * n) for n in (1, 2, 3)]
        response = httpx.post(f"{address}/tag?min_score=0", json=[article.to_dict() for article in given], timeout=30)
        expected = list(mawaqif.load(tiny_onnx_model).pipe(given, min_score=0))
        assert [Article.from_dict(article) for article in response.json()] == expected
        assert any(article.stances for article in expected)
        info = httpx.get(f"{address}/info").json()
        assert (info["model"]["name"], info["model"]["engine"]) == (tiny_onnx_model.name, "onnx")
        assert {found["name"] for found in info["model"]["labels"]["types"]} >= {"PERS", "ORG"}
        assert info["limits"]["max_articles"] == 3
        assert str(tiny_onnx_model.parent) not in str(info)
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


Fails = Callable[..., str]


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Runs `mawaqif serve`, which must end with status 2, and gives what it wrote to standard error."""
    from mawaqif.cli import main

    def fails(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["mawaqif", "serve", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        return capsys.readouterr().err

    return fails


def test_a_model_that_is_missing_is_one_line_and_status_2(fails: Fails, tmp_path: Path) -> None:
    assert fails("-m", tmp_path / "none", "--port", "0") == f"error {tmp_path}/none: no such model directory\n"


def test_a_model_file_that_is_missing_is_named(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert str(tmp_path) in fails("-m", tmp_path, "--port", "0")


def test_a_port_that_is_taken(fails: Fails) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: address already in use; choose" in fails("--port", str(port))


def test_settings_that_cannot_be(fails: Fails, tmp_path: Path) -> None:
    assert "--queue-articles" in fails("--queue-articles", "-3")
    assert "queue must hold" in fails("--queue-characters", "10")
    assert "no such file" in fails("--keys", tmp_path / "keys").lower()


def test_without_the_extra_it_says_which(fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert fails() == "error this needs uvicorn, which is not installed: pip install 'mawaqif[serve]'\n"
