"""Small articles for the tests of scores, written in a line or two."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from mawaqif.article import Article

Build = Callable[..., Article]


def _build(
    text: str,
    entities: Mapping[str, Sequence[Any]] | None = None,
    stances: Sequence[Sequence[str | None]] = (),
    id: str = "a1",
) -> Article:
    """`entities`: id to a type and mentions (words of the text, or spans). `stances`: holder, target, label, voice and
    evidence (words of the text), the last two optional."""

    def span(words: str | tuple[int, int]) -> tuple[int, int]:
        return (text.index(words), text.index(words) + len(words)) if isinstance(words, str) else words

    def edge(holder: str, target: str, stance: str, voice: str | None = None, evidence: str | None = None) -> Any:
        place = None if evidence is None else span(evidence)
        return {"holder": holder, "target": target, "stance": stance, "voice": voice, "evidence": place}

    return Article.from_dict(
        {
            "id": id,
            "text": text,
            "entities": [{"id": key, "type": type_, "name": key} for key, (type_, *_) in (entities or {}).items()],
            "mentions": [
                {"start": start, "end": end, "type": type_, "entity": key}
                for key, (type_, *mentions) in (entities or {}).items()
                for start, end in map(span, mentions)
            ],
            "stances": [edge(*stance) for stance in stances],
        }
    )


@pytest.fixture(scope="session")
def build() -> Build:
    return _build
