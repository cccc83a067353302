"""A tagged corpus, read once into a temporary folder: its articles may come from a pipe, and which entities are the
same is known only after the last. The folder holds Parquet files, so memory does not grow with the corpus.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mawaqif.article import Article, Stance
from mawaqif.errors import InputError
from mawaqif.inference.graph.dates import iso_date
from mawaqif.inference.graph.merging import GraphEntity, merge
from mawaqif.inference.graph.names import Aliases, Names
from mawaqif.labels import LabelSet
from mawaqif.views import one_line

__all__ = ["TABLES", "Corpus"]

Row = dict[str, Any]
_ROWS = 4096  # written and read at a time
_TEXT, _INT, _SCORE = "string", "int64", "double"
_ARTICLE = {"article": _INT, "article_id": _TEXT, "date": _TEXT, "source": _TEXT, "title": _TEXT}
# What tables hold. `article` numbers the articles from 1 (ids may come twice); `Corpus.of_form` leads from a form to
# its merged entity; offsets are code points into the article's text, end exclusive.
TABLES: dict[str, dict[str, str]] = {
    "articles": {**_ARTICLE, "date_as_given": _TEXT, "text": _TEXT},
    "mentions": {
        **{"article": _INT, "article_id": _TEXT, "start": _INT, "end": _INT, "mention": _TEXT, "type": _TEXT},
        **{"form": _INT, "score": _SCORE},
    },
    "entities": {"article": _INT, "article_id": _TEXT, "name": _TEXT, "type": _TEXT, "form": _INT, "mentions": _INT},
    "stances": {
        **_ARTICLE,
        **{"holder_as": _TEXT, "holder_form": _INT, "target_as": _TEXT, "target_form": _INT, "stance": _TEXT},
        **{"voice": _TEXT, "score": _SCORE, "evidence": _TEXT, "evidence_start": _INT, "evidence_end": _INT},
    },
}


class Corpus:
    """Tagged articles as tables with merged entities; a context manager that removes its folder at the end.

    `items`: articles, and the errors of what is none, which go to `on_error`. `everything`: also the tables articles,
    mentions and entities, not the stances alone.
    """

    def __init__(
        self,
        items: Iterable[Article | InputError],
        labels: LabelSet,
        aliases: Aliases,
        on_error: Callable[[InputError], None],
        *,
        everything: bool = False,
    ) -> None:
        self.labels = labels
        self.articles = self.dated = self.tagged = 0
        self._folder = ExitStack()
        self.path = Path(self._folder.enter_context(tempfile.TemporaryDirectory(prefix="mawaqif-")))
        names = Names(labels)
        try:
            with _Writers(self.path, list(TABLES) if everything else ["stances"]) as writers:
                for item in items:
                    if isinstance(item, InputError):
                        on_error(item)
                    else:
                        self._add(item, names, writers)
        except BaseException:
            self.close()
            raise
        merged = merge(names.forms, aliases)
        self.entities: list[GraphEntity] = merged.entities
        self.of_form: list[int] = merged.of_form

    def __enter__(self) -> Corpus:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def at_close(self, call: Callable[[], object]) -> None:
        """Has something called before the folder is removed."""
        self._folder.callback(call)

    def close(self) -> None:
        """Removes the folder."""
        self._folder.close()

    def stances(self) -> Iterator[Row]:
        """Every stance in the order of the articles: the columns of TABLES, and `holder` and `target` as places in
        `entities`."""
        from pyarrow import parquet

        with parquet.ParquetFile(self.path / "stances.parquet") as table:
            for batch in table.iter_batches(batch_size=_ROWS):
                for row in batch.to_pylist():
                    row["holder"] = self.of_form[row.pop("holder_form")]
                    row["target"] = self.of_form[row.pop("target_form")]
                    yield row

    def _add(self, article: Article, names: Names, writers: _Writers) -> None:
        self.articles += 1
        forms = names.add(article)
        day = iso_date(article.date)
        self.dated += day is not None
        self.tagged += bool(article.entities or article.stances)
        place = {"article": self.articles, "article_id": article.id}
        facts = {**place, "date": day, "source": article.source, "title": article.title}
        spelled = {entity.id: entity.name for entity in article.entities}
        for stance in article.stances:
            writers.write("stances", {**facts, **_stance(article, stance, forms, spelled)})
        if not writers.everything:
            return
        writers.write("articles", {**facts, "date_as_given": article.date, "text": article.text})
        mentioned = dict.fromkeys(spelled, 0)
        for mention in article.mentions:
            if mention.entity is not None:
                mentioned[mention.entity] += 1
            form = forms[mention.entity] if mention.entity is not None else None
            known = {"start": mention.start, "end": mention.end, "type": mention.type, "score": mention.score}
            writers.write("mentions", {**place, **known, "mention": article.surface(mention), "form": form})
        for entity in article.entities:
            known = {"name": entity.name, "type": entity.type, "form": forms[entity.id]}
            writers.write("entities", {**place, **known, "mentions": mentioned[entity.id]})


def _stance(article: Article, stance: Stance, forms: Mapping[str, int], spelled: Mapping[str, str]) -> Row:
    start, end = stance.evidence or (None, None)
    return {
        "holder_as": spelled.get(stance.holder, stance.holder),
        "holder_form": forms[stance.holder],
        "target_as": spelled[stance.target],
        "target_form": forms[stance.target],
        "stance": stance.stance,
        "voice": stance.voice,
        "score": stance.score,
        "evidence": one_line(article.surface(stance.evidence)) if stance.evidence else None,
        "evidence_start": start,
        "evidence_end": end,
    }


class _Writers:
    """Parquet files, each written in groups of rows."""

    def __init__(self, folder: Path, tables: list[str]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self._pa = pa
        self._schemas = {name: pa.schema(list(TABLES[name].items())) for name in tables}
        self._rows: dict[str, list[Row]] = {name: [] for name in tables}
        self._files = {
            name: parquet.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd")
            for name, schema in self._schemas.items()
        }
        self.everything = len(tables) > 1

    def __enter__(self) -> _Writers:
        return self

    def __exit__(self, *_: object) -> None:
        for name, file in self._files.items():
            self._flush(name)
            file.close()

    def write(self, table: str, row: Row) -> None:
        rows = self._rows[table]
        rows.append(row)
        if len(rows) >= _ROWS:
            self._flush(table)

    def _flush(self, name: str) -> None:
        if self._rows[name]:
            self._files[name].write_table(self._pa.Table.from_pylist(self._rows[name], schema=self._schemas[name]))
            self._rows[name] = []
