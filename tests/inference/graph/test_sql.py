"""SQL sees the four views with merged entities, and nothing else of the machine."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from mawaqif.article import Article
from mawaqif.errors import ConfigError
from mawaqif.inference.graph.sql import VIEWS, query

from .conftest import Read

pytest.importorskip("duckdb")


def test_the_views_hold_the_corpus(story: list[Article], read: Read) -> None:
    corpus = read(story, everything=True)
    for name, count in {"articles": 4, "mentions": 11, "entities": 10, "stances": 7}.items():
        assert list(query(corpus, f"select count(*) as n from {name}")) == [{"n": count}]
    grouped = query(
        corpus, "select holder, stance, count(*) as n from stances group by all order by n desc, stance limit 2"
    )
    assert list(grouped) == [
        {"holder": "سامر نعيم الوراق", "stance": "against", "n": 2},
        {"holder": "حزب النخيل", "stance": "against", "n": 1},
    ]
    (row,) = query(corpus, "select date, date_as_given, text from articles where article_id = 's2'")
    assert row == {"date": datetime.date(2031, 4, 2), "date_as_given": "2031-04-02T08:00:00Z", "text": story[1].text}
    told = query(corpus, 'select text[start + 1 : "end"] = mention as same from mentions join articles using (article)')
    assert all(row["same"] for row in told)
    joined = "select distinct entity from mentions where mention = 'الوراق'"
    assert [row["entity"] for row in query(corpus, joined)] == ["سامر نعيم الوراق"]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('{file}')",
        "select * from '{file}'",
        "select * from read_text('{file}')",
        "select * from glob('{folder}/*')",
        "select * from read_parquet('{tables}/stances.parquet')",
        "copy stances to '{folder}/out.csv'",
        "attach '{folder}/other.db'",
        "create table x as select 1",
        "drop view stances",
        "set enable_external_access = true",
        "install httpfs",
        "load httpfs",
        "select 1; select 2",
        "selec 1",
        "",
        "select 1 as a, 2 as a",
        "select * from corpus",
    ],
)
def test_what_is_no_question_about_the_corpus_is_refused(
    story: list[Article], read: Read, tmp_path: Path, statement: str
) -> None:
    corpus = read(story, everything=True)
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    places = {"file": tmp_path / "secret.csv", "folder": tmp_path, "tables": corpus.path}
    with pytest.raises(ConfigError, match="--sql"):
        list(query(corpus, statement.format(**places)))
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_every_view_can_be_described(story: list[Article], read: Read) -> None:
    corpus = read(story, everything=True)
    for name in VIEWS:
        assert {"article", "article_id"} <= {row["column_name"] for row in query(corpus, f"describe {name}")}
