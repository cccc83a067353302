"""The OpenAPI document: what FastAPI cannot see for itself, since the routes read their bodies under limits."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mawaqif import __version__
from mawaqif.inference.server.errors import STATUSES, ErrorBody
from mawaqif.inference.server.settings import Settings

__all__ = ["DESCRIPTION", "STREAM_ANSWER", "STREAM_BODY", "TAG_BODY", "describe", "refusals"]

DESCRIPTION = """Reads Arabic political news: who is named, and who stands where on whom, with the words that show it.

Offsets are Unicode code points into the article's own `text`, end exclusive (in JavaScript: `Array.from(text)`).
Every answer that is no result is `{"error": {"code", "message", "field"?}}`. With 503 comes `Retry-After`, in seconds.
"""

_EXAMPLE = {"id": "n1", "text": "أعلن حزب النخيل الأخضر رفضه خطة الجسر الجديد. ورحبت وزارة الطرق بالخطة."}
_INPUT = {"$ref": "#/components/schemas/ArticleInput"}

TAG_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"anyOf": [_INPUT, {"$ref": "#/components/schemas/ArticleList"}]},
            "examples": {
                "article": {"summary": "One article", "value": _EXAMPLE},
                "list": {"summary": "A list", "value": [_EXAMPLE, {"text": "رفض البرلمان الخطة."}]},
            },
        }
    },
}
STREAM_BODY: dict[str, Any] = {
    "required": True,
    "description": "One article a line, each as the body of `/tag`. Blank lines are passed over.",
    "content": {"application/x-ndjson": {"schema": {}, "example": '{"text": "رفض البرلمان الخطة."}\n'}},
}
STREAM_ANSWER: dict[str, Any] = {
    "description": "One line for each line: an `Article` or an `ErrorBody`.",
    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
}

_REASONS = {
    400: "The body is no JSON.",
    401: "An API key is asked for, and none or a wrong one was given.",
    408: "The body came too slowly.",
    413: "The body, an article or the list is longer than allowed (see `/info`).",
    415: "The body has another type, or is compressed.",
    422: "An article breaks the format, or an option has no such value.",
    500: "The service failed.",
    503: "The queue is full, or the service is being stopped. Try again after `Retry-After` seconds.",
    504: "The article was not tagged in time.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that are no results."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        codes = ", ".join(f"`{code}`" for code, its in STATUSES.items() if its == status)
        found[status] = {"model": ErrorBody, "description": f"{_REASONS[status]} Codes: {codes}."}
        if status == 503:
            schema = {"type": "integer", "minimum": 1}
            found[status]["headers"] = {"Retry-After": {"description": "Seconds to stay away.", "schema": schema}}
    return found


def describe(app: FastAPI, settings: Settings) -> None:
    """Has the application describe itself completely at /openapi.json."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, settings)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    found = get_openapi(title="mawaqif", version=__version__, description=DESCRIPTION, routes=app.routes)
    found["servers"] = [{"url": "."}]  # relative to this document: right behind a proxy, under any prefix
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["ArticleInput"] = _article_input(settings)
    schemas["ArticleList"] = {"type": "array", "items": _INPUT, "minItems": 1, "maxItems": settings.max_articles}
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which never leave
        schemas.pop(unused, None)
    if settings.keys:
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        found["security"] = [{"bearer": []}, {"header": []}]
        for path in found["paths"].values():
            for operation in path.values():
                if "401" not in operation["responses"]:
                    operation["security"] = []
    return found


def _article_input(settings: Settings) -> dict[str, Any]:
    # Something that Python does not strip: the \s of ECMA 262, which patterns here follow, lacks the last five.
    text = {"type": "string", "pattern": r"[^\s\x1c-\x1f\x85]", "maxLength": settings.max_article_characters}
    optional = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    either = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
    replaced = {"description": "Passed over: the answer has the model's own."}
    return {
        "type": "object",
        "title": "ArticleInput",
        "description": "An article, or as much of one as there is. Fields that are not named here are kept.",
        "required": ["text"],
        "properties": {
            "id": {**either, "description": "Without it the article is called by its place: `request:1`, `line:1`."},
            "text": text,
            "title": optional,
            "date": either,
            "source": optional,
            "mentions": replaced,
            "entities": replaced,
            "stances": replaced,
        },
        "additionalProperties": True,
        "example": _EXAMPLE,
    }
