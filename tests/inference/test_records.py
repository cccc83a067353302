"""CSV, Parquet and JSON lines become articles row by row; a bad row is named and the rest is read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from mawaqif.article import Article
from mawaqif.errors import InputError, MissingExtraError
from mawaqif.inference.files import Inputs
from mawaqif.inference.records import Columns

TEXT = "رفض البرلمان الخطة."


def read(path: Path, **columns: str) -> tuple[list[Article], list[InputError]]:
    items = list(Inputs([str(path)], columns=Columns(**columns)))
    return [i for i in items if isinstance(i, Article)], [i for i in items if isinstance(i, InputError)]


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(data)
    return bytes(sink.getvalue())


PACKED = {"": bytes, ".gz": gzip.compress, ".zst": zstd}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_plain_and_compressed_files(tmp_path: Path, kind: str, packed: str) -> None:
    if kind == "jsonl":
        data = "".join(json.dumps({"id": f"n{n}", "text": TEXT}) + "\n" for n in range(300))
    else:
        data = "id,text\r\n" + "".join(f"n{n},{TEXT}\r\n" for n in range(300))
    path = tmp_path / f"news.{kind}{packed}"
    path.write_bytes(PACKED[packed](data.encode()))
    articles, errors = read(path)
    assert not errors
    assert articles == [Article(id=f"n{n}", text=TEXT) for n in range(300)]


@pytest.mark.parametrize("packed", [".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_cut_compressed_file_is_named(tmp_path: Path, kind: str, packed: str) -> None:
    rows = [f"n{n},{TEXT} {n * n}" if kind == "csv" else json.dumps({"text": f"{TEXT} {n * n}"}) for n in range(2000)]
    path = tmp_path / f"news.{kind}{packed}"
    path.write_bytes(PACKED[packed]("\n".join(["id,text"] * (kind == "csv") + rows).encode())[:-20])
    _, (error,) = read(path)
    assert str(error).startswith(f"{path}: cannot be read after line ")


def test_ids_may_come_twice(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text((json.dumps({"id": "a", "text": TEXT}) + "\n") * 3, encoding="utf-8")
    articles, errors = read(path)
    assert ([a.id for a in articles], errors) == (["a"] * 3, [])


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1).filter(str.strip)


@given(rows=st.lists(st.tuples(cells, cells, cells), min_size=1), delimiter=st.sampled_from(",;\t"))
def test_a_csv_file_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "news.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([("url", "body", "note"), *rows])
    articles, errors = read(path, text="body", id="url")
    assert not errors
    assert [(a.id, a.text, a.model_extra) for a in articles] == [
        (url, body, {"url": url, "note": note}) for url, body, note in rows
    ]


def test_bad_csv_rows_are_named_by_their_first_line(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_bytes(
        f'id,text,n\na,"{TEXT}\n\n{TEXT}",1\nb,{TEXT}\n\nc,,1\n'.encode()
        + b"d,\xc7\xe1,1\n"
        + f'"e","{TEXT}",1,2\nf,{TEXT},\n'.encode()
    )
    articles, errors = read(path)
    assert [(a.id, a.model_extra) for a in articles] == [("a", {"n": "1"}), ("f", {})]
    assert [error.line for error in errors] == [5, 7, 8, 9]
    told = ["has 2 cells, the header 3", "article 'c', text: is missing", "is not UTF-8", "has 4 cells"]
    assert all(reason in str(error) for error, reason in zip(errors, told, strict=True))
    assert errors[0].record == {"id": "b", "text": TEXT}
    assert errors[2].record == {"id": "d", "text": "\\xc7\\xe1", "n": "1"}


def test_a_text_longer_than_the_csv_module_allows(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(f"text\n{'خبر ' * 50_000}\n", encoding="utf-8")
    assert len(read(path)[0][0].text) == 200_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no column 'text', but none; name the one with the text by --text-column"),
        (b"id,body\na,b\n", "has no column 'text', but id, body;"),
        (b"text\n\n", "holds no row below its header"),
        (b"text,text\na,b\n", "names a column twice"),
        ("id,text\n".encode("utf-16"), "has no column 'text'"),
    ],
)
def test_a_csv_file_that_is_none_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "news.csv"
    path.write_bytes(data)
    articles, (error,) = read(path)
    assert not articles
    assert str(error).startswith(f"{path}: {message}")


def test_columns_that_lose_their_name_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text(json.dumps({"id": 7, "text": "قديم", "body": TEXT, "url": "u"}), encoding="utf-8")
    ((article,), errors) = read(path, text="body", id="url")
    assert not errors
    assert (article.id, article.text) == ("u", TEXT)
    assert article.model_extra == {"id_column": 7, "text_column": "قديم", "url": "u"}


def write_parquet(path: Path, rows: dict[str, list[Any]]) -> Path:
    parquet.write_table(pa.table(rows), path, row_group_size=50)
    return path


def test_parquet(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "news.parquet",
        {
            "id": list(range(200)),
            "body": [TEXT if n % 100 else None for n in range(200)],
            "date": [datetime(2031, 3, 12, 10)] * 200,
            "share": [float("nan"), *[0.5] * 199],
            "tags": [["طرق"]] * 200,
            "mentions": [["old"]] * 200,
            "__index_level_0__": [1] * 200,
        },
    )
    articles, errors = read(path, text="body")
    assert [a.id for a in articles] == [str(n) for n in range(200) if n % 100]
    assert articles[0].date == "2031-03-12T10:00:00"
    assert articles[0].model_extra == {"share": 0.5, "tags": ["طرق"]}
    assert [error.line for error in errors] == [1, 101]
    assert errors[0].record == {"id": 0, "date": "2031-03-12T10:00:00", "tags": ["طرق"]}


def test_a_parquet_file_that_is_none_is_named(tmp_path: Path) -> None:
    for data, message in ((b"PAR1 oops", "cannot be read after row 0"), (b"", "cannot be read after row 0")):
        (tmp_path / "bad.parquet").write_bytes(data)
        _, (error,) = read(tmp_path / "bad.parquet")
        assert str(error).startswith(f"{tmp_path}/bad.parquet: {message}")
    _, (error,) = read(write_parquet(tmp_path / "n.parquet", {"body": [TEXT]}))
    assert "has no column 'text', but body;" in str(error)
    _, (error,) = read(write_parquet(tmp_path / "n.parquet", {"text": pa.array([], pa.string())}))
    assert str(error).endswith("holds no row")


PAGE = f"""<!DOCTYPE html><html lang="ar" dir="rtl"><head><meta charset="utf-8"><title>خطة الجسر - المنارة</title>
<meta property="og:title" content="خطة الجسر"><meta property="og:site_name" content="المنارة"></head>
<body><nav><a href="/">الرئيسية</a> <a href="/sport">رياضة</a></nav><article><h1>خطة الجسر</h1>
<p>أعلن حزب النخيل الأخضر رفضه خطة الجسر الجديد في مدينة واحة الريم أمام الصحفيين. {TEXT}</p>
<p>ورحبت وزارة الطرق في سلوانيا بالخطة، ووصفتها بأنها ضرورية للسكان وللتجارة في المنطقة كلها.</p></article>
<footer>جميع الحقوق محفوظة</footer></body></html>"""


def test_html_gives_its_main_text(tmp_path: Path) -> None:
    pytest.importorskip("trafilatura")
    (tmp_path / "n1.html").write_text(PAGE, encoding="utf-8")
    ((article,), errors) = read(tmp_path / "n1.html")
    assert not errors
    assert (article.id, article.title, article.source) == ("n1", "خطة الجسر", "المنارة")
    assert TEXT in article.text
    assert "ورحبت وزارة الطرق" in article.text
    assert "الرئيسية" not in article.text
    assert "محفوظة" not in article.text


def test_html_without_text_and_own_pages(tmp_path: Path) -> None:
    pytest.importorskip("trafilatura")
    (tmp_path / "own.html").write_text('<meta name="generator" content="mawaqif"><p>نص', encoding="utf-8")
    (tmp_path / "void.html").write_text("<html><body></body></html>", encoding="utf-8")
    articles, (error,) = read(tmp_path)
    assert not articles
    assert str(error).startswith(f"{tmp_path / 'void.html'}: has no main text")


def test_html_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "trafilatura", None)
    (tmp_path / "n1.html").write_text(PAGE, encoding="utf-8")
    with pytest.raises(MissingExtraError, match=r"mawaqif\[html\]"):
        read(tmp_path / "n1.html")


def test_position_grows_to_the_size(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"text": TEXT}) + "\n" for _ in range(5000))
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "b.txt").write_text(TEXT, encoding="utf-8")
    write_parquet(tmp_path / "c.parquet", {"text": [TEXT] * 300})
    inputs = Inputs([str(tmp_path)])
    seen = [inputs.position for _ in inputs]
    assert seen == sorted(seen)
    assert 0 < seen[2000] < seen[-1] <= inputs.position == inputs.size > len(lines)
    assert Inputs(["-"], stdin=io.BytesIO()).size == 0


def test_a_changed_input_has_another_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    first = Inputs([str(tmp_path)]).fingerprints()
    assert Inputs([str(tmp_path)]).fingerprints() == first
    (tmp_path / "b.txt").write_text(TEXT, encoding="utf-8")
    second = Inputs([str(tmp_path)]).fingerprints()
    (tmp_path / "b.txt").write_text(TEXT * 2, encoding="utf-8")
    assert len({str(found) for found in (first, second, Inputs([str(tmp_path)]).fingerprints())}) == 3
    assert Inputs([str(tmp_path / "none")]).fingerprints()
