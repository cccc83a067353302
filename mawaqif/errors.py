"""Everything mawaqif raises on purpose, so that one `except MawaqifError` catches it all and nothing else.

    Exception
    └── MawaqifError
        ├── InputError              a file, line or record that cannot be used
        │   └── ArticleError        an article that breaks the format
        ├── ConfigError             a configuration or label file that cannot be used
        ├── ModelError              a model directory that cannot be used
        └── MissingExtraError       an optional dependency is absent (also an ImportError)

A message says where the fault is, what it is and what to do about it. All of them can be pickled, so they cross
process borders whole.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = [
    "ArticleError",
    "ConfigError",
    "InputError",
    "MawaqifError",
    "MissingExtraError",
    "ModelError",
    "not_utf8",
    "require",
]


class MawaqifError(Exception):
    """Base of every error that mawaqif raises on purpose."""


class InputError(MawaqifError):
    """A file, line or record that cannot be used.

    `str()` puts the parts that are known in front of the reason. They may be filled in on the way up: whoever knows
    the file sets `path` and `line` on the error of an article that knew only its id.

    >>> str(InputError("is no entity", path="news.jsonl", line=17, article_id="n003", field="stances[2].holder"))
    "news.jsonl:17: article 'n003', stances[2].holder: is no entity"
    """

    def __init__(
        self,
        reason: str,
        *,
        path: str | None = None,
        line: int | None = None,
        article_id: str | None = None,
        field: str | None = None,
        record: Any = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.line = line  # counted from 1
        self.article_id = article_id
        self.field = field
        self.record = record  # what was to be read, where the reader keeps it: a line, or a row by its columns

    def __str__(self) -> str:
        place = self.path
        if self.line is not None:
            place = f"{self.path}:{self.line}" if self.path else f"line {self.line}"
        article = None if self.article_id is None else f"article {self.article_id!r}"
        subject = ", ".join(part for part in (article, self.field) if part)
        return ": ".join(part for part in (place, subject, self.reason) if part)


class ArticleError(InputError):
    """An article that breaks the format: a span outside the text, a stance of an entity that does not exist, …"""


class ConfigError(MawaqifError):
    """A configuration or label file that cannot be used."""


class ModelError(MawaqifError):
    """A model directory that cannot be used."""


class MissingExtraError(MawaqifError, ImportError):
    """An optional dependency is absent; the message names the extra that brings it.

    >>> str(MissingExtraError("torch", "train"))
    "this needs torch, which is not installed: pip install 'mawaqif[train]'"
    """

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(module, extra)
        self.name = module
        self.extra = extra

    def __str__(self) -> str:
        return f"this needs {self.name}, which is not installed: pip install 'mawaqif[{self.extra}]'"


def not_utf8(error: UnicodeDecodeError) -> str:
    """The reason of an InputError for bytes that are not UTF-8: which one, and what to do."""
    return f"byte {error.start} (0x{error.object[error.start]:02x}) is not UTF-8; convert the file to UTF-8"


def require(module: str, extra: str) -> ModuleType:
    """Import and return `module`, which the optional dependencies `extra` bring.

    Raises MissingExtraError where it, or a module that it imports, is absent. A module that is there but fails to
    load (a broken shared library, say) raises its own ImportError: installing the extra again would not mend it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or module, extra) from error
