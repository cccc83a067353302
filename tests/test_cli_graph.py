"""mawaqif graph and mawaqif query as they are typed."""

from __future__ import annotations

import gzip
import json
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mawaqif.article import Article
from mawaqif.cli import app, main
from mawaqif.data.formats import write as write_format
from mawaqif.inference.outputs import write as write_tagged
from mawaqif.jsonl import write_articles
from mawaqif.labels import LabelSet


@pytest.fixture
def tagged(annotated: list[Article], tmp_path: Path) -> Path:
    write_articles(annotated, path := tmp_path / "tagged.jsonl")
    return path


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What is said of a command that cannot run."""
    monkeypatch.setattr(sys, "argv", ["mawaqif", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_a_graph_of_every_kind_of_input_is_the_same(
    annotated: list[Article], labels: LabelSet, tagged: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    (folder / "more").mkdir(parents=True)
    write_articles(annotated[:1], folder / "a.jsonl.gz")
    write_articles(annotated[1:], folder / "more" / "b.jsonl")
    (folder / "note.txt").write_text("ليس مقالا موسوما", encoding="utf-8")
    write_format(annotated, tmp_path / "data.parquet")
    write_tagged([(a.to_json() + "\n").encode() for a in annotated], tmp_path / "tag.parquet", labels)
    write_tagged([(a.to_json() + "\n").encode() for a in annotated], tmp_path / "tag.jsonl.zst", labels)
    outputs = set()
    for given in (tagged, folder, tmp_path / "data.parquet", tmp_path / "tag.parquet", tmp_path / "tag.jsonl.zst"):
        done = run("graph", given, "-o", tmp_path / "g.json")
        assert done.exit_code == 0, done.output
        assert "3 articles (0 with a date), 9 stances, 13 entities, 9 edges" in done.stderr
        outputs.add((tmp_path / "g.json").read_bytes())
    assert len(outputs) == 1


def test_standard_input_is_read(annotated: list[Article], tmp_path: Path) -> None:
    lines = "".join(article.to_json() + "\n" for article in annotated)
    done = CliRunner().invoke(app, ["graph", "-", "-o", str(tmp_path / "g.csv")], input=lines)
    assert done.exit_code == 0, done.output
    assert len((tmp_path / "g.csv").read_text(encoding="utf-8-sig").splitlines()) == 10


def test_bad_lines_are_told_and_the_rest_goes_on(tagged: Path, tmp_path: Path) -> None:
    with tagged.open("a", encoding="utf-8") as file:
        file.write(
            '{"id": "x", "text": "نص", "stances": [{"holder": "e9", "target": "e1", "stance": "favor"}]}\nno json\n'
        )
    done = run("graph", tagged, "-o", tmp_path / "g.html")
    assert done.exit_code == 1
    assert f"skipped {tagged}:4: article 'x', stances[0].holder: 'e9' is no entity" in done.stderr
    assert f"skipped {tagged}:5: is not a JSON object" in done.stderr
    assert "3 articles" in done.stderr
    assert "<html" in (tmp_path / "g.html").read_text(encoding="utf-8")


def test_options_filter_and_say_what_they_left_out(tagged: Path, tmp_path: Path) -> None:
    done = run("graph", tagged, "-o", tmp_path / "g.json", "--types", "ORG, ISSUE", "--top", "1")
    assert done.exit_code == 0, done.output
    assert "stances left out by types" in done.stderr
    edges = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))["edges"]
    assert 0 < len(edges) < 9


def test_own_aliases_join(tagged: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("- [حزب النخيل الأخضر, اتحاد الصيادين]\n", encoding="utf-8")
    assert run("graph", tagged, "-o", tmp_path / "g.json", "--aliases", own).exit_code == 0
    names = [entity["name"] for entity in json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))["entities"]]
    assert "حزب النخيل الأخضر" in names
    assert "اتحاد الصيادين" not in names


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["graph", "{tagged}", "-o", "{folder}/g.gexf"], "cannot be written; choose a name that ends in .html"),
        (["graph", "{tagged}", "-o", "{folder}/g.json", "--types", "PERSON"], "PERSON is no type; there are ACTOR"),
        (["graph", "{tagged}", "-o", "{folder}/g.json", "--since", "soon"], "since: 'soon' is no date"),
        (["query", "{tagged}"], "the other is missing; give the query last"),
        (["query", "{tagged}", "holdr=x"], "'holdr' is no key; did you mean holder?"),
        (["query", "{tagged}", "holder=x", "-o", "{folder}/g.xml"], "choose a name that ends in .jsonl"),
    ],
)
def test_a_wrong_command_is_one_clear_line(
    tagged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    before = sorted(tagged.parent.iterdir())
    given = [argument.format(tagged=tagged, folder=tagged.parent) for argument in arguments]
    assert told in failure(monkeypatch, capsys, *given)
    assert sorted(tagged.parent.iterdir()) == before


def test_what_is_no_tagged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,نص\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"id": "b", "text": "نص بلا وسوم"}\n', encoding="utf-8")
    (tmp_path / "c").mkdir()
    done = run("graph", tmp_path / "a.csv", tmp_path / "b.jsonl", tmp_path / "c", "-o", tmp_path / "g.json")
    assert done.exit_code == 1
    assert "a.csv: is no file of tagged articles; give JSON lines (.jsonl) or Parquet" in done.stderr
    assert "c: holds no .jsonl or .parquet file; name the files of tagged articles" in done.stderr
    assert "no article has entities or stances; tag the articles first" in done.stderr


def test_the_output_in_the_folder_that_is_read_is_no_input(tagged: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert run("graph", tmp_path, "-o", tmp_path / "edges.parquet").exit_code == 0


def test_query_writes_json_lines_in_a_pipe(tagged: Path) -> None:
    done = run("query", tagged, "target~مجلس stance=against")
    assert done.exit_code == 0, done.output
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["holder"], row["voice"], row["evidence"]) == ("اتحاد الصيادين", "action", "هاجم المجلس بشدة")


def test_query_in_a_terminal_is_a_table(
    tagged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mawaqif.cli_graph import query

    shown = TextIOWrapper(BytesIO(), encoding="utf-8")
    monkeypatch.setattr(shown, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", shown)
    query([str(tagged), "holder=AUTHOR"])
    shown.flush()
    text = shown.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert "evidence" in text
    assert "favor" in text
    assert "{" not in text


def test_query_by_sql_and_to_a_file(tagged: Path, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    output = tmp_path / "rows.csv"
    statement = "select stance, count(*) as n from stances group by stance order by stance"
    done = run("query", tagged, "--sql", statement, "-o", output)
    assert done.exit_code == 0, done.output
    assert output.read_text(encoding="utf-8-sig").splitlines() == ["stance,n", "against,5", "favor,4"]
    assert "2 rows in" in done.stderr


def test_an_unknown_name_is_told_and_nothing_is_found(tagged: Path) -> None:
    done = run("query", tagged, "holder=اتحاد_الصيادات")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no entity is called 'اتحاد_الصيادات'; the nearest is 'اتحاد الصيادين'" in done.stderr


def test_zipped_lines_are_tagged_articles_too(annotated: list[Article], tmp_path: Path) -> None:
    lines = "".join(article.to_json() + "\n" for article in annotated).encode()
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(lines))
    assert len(run("query", tmp_path / "a.ndjson.gz", "type=ISSUE").stdout.splitlines()) == 5
