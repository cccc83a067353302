"""Every kind of input becomes articles; what cannot be read is named with its place, and the rest is read."""

from __future__ import annotations

import gzip
import json
import os
import sys
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.inference.files import read_inputs

TEXT = "رفض البرلمان الخطة.\nوأيدها حزب النخيل."


def read(*paths: Path | str, stdin: bytes = b"") -> tuple[list[Article], list[str]]:
    """The articles in the inputs, and the message of everything that was skipped."""
    errors: list[InputError] = []
    articles = list(read_inputs(map(str, paths), errors.append, BytesIO(stdin)))
    return articles, [str(error) for error in errors]


def lines(*records: object) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["n1.txt", "n1.TXT", "n1.text", "n1"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_text_file_is_one_article(tmp_path: Path, name: str, bom: bytes) -> None:
    (tmp_path / name).write_bytes(bom + TEXT.encode())
    assert read(tmp_path / name) == ([Article(id="n1", text=TEXT)], [])


def test_line_ends_are_kept_so_that_offsets_fit_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("سطر\r\nسطر".encode())
    assert read(tmp_path / "a.txt")[0][0].text == "سطر\r\nسطر"


@pytest.mark.parametrize("name", ["n.jsonl", "n.JSONL", "n.ndjson", "n.json", "n.jsonl.gz"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    data = lines({"id": "a", "text": TEXT, "url": "x"}, {"text": TEXT, "mentions": [{"start": 9**9, "end": 0}]})
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    (first, second), errors = read(tmp_path / name)
    assert (first.id, first.model_extra, errors) == ("a", {"url": "x"}, [])
    assert (second.text, second.mentions) == (TEXT, [])  # what the input marks is dropped, unread


def test_a_directory_is_read_by_name_and_by_known_suffix(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b.txt", "a.txt", "notes.docx", "deep/c.txt", "deep/a.txt"):
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    (tmp_path / "d.jsonl").write_bytes(lines({"id": "d", "text": TEXT}))
    articles, errors = read(tmp_path)
    assert [a.id for a in articles] == ["a", "b", "d", str(tmp_path / "deep/a.txt"), "c"]
    assert len({a.id for a in articles}) == 5
    assert not errors


def test_an_output_inside_the_directory_is_not_read(tmp_path: Path, good: Path) -> None:
    (tmp_path / "tagged.jsonl").write_bytes(lines({"id": "d", "text": TEXT}))
    articles = read_inputs([str(tmp_path)], exclude=[(tmp_path / "tagged.jsonl").resolve()])
    assert [a.id for a in articles] == [good.stem]


def test_standard_input_is_one_text() -> None:
    assert read("-", stdin=TEXT.encode()) == ([Article(id="stdin", text=TEXT)], [])
    assert read("-", stdin=b"\xef\xbb\xbf \n" + TEXT.encode())[0][0].text == " \n" + TEXT


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n \n"])
def test_standard_input_is_json_lines_if_it_begins_with_a_brace(start: bytes) -> None:
    articles, errors = read("-", stdin=start + lines({"id": "a", "text": TEXT}, {"text": TEXT}) + b"oops\n")
    blank = start.count(b"\n")
    assert [a.id for a in articles] == ["a", f"stdin:{blank + 2}"]
    assert errors[0].startswith(f"<stdin>:{blank + 3}: is not a JSON object")


def test_standard_input_is_read_as_it_comes() -> None:
    out, into = os.pipe()
    with os.fdopen(out, "rb") as stdin, os.fdopen(into, "wb", buffering=0) as writer:
        assert isinstance(stdin, BufferedReader)
        writer.write(lines({"id": "a", "text": TEXT}))
        articles = read_inputs(["-"], stdin=stdin)
        assert next(articles).id == "a"  # the pipe is still open
        writer.write(lines({"id": "b", "text": TEXT}))
        assert next(articles).id == "b"


BAD = {
    "no JSON": ("bad.jsonl", lines({"text": TEXT}) + b"{'a'\n", "bad.jsonl:2: is not a JSON object"),
    "no text": ("bad.jsonl", lines({"text": TEXT}, {"id": 7}), "bad.jsonl:2: article '7', text: is missing"),
    "blank text": ("bad.jsonl", lines({"text": TEXT}, {"text": " \n"}), "bad.jsonl:2: article 'bad:2', text: is empty"),
    "JSONL not UTF-8": (
        "bad.jsonl",
        lines({"text": TEXT}) + b'{"text": "\xc7"}\n',
        "bad.jsonl:2: byte 10 (0xc7) is not UTF-8",
    ),
    "text not UTF-8": ("bad.txt", "نص ".encode() + TEXT.encode("cp1256"), "bad.txt: byte 5 (0xd1) is not UTF-8"),
    "empty text": ("bad.txt", b"", "bad.txt: is empty"),
    "blank file": ("bad.txt", b"\xef\xbb\xbf \r\n", "bad.txt: is empty"),
    "empty JSONL": ("bad.jsonl", b"\n", "bad.jsonl: is empty"),
    "truncated gzip": ("bad.jsonl.gz", gzip.compress(lines({"text": TEXT}))[:-9], "bad.jsonl.gz: cannot be read"),
    "unknown suffix": ("bad.docx", b"PK", "bad.docx: .docx files are not read; give text (.txt), HTML, JSON lines"),
}


@pytest.mark.parametrize(("name", "data", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named_and_the_rest_is_read(
    tmp_path: Path, good: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    articles, errors = read(tmp_path / name, good)
    assert len(errors) == 1
    assert errors[0].startswith(f"{tmp_path}/{message}")
    assert articles[-1].id == good.stem
    with pytest.raises(InputError):
        list(read_inputs([str(tmp_path / name)]))


@pytest.mark.parametrize("name", ["missing.txt", "missing.jsonl", "missing"])
def test_a_missing_file_is_named(tmp_path: Path, good: Path, name: str) -> None:
    articles, (error,) = read(tmp_path / name, good)
    assert error.startswith(f"{tmp_path / name}: ")
    assert "o such file" in error
    assert [a.id for a in articles] == [good.stem]


def test_a_directory_without_articles_is_named(tmp_path: Path, good: Path) -> None:
    (tmp_path / "empty").mkdir()
    articles, errors = read(tmp_path / "empty", good)
    assert errors == [
        f"{tmp_path / 'empty'}: holds no .txt, .html, .jsonl, .csv or .parquet file; name the files to tag"
    ]
    assert [a.id for a in articles] == [good.stem]
    with pytest.raises(InputError, match=r"holds no \.txt"):
        list(read_inputs([str(tmp_path / "empty")]))


@pytest.mark.parametrize(("data", "message"), [(b"", "<stdin>: is empty"), (b"\xc7", "<stdin>: byte 0 (0xc7)")])
def test_bad_standard_input_is_named(good: Path, data: bytes, message: str) -> None:
    articles, (error,) = read("-", good, stdin=data)
    assert error.startswith(message)
    assert [a.id for a in articles] == [good.stem]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_file_name_that_is_no_text_is_reported_with_its_path(tmp_path: Path, good: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text(TEXT, encoding="utf-8")
    articles, (error,) = read(tmp_path)
    assert error.startswith(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))
    assert [a.id for a in articles] == [good.stem]
