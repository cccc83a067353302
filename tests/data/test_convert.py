"""mawaqif data convert: from any format to any other, with what is lost told and nothing overwritten by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mawaqif.article import Article
from mawaqif.cli import app
from mawaqif.data.convert import convert
from mawaqif.data.formats import read, write
from mawaqif.errors import InputError
from mawaqif.jsonl import read_articles


def test_a_journey_through_all_formats_changes_nothing(tmp_path: Path, gold_articles: list[Article]) -> None:
    path = tmp_path / "start.jsonl"
    write(gold_articles, path)
    for name in ("brat", "a.doccano.jsonl", "a.json", "a.conll", "a.prodigy.jsonl", "a.parquet", "end.jsonl"):
        assert convert(path, tmp_path / name) == 3
        path = tmp_path / name
    assert list(read_articles(path)) == gold_articles


def test_the_command(tmp_path: Path, gold_articles: list[Article]) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out"
    write(gold_articles, source)
    source.write_text(source.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["data", "convert", str(source), str(target), "--to", "conll", "--plain"])
    assert (result.exit_code, result.stdout) == (1, "3 articles\n")
    assert "in.jsonl:4" in result.stderr
    assert "all stances of 3 articles are lost" in result.stderr
    assert [len(article.mentions) for article in read(target, format="conll")] == [
        len(article.mentions) for article in gold_articles
    ]


def test_a_target_is_left_alone_where_the_source_is_no_good(tmp_path: Path, gold_articles: list[Article]) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    write(gold_articles, good)
    before = good.read_bytes()
    bad.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        convert(bad, good)
    with pytest.raises(InputError, match="to be read and to be written"):
        convert(good, tmp_path / "." / "good.jsonl")
    with pytest.raises(InputError, match="'conl' is no format"):
        convert(good, tmp_path / "x", target_format="conl")
    assert good.read_bytes() == before
