"""The page `/docs`: Swagger UI on the OpenAPI document, from this server alone, under a Content-Security-Policy."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

__all__ = ["router"]

_ASSETS = Path(str(files("fastapi_offline"))) / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mawaqif: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<noscript>This page needs JavaScript; the same is in <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# Without validatorUrl the page would ask a server of Swagger's about the document.
_START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout",
});
"""


def router() -> APIRouter:
    """The page and its three files. Paths are relative, so that it works behind a proxy under any prefix."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def page() -> Response:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})

    @routes.get("/docs/start.js")
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    @routes.get("/docs/swagger-ui-bundle.js")
    async def script() -> Response:
        return FileResponse(_ASSETS / "swagger-ui-bundle.js", media_type="text/javascript")

    @routes.get("/docs/swagger-ui.css")
    async def style() -> Response:
        return FileResponse(_ASSETS / "swagger-ui.css", media_type="text/css")

    return routes
