"""The page for annotating by hand, served on this machine alone by the standard library.

Only the loopback address is bound. A page elsewhere in the same browser, or another user of the machine, could still
send requests there, so the host must be this one (no DNS rebinding) and every request needs a secret: it is in the
address that is printed, and the page sends it along.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from mawaqif.data.annotation import Annotation
from mawaqif.errors import MawaqifError
from mawaqif.labels import LabelSet

__all__ = ["AnnotationServer"]

_ARTICLE = re.compile(r"/api/articles/(\d{1,9})")
_MOST = 20_000_000  # bytes of a request


class AnnotationServer(ThreadingHTTPServer):
    """Serves one Annotation on 127.0.0.1; port 0 takes a free one. `url` is where the page is."""

    daemon_threads = True

    def __init__(self, annotation: Annotation, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.annotation = annotation
        self.secret = secrets.token_urlsafe(24)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/?key={self.secret}"
        self.page, self.policy = _page(annotation.labels, self.secret)


def _page(labels: LabelSet, secret: str) -> tuple[bytes, str]:
    """The page, and the policy that lets it run its one script and talk to this server only."""
    page = (files("mawaqif.data") / "annotate.html").read_text(encoding="utf-8")
    settings = json.dumps({"secret": secret, "labels": labels.model_dump()}, ensure_ascii=False).replace("<", "\\u003c")
    page = page.replace("/*SETTINGS*/", f"const SETTINGS = {settings};")
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode(), policy


class _Handler(BaseHTTPRequestHandler):
    server: AnnotationServer

    def do_GET(self) -> None:
        if not self._is_this_host():
            return
        if self.path.startswith("/?key="):
            if self._knows_the_secret(self.path.removeprefix("/?key=")):
                self._send(HTTPStatus.OK, self.server.page, "text/html")
        elif self._knows_the_secret():
            article = _ARTICLE.fullmatch(self.path)
            if self.path == "/api/articles":
                self._json(self.server.annotation.overview())
            elif article:
                self._answer(lambda: self.server.annotation.view(int(article[1])))
            else:
                self._json({"error": "there is nothing here"}, HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        if not self._is_this_host() or not self._knows_the_secret():
            return
        article = _ARTICLE.fullmatch(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if not article or not 0 < length <= _MOST:
            self._json({"error": "there is nothing to save here"}, HTTPStatus.NOT_FOUND)
            return
        body = self.rfile.read(length)

        def save() -> dict[str, Any]:
            self.server.annotation.save(int(article[1]), json.loads(body))
            return self.server.annotation.view(int(article[1]))

        self._answer(save)

    def _answer(self, work: Any) -> None:
        try:
            self._json(work())
        except IndexError:
            self._json({"error": "there is no such article"}, HTTPStatus.NOT_FOUND)
        except (MawaqifError, ValueError) as error:
            self._json({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        except OSError as error:
            self._json({"error": f"could not be saved: {error}"}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _is_this_host(self) -> bool:
        port = self.server.server_address[1]
        if self.headers.get("Host") in (f"127.0.0.1:{port}", f"localhost:{port}"):
            return True
        self._json({"error": "wrong host"}, HTTPStatus.FORBIDDEN)
        return False

    def _knows_the_secret(self, given: str | None = None) -> bool:
        given = (self.headers.get("X-Mawaqif") or "") if given is None else given
        if secrets.compare_digest(given.encode(), self.server.secret.encode()):
            return True
        self._json({"error": "open the address that the command printed"}, HTTPStatus.FORBIDDEN)
        return False

    def _json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, json.dumps(value, ensure_ascii=False).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for every request would bury what the command says."""
