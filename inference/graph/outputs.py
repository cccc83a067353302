"""The graph as files: a list of edges as CSV or Parquet, GraphML for graph tools, JSON, and the page.

A file is written beside and then moved into place, so that under its name there is never half of one.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mawaqif.inference.graph.build import Edge, Graph
from mawaqif.inference.outputs import replacing, unwritable

__all__ = ["check_suffix", "edge_rows", "to_graphml", "to_json", "write"]

_SUFFIXES = (".html", ".json", ".csv", ".parquet", ".graphml")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2
_XMLNS = "http://graphml.graphdrawing.org/xmlns"
_GRAPHML_TYPES = {str: "string", int: "long", float: "double"}


def check_suffix(path: Path) -> None:
    """Raises InputError for a name that says no form in which a graph can be written."""
    if path.suffix not in _SUFFIXES:
        raise unwritable(path, ", ".join(_SUFFIXES))


def write(graph: Graph, path: Path) -> None:
    """Writes the graph in the form that the suffix names. Raises InputError."""
    check_suffix(path)
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            _write_parquet(graph, temporary)
        elif path.suffix == ".csv":
            with temporary.open("w", encoding="utf-8-sig", newline="") as file:
                table = csv.writer(file)
                table.writerow(columns(graph))
                table.writerows(["; ".join(x) if isinstance(x, list) else x for x in row] for row in edge_rows(graph))
        elif path.suffix == ".html":
            from mawaqif.inference.graph.page import to_html

            temporary.write_text(to_html(graph), encoding="utf-8")
        else:
            text = to_graphml(graph) if path.suffix == ".graphml" else json.dumps(to_json(graph), ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")


def columns(graph: Graph) -> list[str]:
    """The columns of an edge list: for each stance its count and its share."""
    counts = [name for label in graph.labels for name in (label, f"{label}_share")]
    return [
        *("holder", "holder_type", "target", "target_type", "stances", *counts, "articles", "first", "last", "undated"),
        *("mean_score", "voices", "sources", "evidence_article", "evidence_stance", "evidence"),
    ]


def edge_rows(graph: Graph) -> Iterator[tuple[Any, ...]]:
    """The values of `columns` for every edge; `voices` and `sources` are lists, most frequent first, and the evidence
    is the best of the edge's most frequent stance."""
    for edge in graph.edges:
        holder, target = graph.entities[edge.holder], graph.entities[edge.target]
        counts = [value for label in graph.labels for value in (edge.stances[label], edge.share(label))]
        best = edge.evidence[_ranked(edge.stances)[0]][:1]
        article, stance, text = (best[0].article, best[0].stance, best[0].text) if best else (None, None, None)
        yield (
            *(holder.name, holder.type, target.name, target.type, edge.count, *counts, edge.articles),
            *(edge.first, edge.last, edge.undated, edge.score, _ranked(edge.voices), _ranked(edge.sources)),
            *(article, stance, text),
        )


def to_json(graph: Graph) -> dict[str, Any]:
    """Plain values: the corpus in numbers, entities with their other names, edges with counts by month and evidence.
    `holder` and `target` are places in `entities`."""
    return {
        "articles": graph.articles,
        "articles_tagged": graph.tagged,
        "articles_dated": graph.dated,
        "stances": graph.stances,
        "stances_undated": graph.undated,
        "left_out": dict(graph.left_out),
        "labels": graph.labels,
        "entities": [{"name": x.name, "type": x.type, "other_names": list(x.others)} for x in graph.entities],
        "edges": [_edge(graph, edge) for edge in graph.edges],
    }


def to_graphml(graph: Graph) -> str:
    """A directed GraphML document (http://graphml.graphdrawing.org): nodes with name and type, edges with their counts.

    Characters that XML cannot hold become U+FFFD.
    """
    root = ElementTree.Element("graphml", {"xmlns": _XMLNS})
    keys: dict[tuple[str, str], str] = {}
    body = ElementTree.Element("graph", {"id": "stances", "edgedefault": "directed"})

    def add(parent: ElementTree.Element, kind: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if value is None:
                continue
            key = keys.setdefault((kind, name), f"k{len(keys)}")
            if root.find(f"key[@id='{key}']") is None:
                declared = {"id": key, "for": kind, "attr.name": name, "attr.type": _GRAPHML_TYPES[type(value)]}
                ElementTree.SubElement(root, "key", declared)
            ElementTree.SubElement(parent, "data", {"key": key}).text = _NOT_XML.sub("\ufffd", str(value))

    for number, entity in enumerate(graph.entities):
        node = ElementTree.SubElement(body, "node", {"id": f"n{number}"})
        add(node, "node", {"label": entity.name, "type": entity.type, "other_names": "; ".join(entity.others)})
    for number, edge in enumerate(graph.edges):
        ends = {"id": f"e{number}", "source": f"n{edge.holder}", "target": f"n{edge.target}"}
        counts: dict[str, Any] = {_xml_name(label): edge.stances[label] for label in graph.labels}
        facts = {"articles": edge.articles, "first": edge.first, "last": edge.last, "mean_score": edge.score}
        add(ElementTree.SubElement(body, "edge", ends), "edge", {"weight": edge.count, **counts, **facts})
    root.append(body)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _xml_name(label: str) -> str:
    return _NOT_XML.sub("\ufffd", label)


def _edge(graph: Graph, edge: Edge) -> dict[str, Any]:
    months: dict[str, dict[str, int]] = {}
    for (month, stance), count in sorted(edge.months.items()):
        months.setdefault(month, {})[stance] = count
    return {
        "holder": edge.holder,
        "target": edge.target,
        "stances": {label: edge.stances[label] for label in graph.labels},
        "shares": {label: edge.share(label) for label in graph.labels},
        "articles": edge.articles,
        "first": edge.first,
        "last": edge.last,
        "undated": edge.undated,
        "mean_score": edge.score,
        "months": months,
        "voices": dict(edge.voices.most_common()),
        "sources": {name: edge.sources[name] for name in _ranked(edge.sources)},
        "evidence": [found._asdict() for label in _ranked(edge.stances) for found in edge.evidence[label]],
    }


def _ranked(counts: Any) -> list[str]:
    return sorted((name for name in counts if counts[name]), key=lambda name: (-counts[name], name))


def _write_parquet(graph: Graph, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    text, lists = pa.string(), ("voices", "sources")
    numbers = {"mean_score": pa.float64(), "stances": pa.int64(), "articles": pa.int64(), "undated": pa.int64()}
    for label in graph.labels:
        numbers |= {label: pa.int64(), f"{label}_share": pa.float64()}
    names = columns(graph)
    schema = pa.schema([(name, pa.list_(text) if name in lists else numbers.get(name, text)) for name in names])
    rows = [dict(zip(names, row, strict=True)) for row in edge_rows(graph)]
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
