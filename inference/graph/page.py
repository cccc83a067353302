"""The graph as one HTML page: network, timeline and table with search, in Arabic and English, with no outside resource.

Names and evidence are scraped from anywhere, so nothing in them is trusted: they reach the page as JSON in which no
character can end an element, and the script makes text nodes of them, never markup. The page's own policy lets the
browser run the one script and the one style sheet that stand in it and fetch nothing.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from mawaqif.inference.graph.build import Graph
from mawaqif.inference.graph.outputs import to_json
from mawaqif.labels import LabelSet
from mawaqif.templates import template
from mawaqif.views import one_line

__all__ = ["to_html"]

_ROOM = "mawaqif.inference.graph"
_EDGES = 5_000  # the strongest; more would make the page slow
_NAMES = 8  # other names of an entity


def to_html(graph: Graph, labels: LabelSet | None = None) -> str:
    """The page. It holds the 5,000 strongest edges and says where there are more. `labels` gives glosses and colours;
    types and stances that it does not know are shown by their names, in grey."""
    labels = labels or LabelSet.default()
    style = template(_ROOM, "page.css.j2").render(types=labels.types)
    script = "\n".join(_source(name) for name in ("network.js", "page.js"))
    data = json.dumps(_clean(_data(graph, labels)), ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        data = data.replace(character, f"\\u{ord(character):04x}")
    return template(_ROOM, "page.html.j2").render(style=style, script=script, data=data)


def _data(graph: Graph, labels: LabelSet) -> dict[str, Any]:
    """What `page.js` reads: `to_json`, cut to what a page holds, with the labels' glosses."""
    data = to_json(graph)
    edges = data["edges"][:_EDGES]
    kept = sorted({end for edge in edges for end in (edge["holder"], edge["target"])})
    place = {entity: new for new, entity in enumerate(kept)}
    for edge in edges:
        edge["holder"], edge["target"] = place[edge["holder"]], place[edge["target"]]
    entities = [data["entities"][entity] for entity in kept]
    for entity in entities:
        entity["other_names"] = entity["other_names"][:_NAMES]
    stances = sum(sum(edge["stances"].values()) for edge in edges)
    everything = graph.stances + sum(graph.left_out.values())
    return {
        "articles": graph.articles,
        "stances": stances,
        "all_stances": everything,
        "partial": stances < everything,
        "labels": graph.labels,
        "author": labels.author,
        "types": [_gloss(label) for label in labels.types] + [{"name": labels.author, "ar": "كاتب", "en": "author"}],
        "stances_labels": [_gloss(label) for label in labels.stances],
        "voices": [_gloss(label) for label in labels.voices],
        "entities": entities,
        "edges": edges,
    }


def _gloss(label: Any) -> dict[str, str]:
    return {"name": label.name, "ar": label.ar, "en": label.en}


def _clean(value: Any) -> Any:
    """Every string as one line without direction overrides and control characters."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return {one_line(key): _clean(item) for key, item in value.items()} if isinstance(value, dict) else value


def _source(name: str) -> str:
    return (files(_ROOM) / name).read_text(encoding="utf-8")
