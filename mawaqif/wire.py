"""How articles and errors travel between `mawaqif.client` and the service: requests as text, answers read and checked.

The errors are told in the docstring of `mawaqif.client`, from where they are to be imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mawaqif.article import Article, parse_json
from mawaqif.errors import ArticleError, MawaqifError
from mawaqif.jsonl import ANNOTATIONS


class Answer(Protocol):
    """A response, of whichever library."""

    @property
    def status_code(self) -> int: ...

    @property
    def content(self) -> bytes: ...


class ServiceError(MawaqifError):
    """What the service answered instead of a result. `status` is None for an error in the middle of a stream."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        field: str | None = None,
        article_id: str | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status, self.field, self.article_id = code, message, status, field, article_id

    def __str__(self) -> str:
        article = None if self.article_id is None else f"article {self.article_id!r}"
        return ": ".join(part for part in (article, self.field, self.message) if part) + f" ({self.code})"


class RefusedError(ServiceError):
    """The request or an article in it cannot be used; another try would be refused too."""


class KeyRefusedError(ServiceError):
    """No API key was given, or a wrong one."""


class OverloadedError(ServiceError):
    """There was no room after all tries, or the service is being stopped."""


class TimedOutError(ServiceError):
    """The service did not tag the article in its time."""


class ServiceFailedError(ServiceError):
    """A fault of the service."""


class UnreachableError(ServiceError):
    """There is no connection to the service."""


OnError = Callable[[ServiceError], None]

_KINDS: dict[str, type[ServiceError]] = {
    "missing_key": KeyRefusedError,
    "wrong_key": KeyRefusedError,
    "overloaded": OverloadedError,
    "shutting_down": OverloadedError,
    "timed_out": TimedOutError,
    "tagging_failed": ServiceFailedError,
    "internal_error": ServiceFailedError,
}


class Request(NamedTuple):
    """What is asked of the service."""

    method: str
    path: str
    body: bytes = b""
    params: Mapping[str, str] = {}
    kind: str | None = None

    def options(self) -> dict[str, Any]:
        """The keyword arguments of httpx beside method and address."""
        headers = {"Content-Type": self.kind} if self.kind else {}
        return {"content": self.body, "params": self.params, "headers": headers}


INFO = Request("GET", "/info")


def sent(article: Article) -> str:
    """An article as it is sent: without annotations, which the service would pass over."""
    kept = {key: value for key, value in article.to_dict().items() if key not in ANNOTATIONS}
    return json.dumps(kept, ensure_ascii=False)


def ask_one(article: Article | str, min_score: float | None, evidence: bool) -> Request:
    given = Article(id="text-1", text=article) if isinstance(article, str) else article
    return _ask("/tag", sent(given), "application/json", min_score, evidence)


def ask_list(articles: Iterable[Article], min_score: float | None, evidence: bool) -> Request:
    return _ask("/tag", f"[{', '.join(map(sent, articles))}]", "application/json", min_score, evidence)


def ask_stream(articles: Iterable[Article], min_score: float | None, evidence: bool) -> Request:
    lines = "".join(sent(article) + "\n" for article in articles)
    return _ask("/tag/stream", lines, "application/x-ndjson", min_score, evidence)


def _ask(path: str, body: str, kind: str, min_score: float | None, evidence: bool) -> Request:
    params = {} if min_score is None else {"min_score": str(min_score)}
    return Request("POST", path, body.encode(), params if evidence else {**params, "evidence": "false"}, kind)


def check(response: Answer) -> None:
    """Raises the ServiceError that a response holds, unless it is a result."""
    if response.status_code != 200:
        raise _error(response.content, response.status_code)


def _error(body: bytes, status: int | None) -> ServiceError:
    try:
        told = parse_json(body)["error"]
        code, message = str(told["code"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        return _strange(f"status {status}, and no error of its own; is the address right?", status)
    kind = _KINDS.get(code, RefusedError)
    return kind(code, message, status=status, field=told.get("field"), article_id=told.get("id"))


def _strange(what: str, status: int | None = None) -> ServiceError:
    return ServiceFailedError("strange_answer", f"the answer is none of mawaqif serve: {what}", status=status)


def read_object(response: Answer) -> dict[str, Any]:
    try:
        found = parse_json(response.content)
    except ValueError as error:
        raise _strange(str(error)) from error
    if not isinstance(found, dict):
        raise _strange("no object")
    return found


def read_article(body: bytes) -> Article:
    try:
        return Article.from_json(body)
    except ArticleError as error:
        raise _strange(str(error)) from error


def read_articles(response: Answer, wanted: int) -> list[Article]:
    try:
        found = [Article.from_dict(each) for each in parse_json(response.content)]
    except (ValueError, TypeError, ArticleError) as error:
        raise _strange(str(error)) from error
    if len(found) != wanted:
        raise _strange(f"{len(found)} articles for {wanted}")
    return found


def read_lines(response: Answer, asked: Sequence[Article], on_error: OnError | None) -> Iterator[Article]:
    """The articles of a stream's answer, one line for each that was sent; errors as `Client.stream` says."""
    lines = response.content.split(b"\n")
    for number, article in enumerate(asked):
        line = lines[number] if number < len(lines) else b""
        if line and not line.startswith(b'{"error"'):
            yield read_article(line)
            continue
        error = _error(line, None) if line else OverloadedError("shutting_down", "the service ended the stream")
        error.article_id = article.id
        if on_error is None:
            raise error
        on_error(error)
