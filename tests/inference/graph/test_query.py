"""Queries read back as they were written, and find stances through all names of an entity."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console

from mawaqif.article import Article
from mawaqif.errors import ConfigError, InputError
from mawaqif.inference.graph import rows
from mawaqif.inference.graph.query import COLUMNS, KEYS, Condition, parse, select, unparse

from .conftest import Read

FREE = sorted(set(KEYS) - {"since", "until", "min_score"})
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    ['"', "\\", 'a" b="c', "الاتفاق النووي", "x=y", "~", "\\n", " ", "\n", "سد الزمرد"]
)
CONDITIONS = st.builds(Condition, st.sampled_from(FREE), st.sampled_from("=~"), VALUES)


@given(st.lists(CONDITIONS, min_size=1, max_size=5))
def test_a_query_reads_back_as_it_was_written(conditions: list[Condition]) -> None:
    assume(all(condition.value.strip() for condition in conditions))
    assert parse(unparse(conditions)) == conditions


@given(st.text(max_size=30))
def test_any_text_is_a_query_or_a_clear_error(text: str) -> None:
    try:
        found = parse(text)
    except ConfigError:
        return
    assert parse(unparse(found)) == found


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "the query is empty; write key=value"),
        ("holdr=x", r"'holdr' is no key; did you mean holder\? .*keys: holder .*min_score"),
        ("سامر", "'سامر' is no condition; .*keys: holder"),
        ('holder="a', "is no condition"),
        ('holder="a"b', "is no condition"),
        ("holder=", "is no condition"),
        ('holder=" "', "holder has no value"),
        ("since~2031", "since goes with =, not with ~"),
        ("since=gestern", "since: 'gestern' is no date"),
        ("min_score=2", "min_score: '2' is no number from 0 to 1"),
        ("since=2031 since=2032", "since is given twice"),
    ],
)
def test_a_wrong_query_says_what_is_right(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('holder="سامر الوراق"', ["s1", "s2", "s3"]),  # three spellings of one man
        ("holder=الورّاق", ["s1", "s2", "s3"]),
        ("holder~سامر", ["s1", "s2", "s3"]),
        ("holder=النخيل", ["s1", "s4"]),
        ("holder=AUTHOR", ["s3"]),
        ('target="سد الزمّرد" stance=against', ["s1", "s1", "s2"]),
        ("target~زمرد stance=favor", ["s3", "s3", "s4"]),
        ("entity=سلوانيا", ["s4", "s4"]),
        ("holder=النخيل holder=سلوانيا", ["s1", "s4", "s4"]),
        ("type=GPE", ["s4", "s4"]),
        ("voice=speech min_score=0.5", ["s1", "s1", "s3", "s3", "s4", "s4"]),
        ("since=2031-04", ["s2", "s4", "s4"]),
        ("until=2031-03 since=2031", ["s1", "s1"]),
        ("source=المناره", ["s1", "s1", "s3", "s3"]),
        ("source~ميناء", ["s2"]),
        ("stance=neutral", []),
    ],
)
def test_conditions_find_stances(story: list[Article], read: Read, text: str, found: list[str]) -> None:
    selection = select(read(story), parse(text))
    assert [row["article_id"] for row in selection.rows] == found
    assert not selection.unknown


def test_an_unknown_name_is_told_with_the_nearest(story: list[Article], read: Read) -> None:
    selection = select(read(story), parse("holder=سلوانية target=كخغظ"))
    assert list(selection.rows) == []
    assert selection.unknown == {"سلوانية": "سلوانيا", "كخغظ": None}


def test_a_row_shows_the_merged_name_and_that_of_the_article(story: list[Article], read: Read) -> None:
    (row,) = select(read(story), parse("source=الميناء")).rows
    assert tuple(row) == COLUMNS
    assert (row["holder"], row["holder_as"], row["holder_type"]) == ("سامر نعيم الوراق", "الوراق", "PERS")
    assert (row["date"], row["score"]) == ("2031-04-02", 0.4)
    assert story[1].surface((row["evidence_start"], row["evidence_end"])) == row["evidence"]


# --------------------------------------------------------------------------------------------------------------- rows


def test_rows_are_the_same_in_every_file(story: list[Article], read: Read, tmp_path: Path) -> None:
    from pyarrow import parquet

    found = list(select(read(story), parse("entity~سد")).rows)
    for name in ("r.jsonl", "r.csv", "r.parquet"):
        assert rows.write(COLUMNS, iter(found), tmp_path / name) == len(found) == 6
    assert [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()] == found
    assert parquet.read_table(tmp_path / "r.parquet").to_pylist() == found
    with (tmp_path / "r.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["evidence"] for row in csv.DictReader(file)] == [row["evidence"] for row in found]
    with pytest.raises(InputError, match=r"ends in \.jsonl, \.csv, \.parquet"):
        rows.write(COLUMNS, iter(found), tmp_path / "r.xls")


def test_a_table_says_when_there_are_more_rows() -> None:
    console = Console(file=io.StringIO(), width=80)
    rows.show(["n"], ({"n": n} for n in range(250)), console)
    rows.show(["n"], iter([]), console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "199" in shown
    assert "and 50 more" in shown
    assert "no rows" in shown
