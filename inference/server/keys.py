"""API keys: where they are read from, and the check, which takes the same time whatever was given."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from starlette.requests import HTTPConnection

from mawaqif.errors import ConfigError
from mawaqif.inference.server.errors import ApiError

__all__ = ["VARIABLE", "Keys", "read_keys"]

VARIABLE = "MAWAQIF_KEYS"
_LEAST = 16  # characters: shorter ones can be guessed


def read_keys(path: Path | None, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The keys of a file, one a line (`#` begins a comment), and of MAWAQIF_KEYS, between commas.

    Raises ConfigError for a key that is too short or cannot stand in a header, and for a file without any; its message
    holds no key.
    """
    found = [(f"{VARIABLE}, key {n}", key) for n, key in enumerate(environment.get(VARIABLE, "").split(","), 1)]
    found = [(place, key.strip()) for place, key in found if key.strip()]
    if path:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: byte {error.start} is not UTF-8; a key is plain ASCII") from None
        given = [(f"{path}:{n}", line.partition("#")[0].strip()) for n, line in enumerate(lines, 1)]
        given = [(place, key) for place, key in given if key]
        if not given:
            raise ConfigError(f"{path}: holds no key; write one a line, or leave the file out to serve without keys")
        found += given
    for place, key in found:
        if len(key) < _LEAST or not (key.isascii() and key.isprintable()) or " " in key:
            raise ConfigError(f"{place}: a key has at least {_LEAST} ASCII characters and no space; make a longer one")
    return tuple(key for _, key in found)


class Keys:
    """Checks the key of a request, in `Authorization: Bearer …` or `X-API-Key: …`."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        # Digests: of one length, so that not even the length of a key shows in the time.
        self._digests = [sha256(key.encode()).digest() for key in keys]

    def check(self, connection: HTTPConnection) -> None:
        """Raises ApiError where keys are asked for and none of them is given."""
        if not self._digests:
            return
        given = _given(connection)
        headers = {"WWW-Authenticate": "Bearer"}
        if given is None:
            message = "give an API key in the header 'Authorization: Bearer …' or 'X-API-Key: …'"
            raise ApiError("missing_key", message, headers=headers)
        digest = sha256(given.encode("latin-1")).digest()
        if not sum(hmac.compare_digest(digest, known) for known in self._digests):  # a sum: always all of them
            raise ApiError("wrong_key", "this API key is not known; ask who runs the service", headers=headers)


def _given(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return connection.headers.get("x-api-key") or None
