"""The routes that tag: `/tag` and `/tag/stream`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.functional_validators import BeforeValidator

from mawaqif.article import Article
from mawaqif.inference.server.answers import results
from mawaqif.inference.server.batching import Batcher, Choice
from mawaqif.inference.server.limits import JSON, NDJSON, check_content, read_articles, read_body
from mawaqif.inference.server.openapi import STREAM_ANSWER, STREAM_BODY, TAG_BODY, refusals
from mawaqif.inference.server.settings import Settings
from mawaqif.inference.server.stream import TagStream

__all__ = ["router"]


def _true_or_false(value: Any) -> Any:
    """Only what JSON calls a boolean: pydantic alone would take `yes`, `0`, `off` and more."""
    if value not in ("true", "false"):
        raise ValueError("is either true or false")
    return value == "true"


class Options(BaseModel):
    """The query parameters."""

    model_config = ConfigDict(extra="forbid")

    min_score: float | None = Field(
        None, ge=0, le=1, description="Least probability of a stance; without it the model's own."
    )
    evidence: Annotated[bool, BeforeValidator(_true_or_false)] = Field(
        True, description="Whether the words that show a stance are looked for."
    )

    @property
    def choice(self) -> Choice:
        return Choice(self.min_score, self.evidence)


def router(batcher: Batcher, settings: Settings) -> APIRouter:
    """The routes in front of one queue."""
    routes = APIRouter(tags=["tag"])

    @routes.post(
        "/tag",
        summary="Tag an article, or a list of articles",
        response_model=None,
        responses={
            200: {"model": Article | list[Article], "description": "The same with mentions, entities and stances."},
            **refusals(400, 408, 413, 415, 422, 500, 503, 504),
        },
        openapi_extra={"requestBody": TAG_BODY},
    )
    async def tag(request: Request, options: Annotated[Options, Query()]) -> Response:
        """One article in, one out; a list in, a list of the same length and order out.

        Fields that are not known are kept; mentions, entities and stances that come in are replaced. A list is taken
        whole or not at all: one article that cannot be used refuses it, and the error's `field` says which.
        """
        check_content(request, JSON)
        batcher.check()  # before the body is read: a full queue answers at once
        articles, is_list = read_articles(await read_body(request, settings), settings)
        futures = batcher.submit(articles, options.choice)
        request.state.tally |= {"articles": len(articles), "characters": sum(len(a.text) for a in articles)}
        tagged = [article.to_json() for article in await results(futures, request.receive, settings.request_seconds)]
        return Response(f"[{', '.join(tagged)}]" if is_list else tagged[0], media_type="application/json")

    @routes.post(
        "/tag/stream",
        summary="Tag articles as they come, one a line",
        response_model=None,
        responses={200: STREAM_ANSWER, **refusals(415, 422, 503)},
        openapi_extra={"requestBody": STREAM_BODY},
    )
    async def stream(request: Request, options: Annotated[Options, Query()]) -> Response:
        """NDJSON in, NDJSON out: a line of answer for each line that is not blank, in the same order.

        A line that cannot be used becomes an error object in its place (with `line`, its number), and the rest goes
        on. Read while you send, or send no more than `max_articles` lines (see `/info`) before you read. Where the
        stream ends early, its last line is an error that says so.
        """
        check_content(request, NDJSON)
        batcher.check()
        return TagStream(batcher, settings, options.choice, request.state.tally)

    return routes
