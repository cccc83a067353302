"""What a request may be: its body is read under limits of size and time, its articles are checked before they count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from mawaqif.article import Article, parse_json
from mawaqif.errors import ArticleError
from mawaqif.inference.server.errors import ApiError, invalid_article
from mawaqif.inference.server.settings import Settings
from mawaqif.jsonl import ANNOTATIONS, BOM

__all__ = ["check_content", "read_article", "read_articles", "read_body", "too_large"]

JSON = ("application/json",)
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json")


def check_content(request: Request, allowed: tuple[str, ...]) -> None:
    """Raises ApiError for another media type or a compressed body.

    Only these types: a page of another origin that a browser shows cannot send them unasked.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise ApiError("wrong_content_type", f"send the header 'Content-Type: {allowed[0]}', with a body of that type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ApiError("wrong_content_type", "compressed bodies are not read; send it plain, without Content-Encoding")


async def read_body(request: Request, settings: Settings) -> bytes:
    """The body, of which never more than the limit is held. Raises ApiError, ClientDisconnect."""
    most = settings.max_body_bytes
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > most):
        raise too_large(most)
    try:
        return await asyncio.wait_for(_read(request.stream(), most), settings.body_seconds)
    except asyncio.TimeoutError:
        message = f"the body did not arrive within {settings.body_seconds:g} s; send it faster, or less at once"
        # The rest may still come; nothing else can be read from this connection.
        raise ApiError("body_too_slow", message, headers={"Connection": "close"}) from None


async def _read(stream: AsyncIterator[bytes], most: int) -> bytes:
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > most:
            raise too_large(most)
    return bytes(body)


def too_large(most: int) -> ApiError:
    return ApiError("body_too_large", f"the body has more than {most:,} bytes; send fewer articles at once")


def read_articles(body: bytes, settings: Settings) -> tuple[list[Article], bool]:
    """The articles of a JSON body, and whether it is a list. Raises ApiError."""
    data = _parse(body)
    if not isinstance(data, list):
        return [_article(data, "request:1", settings)], False
    if not data:
        raise ApiError("invalid_article", "the list is empty; send at least one article")
    if len(data) > settings.max_articles:
        message = f"the list has {len(data):,} articles, at most {settings.max_articles:,}; send more lists"
        raise ApiError("too_many_articles", f"{message}, or use /tag/stream")
    articles = [_article(item, f"request:{n}", settings, f"[{n - 1}]") for n, item in enumerate(data, 1)]
    if (total := sum(len(article.text) for article in articles)) > settings.queue_characters:
        message = f"the articles have {total:,} characters in all, at most {settings.queue_characters:,}"
        raise ApiError("body_too_large", f"{message}; send fewer at once, or use /tag/stream")
    return articles, True


def read_article(line: bytes, number: int, settings: Settings) -> Article:
    """The article on one line of a stream; without id it is called `line:<number>`. Raises ApiError."""
    return _article(_parse(line), f"line:{number}", settings)


def _parse(raw: bytes) -> Any:
    try:
        return parse_json(raw.removeprefix(BOM))
    except UnicodeDecodeError as error:
        raise ApiError("malformed_json", f"byte {error.start} is not UTF-8; encode the JSON as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise ApiError("malformed_json", f"this is no JSON: {error}") from None


def _article(data: Any, default_id: str, settings: Settings, place: str = "") -> Article:
    if not isinstance(data, dict):
        message = f"is a JSON {type(data).__name__}, not an object; send each article as an object with a 'text'"
        raise ApiError("invalid_article", message, field=place or None)
    try:
        given = {key: value for key, value in data.items() if key not in ANNOTATIONS}
        article = Article.from_dict(given, default_id=default_id)
        if not article.text.strip():
            raise ArticleError("is empty; leave the article out or give it a text", article_id=article.id, field="text")
    except ArticleError as error:
        raise invalid_article(error, place) from None
    if len(article.text) > settings.max_article_characters:
        message = f"has {len(article.text):,} characters, at most {settings.max_article_characters:,}; split the text"
        field = f"{place}.text".lstrip(".")
        raise ApiError("article_too_long", message, field=field, article_id=article.id)
    return article
