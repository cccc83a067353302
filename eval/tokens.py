"""Mentions from files of tagged tokens, as public named-entity sets have them, and their coarser types.

CoNLL columns: one token a line with its tag in the last column, a blank line between sentences, a line `-DOCSTART-`
between documents. Or JSON lines with the fields `tokens` and `tags`. Where such files are compared they must hold the
same sentences in the same order: the articles are numbered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mawaqif.article import Article, Mention, parse_object
from mawaqif.errors import ArticleError, InputError
from mawaqif.jsonl import read_lines
from mawaqif.tables import read_table

__all__ = ["COLUMNS", "coarse", "coarse_types", "holds_tokens", "read_tokens"]

COLUMNS = (".conll", ".iob", ".iob2", ".bio", ".tsv", ".col")
"""Endings of file names that mean CoNLL columns."""

_DOCUMENT = "-DOCSTART-"


def holds_tokens(path: str | Path) -> bool:
    """Whether a file holds tagged tokens: by its name, or by the fields of its first line."""
    if Path(path).suffix in COLUMNS:
        return True
    if not Path(path).is_file():
        return False
    first = next(read_lines(path, str(path)), (1, b""))[1]
    try:
        return "tokens" in parse_object(first) if first.lstrip()[:1] == b"{" else False
    except ArticleError:
        return False


def read_tokens(path: str | Path) -> list[Article]:
    """One article a document (or a sentence, where no document begins), the tokens joined by spaces.

    IOB1 and IOB2 are read alike: an I- that goes on from nothing begins a mention, as in conlleval (Tjong Kim Sang and
    De Meulder 2003). A record's own `id` is kept; other articles are called by their number. Raises InputError with
    path and line.
    """
    name = str(path)
    if not Path(path).is_file():
        raise InputError("there is no such file; check the path", path=name)
    documents = _columns(path, name) if Path(path).suffix in COLUMNS else _records(path, name)
    articles = [_article(number, *document) for number, document in enumerate(documents, 1)]
    if not articles:
        raise InputError("holds no tokens; it must have a token and its tag on each line", path=name)
    return articles


def _columns(path: str | Path, name: str) -> Iterator[tuple[str | None, list[list[str]], list[list[str]]]]:
    tokens: list[list[str]] = []
    tags: list[list[str]] = []
    whole, fresh = False, True  # documents are marked; the next token begins a sentence
    for number, line in enumerate(Path(path).read_text(encoding="utf-8-sig").split("\n"), 1):
        fields = line.split()
        if fields and fields[0] == _DOCUMENT:
            if tokens:
                yield None, tokens, tags
            tokens, tags, whole, fresh = [], [], True, True
        elif not fields:
            if tokens and not whole:
                yield None, tokens, tags
                tokens, tags = [], []
            fresh = True
        elif len(fields) < 2:
            raise InputError(f"has one column, {fields[0]!r}; give the tag in the last one", path=name, line=number)
        else:
            if fresh:
                tokens.append([])
                tags.append([])
                fresh = False
            tokens[-1].append(fields[0])
            tags[-1].append(_tag(fields[-1], name, number))
    if tokens:
        yield None, tokens, tags


def _records(path: str | Path, name: str) -> Iterator[tuple[str | None, list[list[str]], list[list[str]]]]:
    for number, line in read_lines(path, name):
        try:
            record: dict[str, Any] = parse_object(line)
        except ArticleError as error:
            error.path, error.line = name, number
            raise
        tokens, tags = record.get("tokens"), record.get("tags")
        if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags) or not tokens:
            raise InputError("must hold the lists `tokens` and `tags`, equally long", path=name, line=number)
        own = record.get("id")
        yield (
            None if own is None else str(own),
            [[str(t) for t in tokens]],
            [[_tag(str(t), name, number) for t in tags]],
        )


def _tag(tag: str, name: str, line: int) -> str:
    if tag == "O" or (tag[:2] in ("B-", "I-") and len(tag) > 2):
        return tag
    raise InputError(f"has the tag {tag!r}; tags are O, B-TYPE and I-TYPE", path=name, line=line)


def _article(number: int, own: str | None, tokens: Sequence[list[str]], tags: Sequence[list[str]]) -> Article:
    text = ""
    mentions: list[Mention] = []
    for sentence, labels in zip(tokens, tags, strict=True):
        text += "\n" if text else ""
        before = "O"
        for place, (token, tag) in enumerate(zip(sentence, labels, strict=True)):
            text += " " if place else ""
            start, end = len(text), len(text) + len(token)
            text += token
            if tag[0] == "I" and before[1:] == tag[1:]:
                mentions[-1] = mentions[-1].model_copy(update={"end": end})
            elif tag != "O":
                mentions.append(Mention(start=start, end=end, type=tag[2:]))
            before = tag
    return Article(id=own or f"{number:06}", text=text, mentions=mentions)


def coarse_types() -> dict[str, str]:
    """The shipped mapping: the four types of CoNLL-2003 (`configs/coarse.yaml`)."""
    table: dict[str, str] = read_table("coarse")
    return table


def coarse(articles: Iterable[Article], types: Mapping[str, str]) -> list[Article]:
    """The articles with their mentions alone, under coarser types. A mention whose type is neither mapped nor the
    outcome of a mapping is left out. Entities and stances go: they cannot be told in types that gold does not know."""
    kept = set(types.values())
    return [
        article.clean().model_copy(
            update={
                "mentions": [
                    mention.model_copy(update={"type": types.get(mention.type, mention.type), "entity": None})
                    for mention in article.mentions
                    if mention.type in types or mention.type in kept
                ]
            }
        )
        for article in articles
    ]
