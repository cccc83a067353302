"""What the service says when it refuses or fails: always `{"error": {"code", "message", "field"?}}`.

`code` is for programs and never changes its meaning, `message` says what is wrong and what to do, `field` names the
place in what was sent, as `[2].text` or `min_score`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from mawaqif.errors import InputError

__all__ = ["STATUSES", "ApiError", "ErrorBody", "add_handlers", "invalid_article", "origin"]

STATUSES = {
    "malformed_json": 400,
    "malformed_request": 400,
    "missing_key": 401,
    "wrong_key": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_slow": 408,
    "body_too_large": 413,
    "article_too_long": 413,
    "too_many_articles": 413,
    "wrong_content_type": 415,
    "invalid_article": 422,
    "invalid_option": 422,
    "tagging_failed": 500,
    "internal_error": 500,
    "overloaded": 503,
    "shutting_down": 503,
    "timed_out": 504,
}
"""Every code, with its HTTP status. In a stream the codes are the same, and the status stays 200."""


class ErrorDetail(BaseModel):
    code: str = Field(description="For programs.", json_schema_extra={"enum": list(STATUSES)})
    message: str = Field(description="What is wrong, and what to do about it.")
    field: str | None = Field(None, description="The place in what was sent: a parameter, or a path into the JSON.")
    line: int | None = Field(None, description="In a stream: the number of the line, from 1.")
    id: str | None = Field(None, description="The article's id, where it is known.")


class ErrorBody(BaseModel):
    """Why there is no result."""

    error: ErrorDetail


class ApiError(Exception):
    """An answer that is no result. Raised anywhere below a route, it becomes the response."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        article_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code, self.message, self.field, self.article_id = code, message, field, article_id
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        return STATUSES[self.code]

    def body(self, line: int | None = None) -> bytes:
        """The error as JSON. `line`: its place in a stream."""
        shown = {"code": self.code, "message": self.message, "field": self.field, "line": line, "id": self.article_id}
        return json.dumps({"error": {key: value for key, value in shown.items() if value is not None}}).encode()

    def response(self) -> Response:
        """The error as the whole answer."""
        return Response(self.body(), self.status, self.headers, "application/json")


def invalid_article(error: InputError, place: str = "") -> ApiError:
    """An article that breaks the format; `place`: where it stands in a list, as `[2]`."""
    field = f"{place}.{error.field}" if place and error.field else place or error.field
    return ApiError("invalid_article", error.reason, field=field, article_id=error.article_id)


def origin(error: BaseException) -> str:
    """Kind and place of an exception, without its message, which may hold somebody's text."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    return f"{type(error).__name__}{where}"


def add_handlers(app: FastAPI) -> None:
    """Makes every error of a route, of routing and of validation an `ErrorBody`."""

    async def refused(_: Request, error: Any) -> Response:
        response: Response = error.response()
        return response

    async def invalid(_: Request, error: Any) -> Response:
        return _invalid_option(error).response()

    async def unroutable(request: Request, error: Any) -> Response:
        return _unroutable(request, error).response()

    app.add_exception_handler(ApiError, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, unroutable)


def _invalid_option(error: RequestValidationError) -> ApiError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        return ApiError("invalid_option", "there is no such option; see /docs for those there are", field=name)
    return ApiError("invalid_option", f"{first['msg']}; see /docs for what it may be", field=name)


def _unroutable(request: Request, error: HTTPException) -> ApiError:
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        message = f"{request.method} does not go here; use {allowed} (see /docs)"
        return ApiError("method_not_allowed", message, headers=error.headers)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return ApiError("not_found", "there is nothing at this path; see /docs for what there is")
    raise error
