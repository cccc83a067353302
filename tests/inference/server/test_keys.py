"""API keys: who gets in, and where keys are read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mawaqif.errors import ConfigError
from mawaqif.inference.server.keys import read_keys
from mawaqif.inference.server.settings import Settings

TEXT = "رفض البرلمان النوري الخطة."
KEYS = ("0123456789abcdef-first", "0123456789abcdef-second")
Refused = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def locked(serving: Callable[..., Any]) -> Iterator[Any]:
    with serving(Settings(keys=KEYS)) as service:
        yield service


@pytest.mark.parametrize("key", KEYS)
def test_a_key_lets_in(locked: Any, key: str) -> None:
    for headers in ({"Authorization": f"Bearer {key}"}, {"authorization": f"bearer  {key}"}, {"X-API-Key": key}):
        assert locked.post(json={"text": TEXT}, headers=headers).status_code == 200


@pytest.mark.parametrize("key", [KEYS[0][:-1], KEYS[0] + "x", KEYS[0].upper(), "x", "ÿ" * 20])
def test_another_key_does_not(locked: Any, refused: Refused, key: str) -> None:
    for name, value in (("Authorization", f"Bearer {key}"), ("X-API-Key", key)):
        response = locked.post(json={"text": TEXT}, headers={name: value.encode("latin-1")})
        refused(response, 401, "wrong_key")
        assert response.headers["www-authenticate"] == "Bearer"


def test_without_a_key_only_health_and_docs_are_open(locked: Any, refused: Refused) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {KEYS[0]}"}, {"X-API-Key": ""}):
        refused(locked.post(json={"text": TEXT}, headers=headers), 401, "missing_key")
        refused(locked.post("/tag/stream", headers=headers), 401, "missing_key")
        for path in ("/info", "/metrics"):
            refused(locked.client.get(path, headers=headers), 401, "missing_key")
    for path in ("/health", "/health/live", "/health/ready", "/docs", "/openapi.json"):
        assert locked.client.get(path).status_code == 200


def test_the_key_comes_before_all_else(locked: Any, refused: Refused) -> None:
    refused(locked.post("/tag?min_score=7", json={}), 401, "missing_key")


def test_the_openapi_document_says_so(locked: Any, service: Any) -> None:
    document = locked.client.get("/openapi.json").json()
    assert document["security"] == [{"bearer": []}, {"header": []}]
    assert document["paths"]["/health"]["get"]["security"] == []
    assert "401" in document["paths"]["/tag"]["post"]["responses"]
    assert "security" not in service.client.get("/openapi.json").json()


def test_keys_are_read_from_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# for the newsroom\n{KEYS[0]}  # until 2031\n\n", encoding="utf-8")
    assert read_keys(None, {}) == ()
    assert read_keys(file, {"MAWAQIF_KEYS": f" {KEYS[1]},, "}) == (KEYS[1], KEYS[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# none\n", "holds no key"),
        (b"fine-0123456789abcdef\nshort\n", "keys:2: a key has at least 16"),
        ("مفتاح طويل جدا لا يصلح هنا".encode(), "keys:1: a key has at least 16"),
        (b"\xff", "byte 0 is not UTF-8"),
    ],
)
def test_keys_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "keys").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as raised:
        read_keys(tmp_path / "keys", {})
    assert "short" not in str(raised.value)


def test_keys_do_not_show(locked: Any) -> None:
    assert KEYS[0] not in repr(locked.app.state.settings)
