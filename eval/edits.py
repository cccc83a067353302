"""Changes to the text of an annotated article that keep its annotation in place."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Literal, NamedTuple

from mawaqif.article import Article

__all__ = ["Edit", "apply_edits"]


class Edit(NamedTuple):
    """Put `new` in the place of `text[start:end]`; start == end inserts.

    `belongs`: left, and a span that ends where the edit starts takes the new text in; right, and a span that begins
    where the edit ends does; nowhere, and neither does.
    """

    start: int
    end: int
    new: str
    belongs: Literal["left", "right", "nowhere"] = "nowhere"


def apply_edits(article: Article, edits: Iterable[Edit]) -> Article:
    """The article with all edits made at once, mentions and evidence moved with their words.

    A span that an edit cuts takes the whole of the new text in. Raises ValueError for edits that overlap, and for
    those that leave nothing of a span; ArticleError where the outcome is no valid article.
    """
    moves = _Moves(article.text, sorted(edits, key=lambda edit: (edit.start, edit.end)))
    data = article.to_dict() | {"text": moves.text}
    for mention in data["mentions"]:
        mention["start"], mention["end"] = moves.span(mention["start"], mention["end"])
    for stance in data["stances"]:
        if stance.get("evidence") is not None:
            stance["evidence"] = moves.span(*stance["evidence"])
    return Article.from_dict(data)


class _Moves:
    """The new text, and where the offsets of the old one lie in it."""

    def __init__(self, text: str, edits: list[Edit]) -> None:
        self.edits = edits
        self.starts, self.ends = [edit.start for edit in edits], [edit.end for edit in edits]
        self.shifts = [0]  # before the first edit, after the first, …
        parts, last = [], 0
        for edit in edits:
            if edit.start < last:
                raise ValueError(f"edits overlap at offset {edit.start}")
            parts += [text[last : edit.start], edit.new]
            last = edit.end
            self.shifts.append(self.shifts[-1] + len(edit.new) - (edit.end - edit.start))
        self.text = "".join([*parts, text[last:]])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a span is now."""
        moved = self._start(start), self._end(end)
        if moved[0] >= moved[1]:
            raise ValueError(f"nothing is left of the span ({start}, {end})")
        return moved

    def _start(self, offset: int) -> int:
        done = bisect_right(self.ends, offset)  # edits that end here or before
        if done < len(self.edits) and self.edits[done].start < offset:
            return self.edits[done].start + self.shifts[done]  # the edit cuts the span
        if done and self.edits[done - 1].end == offset and self.edits[done - 1].belongs == "right":
            return self.edits[done - 1].start + self.shifts[done - 1]
        return offset + self.shifts[done]

    def _end(self, offset: int) -> int:
        done = bisect_left(self.starts, offset)  # edits that start before
        if done < len(self.edits) and self.edits[done].start == offset and self.edits[done].belongs == "left":
            done += 1
            return self.edits[done - 1].start + self.shifts[done - 1] + len(self.edits[done - 1].new)
        if done and self.edits[done - 1].end > offset:
            edit = self.edits[done - 1]
            return edit.start + self.shifts[done - 1] + len(edit.new)  # the edit cuts the span
        return offset + self.shifts[done]
