"""The work of annotating by hand, apart from the page: which articles there are, what the page needs to show one, and
how what comes back becomes an article that is saved at once.

The page knows words, not characters: spans go out and come back as numbers of the first and last word, so that no
browser has to count code points, and no mention can cut a word.
"""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from mawaqif.article import Article
from mawaqif.data.names import name_from
from mawaqif.errors import ArticleError, InputError
from mawaqif.jsonl import read_articles, write_articles
from mawaqif.labels import LabelSet
from mawaqif.text import Span, words

__all__ = ["Annotation"]

Tag = Callable[[Article], Article]


class Annotation:
    """Articles to annotate, and the file of those that are done, to which every saved article is written at once.

    `tag` annotates an article beforehand if it has no mentions; an article that is in the file already is taken from
    there, so that work can be broken off and taken up. Methods may be called from several threads. Raises InputError
    where the file holds articles that are not given here: it would be overwritten without them.
    """

    def __init__(self, articles: Sequence[Article], output: Path, labels: LabelSet, tag: Tag | None = None) -> None:
        self.articles, self.output, self.labels = list(articles), output, labels
        self._tag, self._lock = tag, Lock()
        self._done = {article.id: article for article in read_articles(output)} if output.exists() else {}
        if unknown := self._done.keys() - {article.id for article in articles}:
            reason = f"holds {min(unknown)!r}, which is not among the articles given; write to another file"
            raise InputError(reason, path=str(output))
        self._proposed: dict[int, Article] = {}

    def overview(self) -> list[dict[str, Any]]:
        """For every article its id, first line, and whether it is done."""
        with self._lock:
            return [{"id": a.id, "opening": _opening(a.text), "done": a.id in self._done} for a in self.articles]

    def view(self, index: int) -> dict[str, Any]:
        """One article for the page: its words with what stands between them, and its annotation in numbers of words.

        Raises IndexError for an article that is not there.
        """
        article = self._current(index)
        spans = words(article.text)
        edges = [0, *(end for _, end in spans)]
        return {
            "id": article.id,
            "title": article.title,
            "done": article.id in self._done,
            # each word with what stands before it
            "words": [
                [article.text[edge:start], article.text[start:end]]
                for edge, (start, end) in zip(edges, spans, strict=False)
            ],
            "mentions": [
                {"span": _in_words(spans, (m.start, m.end)), "type": m.type, "entity": m.entity}
                for m in article.mentions
            ],
            "entities": [{"id": e.id, "type": e.type, "name": e.name} for e in article.entities],
            "stances": [
                {
                    "holder": s.holder,
                    "target": s.target,
                    "stance": s.stance,
                    "voice": s.voice,
                    "evidence": _in_words(spans, s.evidence) if s.evidence else None,
                }
                for s in article.stances
            ],
        }

    def _current(self, index: int) -> Article:
        if not 0 <= index < len(self.articles):
            raise IndexError(index)
        with self._lock:
            article = self.articles[index]
            if article.id in self._done:
                return self._done[article.id]
            if index not in self._proposed:
                bare = self._tag is not None and not article.mentions
                self._proposed[index] = self._tag(article) if self._tag and bare else article
            return self._proposed[index]

    def save(self, index: int, given: Mapping[str, Any]) -> Article:
        """Make an article of what the page sends (as `view` gives it), write it to the file, and return it.

        The file is replaced whole, so that it is never half written. Scores of a model go: a person has decided.
        Raises ArticleError where the annotation breaks the format, IndexError for an article that is not there.
        """
        article = self._annotated(self._current(index), given)
        with self._lock:
            done = {**self._done, article.id: article}
            _replace(self.output, [done[a.id] for a in self.articles if a.id in done])
            self._done = done
        return article

    def _annotated(self, article: Article, given: Mapping[str, Any]) -> Article:
        spans = words(article.text)
        old = article.to_dict()
        mentions = {(m["start"], m["end"]): m for m in old["mentions"]}
        entities = {e["id"]: e for e in old["entities"]}
        stances = {(s["holder"], s["target"]): s for s in old["stances"]}
        try:
            new_mentions = []
            for mention in given["mentions"]:
                start, end = _in_text(spans, mention["span"])
                fields = {"start": start, "end": end, "type": mention["type"], "entity": mention["entity"]}
                new_mentions.append({**mentions.get((start, end), {}), **fields})
            new_stances = []
            for stance in given["stances"]:
                fields = {key: stance.get(key) for key in ("holder", "target", "stance", "voice")}
                evidence = stance.get("evidence")
                fields["evidence"] = _in_text(spans, evidence) if evidence else None
                new_stances.append({**stances.get((stance["holder"], stance["target"]), {}), **fields})
            new_entities = [{**entities.get(e["id"], {}), **e} for e in given["entities"]]
            for entity in new_entities:
                entity["name"] = entity["name"] or self._name(article, entity["id"], new_mentions)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise ArticleError(f"the page sent no usable annotation ({error!r})", article_id=article.id) from None
        new_mentions.sort(key=lambda m: (m["start"], m["end"]))
        parts = {"mentions": new_mentions, "entities": new_entities, "stances": new_stances}
        plain = {
            name: [{k: v for k, v in p.items() if k != "score" and v is not None} for p in part]
            for name, part in parts.items()
        }
        return Article.from_dict({**old, **plain})

    @staticmethod
    def _name(article: Article, entity_id: str, mentions: list[dict[str, Any]]) -> str:
        """The name of an entity that was given none: its longest mention without proclitics."""
        spans = [(m["start"], m["end"]) for m in mentions if m["entity"] == entity_id]
        longest = max(spans, key=lambda span: span[1] - span[0])
        return name_from(article.surface(longest))


def _opening(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:80]


def _in_words(spans: Sequence[Span], span: Span) -> list[int]:
    """Numbers of the first and last word that a span touches; of the nearest word where it touches none."""
    first = bisect_right([end for _, end in spans], span[0])
    last = bisect_left([start for start, _ in spans], span[1]) - 1
    first = min(first, len(spans) - 1)
    return [first, max(first, last)]


def _in_text(spans: Sequence[Span], span: Sequence[int]) -> Span:
    first, last = span
    if not 0 <= first <= last < len(spans):
        raise ValueError(f"{span} are no words of the text")
    return spans[first][0], spans[last][1]


def _replace(path: Path, articles: Sequence[Article]) -> None:
    """Write a file beside the old one and put it in its place, so that a crash leaves one of the two whole."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            write_articles(articles, out)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
