"""What the service tells about itself: `/health`, `/info`, `/metrics`."""

from __future__ import annotations

import platform
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

import yaml
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from mawaqif import __version__
from mawaqif.inference.server.batching import Batcher
from mawaqif.inference.server.errors import ApiError
from mawaqif.inference.server.metrics import Metrics
from mawaqif.inference.server.openapi import refusals
from mawaqif.saved import CARD, SavedModel

__all__ = ["Info", "Model", "information", "router"]

Responses = dict[int | str, dict[str, Any]]

_PACKAGES = ("fastapi", "uvicorn", "pydantic", "tokenizers", "onnxruntime", "torch")


class Health(BaseModel):
    status: Literal["live", "ready"]


class Model(BaseModel):
    """The model that answers."""

    name: str
    engine: str
    precision: str
    labels: dict[str, Any] = Field(description="Entity types, stances and voices with their names and colours.")
    settings: dict[str, Any] = Field(description="Of config.json: windows, thresholds, temperature.")
    metadata: dict[str, Any] = Field(description="Head of the model card.")
    card: str = Field(description="The model card, Markdown.")


class Info(BaseModel):
    """What runs here, and what it takes."""

    version: str
    model: Model | None
    limits: dict[str, int | float]
    versions: dict[str, str]


def information(saved: SavedModel | None, engine: str, precision: str, limits: dict[str, int | float]) -> Info:
    """What `/info` says of a service; no path of this machine is in it. `saved`: None for a stand-in without files."""
    model = None
    if saved:
        metadata, card = _card(saved)
        labels = saved.labels.model_dump(mode="json")
        model = Model(
            name=saved.directory.name,
            engine=engine,
            precision=precision,
            labels=labels,
            settings=saved.settings,
            metadata=metadata,
            card=card,
        )
    return Info(version=__version__, model=model, limits=limits, versions=_versions())


def _card(saved: SavedModel) -> tuple[dict[str, Any], str]:
    """Head (YAML between two lines of dashes) and body of the model card; the head is empty where it cannot be read."""
    path = saved.directory / CARD
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    start, _, rest = text.partition("---\n")
    head, found, body = rest.partition("\n---\n")
    if start or not found:
        return {}, text
    try:
        metadata = yaml.safe_load(head)
    except yaml.YAMLError:
        return {}, text
    return (metadata, body.strip()) if isinstance(metadata, dict) else ({}, text)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    return found | {package: version(package) for package in _PACKAGES if find_spec(package)}


def router(batcher: Batcher, metrics: Metrics, info: Info, check_key: Any, refused: Responses) -> APIRouter:
    """The routes. `/health` is open to everybody, the others ask for a key where there are keys."""
    routes = APIRouter(tags=["about"])

    @routes.get("/health/live", summary="Whether the process answers")
    async def live() -> Health:
        return Health(status="live")

    @routes.get("/health", summary="Whether articles are taken", responses=refusals(503))
    @routes.get("/health/ready", summary="Whether articles are taken", responses=refusals(503))
    async def ready() -> Health:
        if not batcher.ready:
            raise ApiError("shutting_down", "no articles are taken now", headers={"Retry-After": "1"})
        return Health(status="ready")

    @routes.get("/info", summary="Model card, versions, limits", dependencies=[Depends(check_key)], responses=refused)
    async def about(request: Request) -> Info:
        return info

    @routes.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Metrics."},
            **refused,
        },
        dependencies=[Depends(check_key)],
    )
    async def measured() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes
