"""A problem of annotated articles: where it is, what it is, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from mawaqif.errors import InputError

__all__ = ["CODES", "Problem", "Severity"]

Severity = Literal["error", "warning"]

CODES: dict[str, tuple[Severity, str]] = {
    "unreadable": ("error", "a file, line or record that cannot be used"),
    "broken-offset": ("error", "a span that is no span of the text"),
    "cut-word": ("error", "a mention that cuts a word or begins or ends on white space"),
    "overlap": ("error", "mentions that overlap"),
    "unknown-label": ("error", "a type, stance or voice that the label set does not have"),
    "dangling": ("error", "a reference to an entity that is not there"),
    "contradiction": ("error", "parts of an article that exclude each other"),
    "duplicate-id": ("error", "the same article id twice"),
    "leak": ("error", "nearly the same article in two files, as of train and test"),
    "near-duplicate": ("warning", "nearly the same article twice in one file"),
    "evidence": ("warning", "evidence that is missing, cuts a word, or is far from both ends or very long"),
    "role": ("warning", "an entity whose type does not fit its part in the stances"),
    "unmentioned": ("warning", "an entity without a mention"),
    "two-types": ("warning", "the same name with different types"),
    "untagged": ("warning", "a name that is tagged elsewhere and not here"),
    "left-out": ("warning", "something in the file that an article has no place for"),
    "few-examples": ("warning", "a label with too few examples to learn from"),
}
"""What can be wrong: code → severity and gloss."""


@dataclass(frozen=True)
class Problem:
    """`message` says what is wrong and what to do; `span` (code points) where the text shows it."""

    code: str
    message: str
    path: str | None = None
    line: int | None = None
    article_id: str | None = None
    field: str | None = None
    span: tuple[int, int] | None = None

    @property
    def severity(self) -> Severity:
        return CODES[self.code][0]

    def __str__(self) -> str:
        place = InputError(self.message, path=self.path, line=self.line, article_id=self.article_id, field=self.field)
        return f"{place} [{self.code}]"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; fields that are None are left out."""
        found = {"severity": self.severity, **asdict(self)}
        return {key: value for key, value in found.items() if value is not None}
