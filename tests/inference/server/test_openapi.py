"""The OpenAPI document is complete, and the service keeps to it: schemathesis asks what it promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from mawaqif.article import article_schema
from mawaqif.inference.server.errors import STATUSES
from mawaqif.inference.server.settings import Settings

POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """Whatever it is, it is a stream of lines."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def operations(serving: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """What the document of a server offers, by method and path; its limits are quickly reached."""
    with serving(Settings(max_articles=3, max_article_characters=200)) as service:
        schema = schemathesis.openapi.from_dict(service.client.get("/openapi.json").json())
        schema.config.update(base_url=str(service.client.base_url))
        yield {found.ok().label: found.ok() for found in schema.get_all_operations()}


@pytest.mark.parametrize(
    ("label", "mode", "examples"),
    [
        ("POST /tag", POSITIVE, 12),
        ("POST /tag", NEGATIVE, 12),
        ("POST /tag/stream", POSITIVE, 12),
        ("POST /tag/stream", NEGATIVE, 12),
        *((f"GET {path}", POSITIVE, 1) for path in ("/health", "/health/live", "/health/ready", "/info", "/metrics")),
    ],
)
def test_the_service_keeps_to_its_document(operations: dict[str, Any], label: str, mode: Any, examples: int) -> None:
    # The same examples in every run: schemathesis does not know that 413, too, refuses a list that breaks the schema.
    @settings(
        max_examples=examples,
        derandomize=True,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operations[label].as_strategy(mode))
    def ask(case: Any) -> None:
        case.call_and_validate()

    ask()


def test_every_answer_is_described(service: Any) -> None:
    document = service.client.get("/openapi.json").json()
    assert sorted(document["paths"]) == [
        "/health",
        "/health/live",
        "/health/ready",
        "/info",
        "/metrics",
        "/tag",
        "/tag/stream",
    ]
    described = {int(status) for status in document["paths"]["/tag"]["post"]["responses"]}
    assert described == {200, 400, 408, 413, 415, 422, 500, 503, 504}
    assert described < set(STATUSES.values()) | {200}
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert all(answer["description"] for answer in operation["responses"].values())


def test_the_article_is_the_projects_own(service: Any) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    ours = article_schema()
    assert schemas["Article"]["properties"].keys() == ours["properties"].keys()
    for name in ("Mention", "Entity", "Stance"):
        assert schemas[name]["properties"].keys() == ours["$defs"][name]["properties"].keys()
        assert schemas[name]["required"] == ours["$defs"][name]["required"]
