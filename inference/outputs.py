"""Tagged articles out, by the file's suffix: JSON lines, CSV (a row a mention or a stance), Parquet, an HTML page.

Everything but the page is streamed. The same articles give the same bytes. A file is written beside and then moved
into place, so that under its name there is never half of one.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, cast

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.labels import LabelSet

__all__ = ["MENTION_COLUMNS", "STANCE_COLUMNS", "Rows", "check_suffix", "mention_rows", "stance_rows", "write"]

Rows = Literal["mentions", "stances"]
Record = dict[str, Any]  # an article as `Article.to_dict` gives it

ARTICLE_COLUMNS = ("id", "title", "date", "source")
MENTION_COLUMNS = (*ARTICLE_COLUMNS, "start", "end", "mention", "type", "entity", "name", "score")
STANCE_COLUMNS = (
    *(*ARTICLE_COLUMNS, "holder", "holder_name", "holder_type", "target", "target_name", "target_type"),
    *("stance", "voice", "score", "evidence_start", "evidence_end", "evidence"),
)
_PACKED = (".gz", ".zst")
_JSONL = tuple(name + packed for name in (".jsonl", ".ndjson", ".json") for packed in ("", *_PACKED))
_CSV = tuple(name + packed for name in (".csv",) for packed in ("", *_PACKED))
_ROW_GROUP = 2048  # articles


def check_suffix(path: Path) -> None:
    """Raises InputError for a name that promises what is not written; one without suffix becomes JSON lines."""
    if path.suffix and not path.name.endswith((*_JSONL, *_CSV, ".parquet", ".html")):
        raise unwritable(path, ".jsonl, .csv (both also .gz or .zst), .parquet or .html")


def unwritable(path: Path, names: str) -> InputError:
    """The error for a name that says no form in which something can be written."""
    return InputError(f"cannot be written; choose a name that ends in {names}", path=str(path))


def write(lines: Iterable[bytes], path: Path, labels: LabelSet, rows: Rows = "mentions") -> None:
    """Writes articles, each given as one line of JSON with its newline, into the file `path`, in the form that its
    suffix names. `rows`: what a row of CSV is."""
    name = path.name
    with replacing(path) as temporary:
        if name.endswith(".html"):
            from mawaqif.inference.pages import write_html

            write_html(map(Article.from_json, lines), temporary, labels)
        elif name.endswith(".parquet"):
            _write_parquet(map(json.loads, lines), temporary)
        else:
            with temporary.open("wb") as file, _packed(file, path.suffix) as out:
                if name.endswith(_CSV):
                    _write_csv(map(json.loads, lines), out, rows)
                else:
                    out.writelines(lines)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write in, which takes the place of `path` once it is whole and on the disk."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _packed(file: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    if suffix == ".gz":  # without name and time, which would differ from run to run
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as out:
            yield cast(IO[bytes], out)
    elif suffix == ".zst":
        import pyarrow

        with pyarrow.CompressedOutputStream(file, "zstd") as raw, io.BufferedWriter(raw, 1 << 20) as buffered:
            yield buffered
    else:
        yield file


def _write_csv(records: Iterable[Record], out: IO[bytes], rows: Rows) -> None:
    """UTF-8 with the byte order mark by which spreadsheets know it."""
    columns: tuple[str, ...] = MENTION_COLUMNS if rows == "mentions" else STANCE_COLUMNS
    make: Callable[[Record], Iterator[tuple[Any, ...]]] = mention_rows if rows == "mentions" else stance_rows
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=False)
    table = csv.writer(text)
    table.writerow(columns)
    for record in records:
        table.writerows(make(record))
    text.flush()
    text.detach()


def _facts(record: Record) -> tuple[Any, ...]:
    return tuple(record.get(column) for column in ARTICLE_COLUMNS)


def mention_rows(record: Record) -> Iterator[tuple[Any, ...]]:
    """The values of MENTION_COLUMNS for every mention, in the article's order; offsets as in the article."""
    names = {entity["id"]: entity["name"] for entity in record["entities"]}
    for mention in record["mentions"]:
        start, end, entity = mention["start"], mention["end"], mention.get("entity")
        words = record["text"][start:end]
        yield (*_facts(record), start, end, words, mention["type"], entity, names.get(entity), mention.get("score"))


def stance_rows(record: Record) -> Iterator[tuple[Any, ...]]:
    """The values of STANCE_COLUMNS for every stance, in the article's order; the author has no type."""
    entities = {entity["id"]: (entity["name"], entity["type"]) for entity in record["entities"]}
    for stance in record["stances"]:
        ends = [value for end in ("holder", "target") for value in (stance[end], *_named(stance[end], entities))]
        start, end = stance.get("evidence") or (None, None)
        evidence = None if start is None else record["text"][start:end]
        judged = (stance["stance"], stance.get("voice"), stance.get("score"))
        yield (*_facts(record), *ends, *judged, start, end, evidence)


def _named(entity: str, entities: dict[str, tuple[str, str]]) -> tuple[str, str | None]:
    return entities.get(entity, (entity, None))


def _write_parquet(records: Iterator[Record], path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = _schema()
    known = set(schema.names) - {"extra"}
    with parquet.ParquetWriter(path, schema, compression="zstd") as table:
        while group := list(islice(records, _ROW_GROUP)):
            for record in group:
                extra = {key: record.pop(key) for key in list(record) if key not in known}
                record["extra"] = json.dumps(extra, ensure_ascii=False) if extra else None
            table.write_table(pyarrow.Table.from_pylist(group, schema=schema))


def _schema() -> Any:
    import pyarrow as pa

    text, number, score = pa.string(), pa.int32(), pa.float64()
    mention = {"start": number, "end": number, "type": text, "entity": text, "score": score}
    entity = {"id": text, "type": text, "name": text}
    stance = {"holder": text, "target": text, "stance": text, "voice": text, "evidence": pa.list_(number)}
    parts = {
        "mentions": pa.list_(pa.struct(mention)),
        "entities": pa.list_(pa.struct(entity)),
        "stances": pa.list_(pa.struct({**stance, "score": score})),
    }
    return pa.schema({"id": text, "text": text, "title": text, "date": text, "source": text, **parts, "extra": text})
