"""A bad line is told by file and number and costs nothing but itself."""

import gzip
import io
import json
import os
import threading
from pathlib import Path

import pytest

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.jsonl import read_articles, write_articles


def line(**record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


GOOD = line(id="a", text="أيدت البلدية توسعة المرفأ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "news.jsonl"


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    articles = [Article(id=str(i), text=f"سطر\nثان\u2028وثالث\x85ورابع {i}") for i in range(3)]
    assert write_articles(articles, tmp_path / name) == 3
    assert list(read_articles(tmp_path / name)) == articles
    assert (gzip.decompress if name.endswith(".gz") else bytes)((tmp_path / name).read_bytes()).count(b"\n") == 3


def test_text_stream_is_written_and_left_open() -> None:
    out = io.StringIO()
    write_articles(iter([Article(id="x", text="خبر")]), out)
    assert Article.from_json(out.getvalue()).text == "خبر"


def test_bom_crlf_and_blank_lines_are_no_faults(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\r\n  \n" + line(id="b", text="خبر").strip())
    assert [article.id for article in read_articles(path)] == ["a", "b"]


def test_default_ids_name_file_and_line(path: Path) -> None:
    path.write_bytes(b"\n" + line(text="خبر") + line(text="آخر"))
    assert [article.id for article in read_articles(str(path))] == ["news:2", "news:3"]


def test_binary_stream_is_read_and_left_open() -> None:
    stream = io.BytesIO(line(text="خبر"))
    assert [article.id for article in read_articles(stream)] == ["stream:1"]
    assert not stream.closed


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"{\n", "is not a JSON object"),
        (b'  {"text": "\xe3\x28"}\n', "byte 12 (0xe3) is not UTF-8"),
        (b"[1]\n", "is a JSON list, not an object"),
        (line(id="x"), "article 'x', text: is missing"),
        (line(body="خبر"), "article 'news:2', text: is missing; the fields given are body, id"),
        (line(id="x", text=""), "article 'x', text: is empty"),
        (line(id="x", text=" \n"), "article 'x', text: is empty"),
        (line(id="a", text="خبر"), "article 'a': came before in this file"),
        (b'{"id": "x", "text": "\\ud83d"}\n', "article 'x', text: has the lone surrogate U+D83D"),
        (
            line(id="x", text="خبر", mentions=[{"start": 0, "end": 9, "type": "LOC"}]),
            "article 'x', mentions[0]: (0, 9)",
        ),
    ],
)
def test_bad_line_is_told_and_the_rest_is_read(bad: bytes, message: str, path: Path) -> None:
    path.write_bytes(GOOD + bad + line(id="c", text="خبر"))
    errors: list[InputError] = []
    assert [article.id for article in read_articles(path, on_error=errors.append)] == ["a", "c"]
    assert [(error.path, error.line) for error in errors] == [(str(path), 2)]
    assert str(errors[0]).startswith(f"{path}:2: {message}")
    with pytest.raises(InputError, match=r"news\.jsonl:2: "):
        list(read_articles(path))


def test_text_only_drops_foreign_annotations(path: Path) -> None:
    path.write_bytes(line(id="x", text="خبر", mentions=["@someone"], entities="none", stances={}, url="u"))
    assert list(read_articles(path, text_only=True)) == [Article.from_dict({"id": "x", "text": "خبر", "url": "u"})]


def test_file_that_cannot_be_read(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"news\.jsonl: there is no such file"):
        read_articles(path)
    with pytest.raises(InputError, match="is a directory"):
        read_articles(tmp_path)
    path.write_bytes(b"\n\xef\xbb\xbf\n")
    with pytest.raises(InputError, match=r"news\.jsonl: is empty"):
        list(read_articles(path))


def test_file_of_bad_lines_only_is_not_called_empty(path: Path) -> None:
    path.write_bytes(b"{\n")
    errors: list[InputError] = []
    assert list(read_articles(path, on_error=errors.append)) == []
    assert len(errors) == 1


def test_gzip_is_known_by_its_content_and_default_ids_leave_it_out(path: Path, tmp_path: Path) -> None:
    for target in (path, tmp_path / "news.jsonl.gz"):
        target.write_bytes(gzip.compress(line(text="خبر")))
        assert [article.id for article in read_articles(target)] == ["news:1"]


def test_cut_gzip_file_yields_what_is_there_then_says_so(path: Path) -> None:
    path.write_bytes(gzip.compress(GOOD)[:-8])
    reader = read_articles(path)
    assert next(reader).id == "a"
    with pytest.raises(InputError, match=r"news\.jsonl: cannot be read after line 1"):
        next(reader)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_named_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(GOOD),), daemon=True)
    writer.start()
    assert [article.id for article in read_articles(pipe)] == ["a"]
    writer.join()
