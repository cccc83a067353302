"""`mawaqif tag` on files: formats in and out, rejects, and real processes that are killed and started again."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from mawaqif.article import Article
from mawaqif.cli import app
from mawaqif.errors import ConfigError, MissingExtraError
from mawaqif.jsonl import read_articles

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل.\nوقال سليم الوراق إن الخطة ستفشل!"


def run(*arguments: str | Path, stdin: bytes = b"") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["tag", *map(str, arguments)], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """600 articles in three parts, of which two cannot be used, under ids that come twice."""
    path = tmp_path / "news.jsonl"
    sentences = re.split(r"(?<=[.!])\s|، ", TEXT)
    texts = [" ".join((sentences * 2)[n % 3 :][: 1 + n % 2]) for n in range(600)]
    records = [json.dumps({"id": f"n{n // 2}", "text": text, "n": n}) for n, text in enumerate(texts)]
    records[100], records[500] = "oops", '{"id": "void"}'
    path.write_text("\n".join(records), encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------------------- formats


def test_csv_in_csv_out(tiny_onnx_model: Path, tmp_path: Path) -> None:
    source = tmp_path / "news.csv"
    source.write_text(f'url;body\nu1;"{TEXT}"\nu2;"{TEXT}"\n', encoding="utf-8")
    options = (source, "-m", tiny_onnx_model, "--text-column", "body", "--id-column", "url", "--min-score", 0)
    _, out, _ = run(*options)
    articles = [Article.from_json(line) for line in out.splitlines()]
    assert [article.id for article in articles] == ["u1", "u2"]
    for rows in ("mentions", "stances"):
        output = tmp_path / f"{rows}.csv"
        assert run(*options, "-o", output, "--rows", rows) == (0, "", "")
        with output.open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file))
        assert [row["id"] for row in found] == [a.id for a in articles for _ in getattr(a, rows)]
        for row in found:
            if rows == "mentions":
                assert TEXT[int(row["start"]) : int(row["end"])] == row["mention"]
            elif row["evidence"]:
                assert TEXT[int(row["evidence_start"]) : int(row["evidence_end"])] == row["evidence"]
    names = {entity.id: entity.name for entity in articles[0].entities}
    assert found
    assert all(row["holder_name"] == names.get(row["holder"], "AUTHOR") for row in found if row["id"] == "u1")


def test_parquet_in_parquet_out(tiny_onnx_model: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "news.parquet", tmp_path / "out.parquet"
    parquet.write_table(pa.table({"id": ["a", "b"], "text": [TEXT, TEXT], "likes": [3, None]}), source)
    options = (source, "-m", tiny_onnx_model, "--min-score", 0)
    assert run(*options, "-o", output) == (0, "", "")
    articles = [Article.from_json(line) for line in run(*options)[1].splitlines()]
    table = parquet.read_table(output)
    assert table.column_names == ["id", "text", "title", "date", "source", "mentions", "entities", "stances", "extra"]
    assert table["extra"].to_pylist() == ['{"likes": 3}', None]
    for article, row in zip(articles, table.to_pylist(), strict=True):
        kept = {key: row[key] for key in ("id", "text", "mentions", "entities", "stances")}
        extra = {"likes": 3} if row["id"] == "a" else {}
        assert Article.from_dict(kept | extra) == article


def test_rejects_are_written(tiny_onnx_model: Path, news: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    small = tmp_path / "small.jsonl"
    small.write_text("\n".join(news.read_text(encoding="utf-8").splitlines()[98:102]), encoding="utf-8")
    for output in ([], ["-o", tmp_path / "out.jsonl"]):
        status, _, err = run(small, "-m", tiny_onnx_model, "--rejects", rejects, *output)
        assert (status, err.count("\n")) == (1, 1)
        assert err.startswith(f"skipped {small}:3: is not a JSON object")
        (reject,) = map(json.loads, rejects.read_text(encoding="utf-8").splitlines())
        assert (reject["file"], reject["line"], reject["record"]) == (str(small), 3, "oops")


def test_stop_ends_with_the_first_error(tiny_onnx_model: Path, tmp_path: Path) -> None:
    source = tmp_path / "news.jsonl"
    lines = [json.dumps({"id": "a", "text": TEXT}), "oops", json.dumps({"id": "b", "text": TEXT})]
    source.write_text("\n".join(lines), encoding="utf-8")
    done = mawaqif("tag", source, "-m", tiny_onnx_model, "--on-error", "stop")
    assert done.returncode == 2
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["a"]
    assert done.stderr.decode().startswith(f"error {source}:2: is not a JSON object")


# ----------------------------------------------------------------------------------------------- killed and taken up

# Runs the command line in a process that kills itself just before it puts its Nth file in place.
KILLED = """
import os, signal, sys
from pathlib import Path
from mawaqif.cli import main

left, replace = int(sys.argv.pop(1)), Path.replace

def deadly(self, target):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = deadly
if __name__ == "__main__":
    main()
"""


def mawaqif(*arguments: str | Path, kill_at: int = 0) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", KILLED, str(kill_at), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"})


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("name", ["out.jsonl.gz", "out.parquet"])
def test_a_killed_run_ends_with_every_article_once(tiny_onnx_model: Path, news: Path, name: str) -> None:
    whole, output, rejects = news.with_name(f"whole.{name}"), news.with_name(name), news.with_name("rejects.jsonl")
    assert run(news, "-m", tiny_onnx_model, "-o", whole, "--threads", 1)[0] == 1
    command = ("tag", news, "-m", tiny_onnx_model, "-o", output, "--threads", "1", "--rejects", rejects)
    # Before run.json, the first part, the third, the rejects and the output.
    for kill_at, parts in ((1, 0), (2, 0), (3, 2), (2, 3), (2, 3)):
        assert mawaqif(*command, kill_at=kill_at).returncode == -signal.SIGKILL
        assert not output.exists()
        assert len(list(news.with_name(f"{name}.parts").glob("*.part"))) == parts
    done = mawaqif(*command)
    assert done.returncode == 1, done.stderr  # for the records that earlier sessions rejected
    assert output.read_bytes() == whole.read_bytes()
    assert [json.loads(line)["line"] for line in rejects.read_text(encoding="utf-8").splitlines()] == [101, 501]
    if name.endswith("gz"):
        found = [json.loads(article.to_json())["n"] for article in read_tagged(output)]
        assert found == [n for n in range(600) if n not in (100, 500)]
    assert not list(news.parent.glob("*.parts")) + list(news.parent.glob(".*"))
    again = mawaqif(*command, kill_at=1)  # at the first file that it would write
    assert again.returncode == 1
    assert f"{output}: is whole" in again.stderr.decode()


def read_tagged(path: Path) -> list[Article]:
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [Article.from_json(line) for line in file]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_workers_give_the_same_and_die_with_a_killed_parent(tiny_onnx_model: Path, news: Path) -> None:
    whole, output = news.with_name("whole.jsonl"), news.with_name("out.jsonl")
    assert run(news, "-m", tiny_onnx_model, "-o", whole, "--threads", 1)[0] == 1
    command = ("tag", news, "-m", tiny_onnx_model, "-o", output, "--workers", "2")
    # Its pipes close only when the workers, which hold them too, have ended: else this would wait for ever.
    assert mawaqif(*command, kill_at=3).returncode == -signal.SIGKILL
    assert len(list(news.with_name("out.jsonl.parts").glob("*.part"))) == 1
    assert mawaqif(*command).returncode == 1
    assert output.read_bytes() == whole.read_bytes()


def test_a_changed_input_or_option_is_refused(tiny_onnx_model: Path, news: Path) -> None:
    command = ("tag", news, "-m", tiny_onnx_model, "-o", news.with_name("out.jsonl"))
    assert mawaqif(*command, kill_at=3).returncode == -signal.SIGKILL
    refused = mawaqif(*command, "--min-score", "0.9")
    assert refused.returncode == 2
    assert "option 'min-score' has changed" in refused.stderr.decode()
    news.write_text(news.read_text(encoding="utf-8") + "\n" + json.dumps({"text": TEXT}), encoding="utf-8")
    refused = mawaqif(*command)
    assert refused.returncode == 2
    assert f"input '{news}' has changed" in refused.stderr.decode()


def test_standard_input_starts_over(tiny_onnx_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.parts").mkdir()
    (tmp_path / "out.jsonl.parts" / "run.json").write_text("{}", encoding="utf-8")
    assert run("-", "-m", tiny_onnx_model, "-o", output, stdin=TEXT.encode()) == (0, "", "")
    assert [article.text for article in read_articles(output)] == [TEXT]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGPIPE")
def test_a_reader_that_has_seen_enough_is_no_error(tiny_onnx_model: Path, news: Path) -> None:
    command = [sys.executable, "-m", "mawaqif.cli", "tag", str(news), "-m", str(tiny_onnx_model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["id"] == "n0"
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait() == 0
    assert all(line.startswith("skipped ") for line in told.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_an_output_that_is_no_file_is_written_as_it_comes(tiny_onnx_model: Path, tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text(TEXT, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    command = [sys.executable, "-m", "mawaqif.cli", "tag", str(tmp_path / "n.txt"), "-o", str(tmp_path / "pipe")]
    with subprocess.Popen([*command, "-m", str(tiny_onnx_model)], stderr=subprocess.PIPE) as process:
        with (tmp_path / "pipe").open("rb") as reader:
            assert json.loads(reader.read())["text"] == TEXT
        assert process.wait() == 0
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--engine ray tags one directory or URL of shards"),
        (("-o", "out", "--html", "page.html"), "do not go with --engine ray"),
        (("-o", "out", "--on-error", "stop"), "do not go with --engine ray"),
    ],
)
def test_ray_says_what_it_needs(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, "--engine", "ray", *options)


def test_ray_is_an_extra(tiny_onnx_model: Path, news: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"mawaqif\[ray\]"):
        run(news.parent, "--engine", "ray", "-m", tiny_onnx_model, "-o", news.parent / "tagged")
