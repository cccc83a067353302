"""Every file holds the graph: the edge lists, GraphML that graph tools open, and JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.inference.graph.build import Graph, build
from mawaqif.inference.graph.outputs import columns, edge_rows, to_json, write

from .conftest import Read, Tell


@pytest.fixture
def graph(story: list[Article], read: Read) -> Graph:
    return build(read(story))


def test_csv_and_parquet_hold_the_same_edges(graph: Graph, tmp_path: Path) -> None:
    from pyarrow import parquet

    for name in ("edges.csv", "edges.parquet"):
        write(graph, tmp_path / name)
    with (tmp_path / "edges.csv").open(encoding="utf-8-sig", newline="") as file:
        from_csv = list(csv.DictReader(file))
    from_parquet = parquet.read_table(tmp_path / "edges.parquet").to_pylist()
    rows = [dict(zip(columns(graph), row, strict=True)) for row in edge_rows(graph)]
    assert from_parquet == rows
    assert rows[0]["holder"] == "سامر نعيم الوراق"
    assert (rows[0]["favor"], rows[0]["against"], rows[0]["evidence_article"]) == (1, 2, "s1")
    assert rows[0]["sources"] == ["المنارة", "الميناء"]
    assert [(row["holder"], row["target"], int(row["stances"])) for row in from_csv] == [
        (row["holder"], row["target"], row["stances"]) for row in rows
    ]


def test_an_empty_graph_can_be_written(read: Read, tell: Tell, tmp_path: Path) -> None:
    from pyarrow import parquet

    empty = build(read([tell("a1", [], others=["GPE سلوانيا"])]))
    for name in ("e.csv", "e.parquet", "e.json", "e.graphml", "e.html"):
        write(empty, tmp_path / name)
    assert parquet.read_table(tmp_path / "e.parquet").num_rows == 0


def test_graphml_opens_in_networkx(graph: Graph, tell: Tell, read: Read, tmp_path: Path) -> None:
    networkx = pytest.importorskip("networkx")
    write(graph, path := tmp_path / "g.graphml")
    found = networkx.read_graphml(path)
    assert found.is_directed()
    assert {found.nodes[n]["label"] for n in found} == {entity.name for entity in graph.entities}
    (weight,) = [data for a, _, data in found.edges(data=True) if found.nodes[a]["label"] == "سامر نعيم الوراق"]
    assert (weight["weight"], weight["favor"], weight["against"], weight["first"]) == (3, 1, 2, "2031-03-12")

    hostile = 'ORG <node id="x"/>]]>&amp;\x0b\ufffe"\''
    write(build(read([tell("a", [(hostile, "favor", "GPE سلوانيا")])])), path)
    names = {data["label"] for _, data in networkx.read_graphml(path).nodes(data=True)}
    assert names == {hostile[4:].replace("\x0b", "\ufffd").replace("\ufffe", "\ufffd"), "سلوانيا"}


def test_json_is_whole_and_the_same_each_time(graph: Graph, tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write(graph, tmp_path / name)
    data = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert data == json.loads(json.dumps(to_json(graph)))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert sum(sum(edge["stances"].values()) for edge in data["edges"]) == data["stances"] == 7
    assert data["edges"][0]["months"] == {"2031-03": {"against": 1}, "2031-04": {"against": 1}}


def test_an_unknown_suffix_is_refused_before_anything_is_written(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"choose a name that ends in \.html, \.json"):
        write(graph, tmp_path / "g.gexf")
    assert not list(tmp_path.iterdir())
