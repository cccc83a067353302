"""The ASGI application: one tagger, its queue, and the routes in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware

from mawaqif import __version__
from mawaqif.inference.server import about, docs, routes
from mawaqif.inference.server.batching import Batcher, TaggerLike
from mawaqif.inference.server.errors import add_handlers
from mawaqif.inference.server.guard import Guard
from mawaqif.inference.server.keys import Keys
from mawaqif.inference.server.metrics import Metrics
from mawaqif.inference.server.openapi import describe, refusals
from mawaqif.inference.server.page import router as page
from mawaqif.inference.server.settings import Settings

__all__ = ["create_app"]


def create_app(tagger: TaggerLike, settings: Settings | None = None, info: about.Info | None = None) -> FastAPI:
    """The service for a tagger. `info`: what `/info` says, where there is a model to tell of.

    `app.state.batcher` is the queue; it runs while the application's lifespan does.
    """
    settings = settings or Settings()
    metrics, keys = Metrics(), Keys(settings.keys)
    batcher = Batcher(tagger, settings, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        try:
            yield
        finally:
            batcher.stop()

    app = FastAPI(title="mawaqif", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.batcher, app.state.metrics, app.state.settings = batcher, metrics, settings

    async def check_key(request: Request) -> None:
        keys.check(request)

    refused: dict[int | str, dict[str, Any]] = refusals(401) if settings.keys else {}
    app.include_router(page(getattr(tagger, "labels", None), settings=settings, check=keys.check))
    app.include_router(docs.router())
    app.include_router(routes.router(batcher, settings), dependencies=[Depends(check_key)], responses=refused)
    told = info or about.information(None, "", "", settings.limits())
    app.include_router(about.router(batcher, metrics, told, check_key, refused))
    add_handlers(app)
    describe(app, settings)
    app.add_middleware(Guard, metrics=metrics, max_requests=settings.max_requests)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key"],
            expose_headers=["Retry-After"],
        )
    return app
