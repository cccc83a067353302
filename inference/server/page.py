"""The page to try the tagger on: `router()` serves it, its style and scripts, and makes the downloaded HTML.

The policy lets a browser run and load this server's own files alone, and no string can become markup or code in it
(Trusted Types), so a hostile article stays text. The files have the digest of them all in their address, so they can be
kept for good, and a page never meets the script of another version. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from mawaqif.article import Article
from mawaqif.errors import ArticleError
from mawaqif.inference.pages import to_html
from mawaqif.inference.server.errors import ApiError, invalid_article
from mawaqif.inference.server.limits import JSON, check_content, read_body
from mawaqif.inference.server.settings import Settings
from mawaqif.labels import LabelSet
from mawaqif.templates import template
from mawaqif.views import LINES, Glosses, Label

__all__ = ["POLICY", "router"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"
_MOST_MARKS, _MOST_MARKED = 20_000, 2_000_000  # spans of an article, and the characters in all of them


class _Asset(NamedTuple):
    content: bytes
    kind: str


def router(
    labels: LabelSet | None = None,
    *,
    start_score: float = 0.25,
    settings: Settings | None = None,
    check: Callable[[Request], None] | None = None,
) -> APIRouter:
    """The routes of the page: `GET /`, `GET /static/…`, and `POST /page`, which answers an article with its HTML page.

    The page sends articles to `tag` beside it. labels: those of the tagger, None for the default ones. start_score:
    least confidence that the page shows at first. settings: limits of an article sent to `/page`. check: called before
    that article is read; it raises what the application answers, for example where a key is missing. The application
    answers ApiError (`add_handlers`).
    """
    labels, settings = labels or LabelSet.default(), settings or Settings()
    assets = _assets(labels)
    digest = hashlib.sha256(b"".join(asset.content for _, asset in sorted(assets.items()))).hexdigest()[:16]
    page = _page(labels, f"static/{digest}", start_score)
    tag = f'"{hashlib.sha256(page).hexdigest()[:16]}"'
    routes = APIRouter(include_in_schema=False)
    one_at_a_time = asyncio.Semaphore(1)  # the tagger needs the processor more

    @routes.get("/")
    async def index(request: Request) -> Response:
        headers = {**_HEADERS, "Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "ETag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(page, headers=headers, media_type="text/html")

    @routes.get("/static/{version}/{name}")
    async def static(version: str, name: str) -> Response:
        asset = assets.get(name) if version == digest else None
        if asset is None:
            raise HTTPException(404)
        headers = {**_HEADERS, "Content-Security-Policy": "default-src 'none'", "Cache-Control": _FOR_EVER}
        return Response(asset.content, headers=headers, media_type=asset.kind)

    @routes.post("/page")
    async def html(request: Request) -> Response:
        if check:
            check(request)
        check_content(request, JSON)
        body = await read_body(request, settings)
        try:
            async with one_at_a_time:
                content = await run_in_threadpool(_html, body, labels)
        except ArticleError as error:
            raise invalid_article(error) from None
        if content is None:
            raise ApiError("article_too_long", "has more mentions and evidence than a page can show")
        # To be saved, not shown: where it is shown all the same, it is of no origin.
        more = {
            "Content-Disposition": 'attachment; filename="mawaqif.html"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "no-store",
        }
        return Response(content, headers=_HEADERS | more, media_type="text/html")

    return routes


def _html(body: bytes, labels: LabelSet) -> str | None:
    """The page of an article; None where its spans are so many, or overlap so much, that it would take too long."""
    article = Article.from_json(body, default_id="article")
    spans = [(mention.start, mention.end) for mention in article.mentions]
    spans += [stance.evidence for stance in article.stances if stance.evidence]
    if len(spans) > _MOST_MARKS or sum(end - start for start, end in spans) > _MOST_MARKED:
        return None
    return to_html([article], labels)


def _assets(labels: LabelSet) -> dict[str, _Asset]:
    found = {
        entry.name: _Asset(entry.read_bytes(), kind)
        for entry in (files("mawaqif.inference.server") / "static").iterdir()
        if (kind := _KINDS.get(entry.name.rpartition(".")[2]))
    }
    return found | {"labels.css": _Asset(_colors(labels).encode(), "text/css")}


def _colors(labels: LabelSet) -> str:
    """The style sheet that gives the classes of labels (`t0`, `s1`, see `Glosses`) their colours and lines."""
    glosses = Glosses(labels)
    rules = [f".{glosses.types[label.name].css} {{ --label: {label.color}; }}" for label in labels.types]
    for number, label in enumerate(labels.stances):
        line = LINES[number % len(LINES)]
        rules.append(f".{glosses.stances[label.name].css} {{ --stance: {label.color}; --line: {line}; }}")
    return "\n".join([*rules, ""])


def _page(labels: LabelSet, base: str, start_score: float) -> bytes:
    words = json.loads((files("mawaqif.inference.server") / "words.json").read_text(encoding="utf-8"))
    glosses = Glosses(labels)

    def shown(group: dict[str, Label]) -> dict[str, object]:
        return {
            name: {"css": x.css, "ar": x.ar, "en": x.en, "short": {"ar": x.short, "en": x.short_en}}
            for name, x in group.items()
        }

    settings = {
        "types": shown(glosses.types),
        "stances": shown(glosses.stances),
        "voices": shown(glosses.voices),
        "author": labels.author,
        "start": start_score,
        "words": words,
    }
    return (
        template("mawaqif.inference.server", "page.html.j2")
        .render(t=words["ar"], base=base, settings=json.dumps(settings, ensure_ascii=False))
        .encode()
    )
