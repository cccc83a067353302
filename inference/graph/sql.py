"""SQL over a tagged corpus, by DuckDB: the views articles, mentions, entities and stances, with merged entities.

The statement is not trusted with anything but the tables: they are in a database of their own, opened for reading; no
file, network, extension or variable of this process can be reached, and the settings are locked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mawaqif.errors import ConfigError, require
from mawaqif.inference.graph.corpus import Corpus

__all__ = ["VIEWS", "Result", "query"]

# The merged entity of a row: `entity` (its name), `entity_type`, `entity_id`; of a stance: `holder`, `holder_type`, … .
VIEWS = {
    "articles": "select article, article_id, date::date as date, date_as_given, source, title, text from t_articles",
    "mentions": """select t.article, article_id, "start", "end", mention, t.type, e.name as entity,
        e.type as entity_type, e.entity_id, score from t_mentions t left join forms f using (form)
        left join t_merged e using (entity_id)""",
    "entities": """select t.article, article_id, t.name as name_as, t.type as type_as, e.name as entity,
        e.type as entity_type, e.entity_id, mentions from t_entities t join forms f using (form)
        join t_merged e using (entity_id)""",
    "stances": """select article, article_id, date::date as date, source, title,
        h.name as holder, h.type as holder_type, h.entity_id as holder_id, holder_as, stance,
        g.name as target, g.type as target_type, g.entity_id as target_id, target_as,
        voice, score, evidence, evidence_start, evidence_end
        from t_stances t join forms fh on fh.form = holder_form join t_merged h on h.entity_id = fh.entity_id
        join forms ft on ft.form = target_form join t_merged g on g.entity_id = ft.entity_id""",
}
_LOCKED = {"enable_external_access": "false", "python_enable_replacements": "false", "lock_configuration": "true"}


class Result:
    """The answer to a statement: the names of its columns, and its rows, read as they are asked for."""

    def __init__(self, cursor: Any) -> None:
        self.columns: list[str] = [column[0] for column in cursor.description]
        self._cursor = cursor

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while rows := self._cursor.fetchmany(1024):
            for row in rows:
                yield dict(zip(self.columns, row, strict=True))


def query(corpus: Corpus, statement: str) -> Result:
    """Runs one SELECT over a corpus that was read with `everything`. Raises ConfigError with what DuckDB says of it,
    and MissingExtraError."""
    duckdb = require("duckdb", "graph")
    database = corpus.path / "corpus.duckdb"
    if not database.exists():
        _load(duckdb, corpus, database)
    connection = duckdb.connect(str(database), read_only=True, config=_LOCKED)
    corpus.at_close(connection.close)
    try:
        statements = connection.extract_statements(statement)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise ConfigError(f"--sql takes one SELECT over the views {', '.join(VIEWS)}")
        result = Result(connection.execute(statements[0]))
    except duckdb.Error as error:
        raise ConfigError(f"--sql: {error}") from None
    if len(set(result.columns)) < len(result.columns):
        raise ConfigError("--sql: two columns have one name; name them apart with AS")
    return result


def _load(duckdb: Any, corpus: Corpus, database: Path) -> None:
    import pyarrow as pa

    with duckdb.connect(str(database)) as connection:
        for table in ("articles", "mentions", "entities", "stances"):
            file = str(corpus.path / f"{table}.parquet")
            connection.execute(f"create table t_{table} as select * from read_parquet(?)", [file])
        forms = pa.table({"form": list(range(len(corpus.of_form))), "entity_id": corpus.of_form})
        merged = pa.table(
            {
                "entity_id": list(range(len(corpus.entities))),
                "name": [entity.name for entity in corpus.entities],
                "type": [entity.type for entity in corpus.entities],
            }
        )
        for name, rows in (("forms", forms), ("t_merged", merged)):
            connection.register("given", rows)
            connection.execute(f"create table {name} as select * from given")
            connection.unregister("given")
        for name, statement in VIEWS.items():
            connection.execute(f"create view {name} as {statement}")
