"""Annotation apart from its text: what was marked in articles that may not be passed on, for those who have them.

An annotation file can be published where the text it speaks of can't. It holds one object a line:

    {"id": "agency:17", "sha256": "9c56cc51b374c3ba", "terms": "open",
     "entities": [["e1", "ORG"], …], "mentions": [[12, 24, "e1"], …],
     "stances": [["e1", "e2", "against", "speech", 12, 48], …]}

Offsets are code points into the text, end exclusive; a stance without evidence ends in null, null. `sha256` is the
beginning of the text's checksum in UTF-8: annotation is never put on another text than its own. The names of entities,
being words of the text, are left out; attaching takes the longest mention without proclitics. Titles and scores are
left out too, other fields of an article are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mawaqif.article import Article, parse_object
from mawaqif.data.documents import named_documents
from mawaqif.data.names import name_from
from mawaqif.errors import ArticleError, InputError
from mawaqif.jsonl import ANNOTATIONS, collect, read_articles, read_lines

__all__ = ["attach", "checksum", "detach", "read_texts", "write_standoff"]

TEXT_SUFFIXES = (".txt", ".txt.xz")
CHECKSUM_LENGTH = 16


def checksum(text: str) -> str:
    """The first 16 hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:CHECKSUM_LENGTH]


def detach(article: Article) -> dict[str, Any]:
    """The annotation of an article without a word of its text.

    Raises ArticleError for a mention without entity, which has no place in the format.
    """
    for number, mention in enumerate(article.mentions):
        if mention.entity is None:
            reason = "belongs to no entity; give it one, annotation apart from its text is by entities"
            raise ArticleError(reason, article_id=article.id, field=f"mentions[{number}]")
    data = article.to_dict()
    kept = {k: v for k, v in data.items() if k not in ("id", "text", "title", *ANNOTATIONS)}
    return {
        "id": article.id,
        "sha256": checksum(article.text),
        **kept,
        "entities": [[e.id, e.type] for e in article.entities],
        "mentions": [[m.start, m.end, m.entity] for m in article.mentions],
        "stances": [[s.holder, s.target, s.stance, s.voice, *(s.evidence or (None, None))] for s in article.stances],
    }


def attach(
    path: str | Path, texts: Iterable[tuple[str, str]], on_error: Callable[[InputError], None]
) -> Iterator[Article]:
    """The articles of a file of annotation, in its order, with their texts from `texts` (pairs of id and text).

    A line that is no annotation, whose text is not among them, is another one or does not fit goes to `on_error`.
    Raises InputError for a file that cannot be read. Holds the texts that are spoken of in memory.
    """
    name, wanted = str(path), set()
    for _, line in read_lines(path, name):
        with suppress(InputError):  # reported below
            wanted.add(str(parse_object(line).get("id")))
    found = {article_id: text for article_id, text in texts if article_id in wanted}
    yield from collect(read_lines(path, name), lambda line, _: _attached(parse_object(line), found), name, on_error)


def _attached(record: Mapping[str, Any], texts: Mapping[str, str]) -> Article:
    name = str(record.get("id"))
    if name not in texts:
        raise ArticleError(
            "its text is in none of the files given; name the file that it was made from", article_id=name
        )
    text = texts[name]
    if record.get("sha256") != checksum(text):
        raise ArticleError("is about another version of the text (checksums differ); use that one", article_id=name)
    try:
        entities = dict(record["entities"])
        mentions = [
            {"start": start, "end": end, "type": entities.get(entity), "entity": entity}
            for start, end, entity in record["mentions"]
        ]
        stances = [
            {"holder": holder, "target": target, "stance": stance, "voice": voice}
            | ({} if start is None else {"evidence": [start, end]})
            for holder, target, stance, voice, start, end in record["stances"]
        ]
        names = {entity: _name(text, entity, record["mentions"]) for entity in entities}
    except (KeyError, TypeError, ValueError) as error:
        raise ArticleError(f"is no annotation apart from its text ({error!r})", article_id=name) from None
    other = {k: v for k, v in record.items() if k not in ("id", "sha256", *ANNOTATIONS)}
    named = [{"id": entity, "type": label, "name": names[entity]} for entity, label in entities.items()]
    return Article.from_dict(
        {"id": name, "text": text, **other, "mentions": mentions, "entities": named, "stances": stances}
    )


def _name(text: str, entity: str, mentions: Iterable[tuple[int, int, str]]) -> str:
    own = [text[start:end] for start, end, mentioned in mentions if mentioned == entity]
    return name_from(max(own, key=len, default="")) or entity


def read_texts(path: str | Path) -> Iterator[tuple[str, str]]:
    """Ids and texts of a file of documents (`.txt`, `.txt.xz`: called `<file>:<number>`) or of articles (JSON lines).

    Raises InputError for what cannot be read.
    """
    path = Path(path)
    if path.name.endswith(TEXT_SUFFIXES):
        yield from named_documents(path)
    else:
        yield from ((article.id, article.text) for article in read_articles(path, text_only=True))


def write_standoff(articles: Iterable[Article], path: str | Path) -> int:
    """Write the annotation of articles without their texts and return how many. Raises ArticleError as `detach`."""
    lines = [json.dumps(detach(article), ensure_ascii=False, separators=(",", ":")) + "\n" for article in articles]
    Path(path).write_text("".join(lines), encoding="utf-8")
    return len(lines)
