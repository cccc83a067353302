"""The command line of the service: serve."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mawaqif.console import EngineOption, ModelOption, PrecisionOption, ThreadsOption
from mawaqif.errors import ConfigError, require

app = typer.Typer()


def _limit(help: str) -> Any:
    return typer.Option(help=help, rich_help_panel="Limits", show_default="see /info")


@app.command()
def serve(
    model: ModelOption = None,
    engine: EngineOption = "auto",
    precision: PrecisionOption = None,
    threads: ThreadsOption = None,
    host: Annotated[str, typer.Option(envvar="MAWAQIF_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="MAWAQIF_PORT", min=0, max=65535, help="Port; 0: any free one.")] = 8000,
    keys: Annotated[
        Path | None,
        typer.Option(envvar="MAWAQIF_KEYS_FILE", help="File of API keys, one a line; also MAWAQIF_KEYS, with commas."),
    ] = None,
    cors_origin: Annotated[
        list[str] | None, typer.Option(help="Web origin whose pages may call the service; may be given again.")
    ] = None,
    max_body_bytes: Annotated[int | None, _limit("Bytes of a request's body.")] = None,
    max_articles: Annotated[int | None, _limit("Articles in one list.")] = None,
    max_article_characters: Annotated[int | None, _limit("Characters of one article.")] = None,
    queue_articles: Annotated[int | None, _limit("Articles that may wait.")] = None,
    queue_characters: Annotated[int | None, _limit("Characters that may wait.")] = None,
    max_requests: Annotated[int | None, _limit("Requests handled at the same time.")] = None,
    body_seconds: Annotated[float | None, _limit("For a request's body to arrive.")] = None,
    request_seconds: Annotated[float | None, _limit("From there to the answer.")] = None,
    idle_seconds: Annotated[float | None, _limit("For a stream's next line, and for a client to read.")] = None,
    shutdown_seconds: Annotated[int | None, _limit("To finish what was accepted, at the end.")] = None,
) -> None:
    """Serve the tagger over HTTP: /tag, /tag/stream, /health, /info, /metrics, /docs.

    SIGTERM and Ctrl-C end it in order: what was accepted is finished first. The log, on standard error, holds no text.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    for module in ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn"):
        require(module, "serve")
    from pydantic import ValidationError

    import mawaqif
    from mawaqif.inference.server.about import information
    from mawaqif.inference.server.app import create_app
    from mawaqif.inference.server.keys import read_keys
    from mawaqif.inference.server.run import leave, listen, serve
    from mawaqif.inference.server.settings import Settings

    limits = {name: given[name] for name in given.keys() & Settings.model_fields.keys() - {"keys"}}
    try:
        settings = Settings(**limits, keys=read_keys(keys), cors_origins=tuple(cors_origin or ()))
    except ValidationError as error:
        first = error.errors()[0]
        option = "".join(f"--{name} ".replace("_", "-") for name in first["loc"])
        raise ConfigError(f"{option}{first['msg']}") from None
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with listen(host, port, settings) as listener:  # before the model: a port that is taken shows at once
        tagger = mawaqif.load(model, engine=engine, threads=threads, precision=precision)
        tagger("رحبت الوزارة بالقرار.")  # the first run is the slowest; and a model that cannot run fails here
        info = information(tagger.saved, tagger.engine.name, precision or tagger.saved.precision, settings.limits())
        status = serve(create_app(tagger, settings, info), listener)
    leave(status)
