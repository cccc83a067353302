"""What the tests of the tagger and its engines share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mawaqif.article import Article

Alike = Callable[[Article, Article], None]


def _alike(first: Article, second: Article) -> None:
    """Asserts that two taggings of a text are the same, with scores that agree to 1e-3.

    One decision may differ: with random weights two choices are now and then equal to within rounding.
    """
    assert first.clean() == second.clean()
    marked = [{(m.start, m.end, m.type): m.score or 0 for m in article.mentions} for article in (first, second)]
    if marked[0].keys() != marked[1].keys():
        assert len(marked[0].keys() ^ marked[1].keys()) <= 4
        return
    assert marked[0] == pytest.approx(marked[1], abs=1e-3)
    assert first.entities == second.entities
    edges = [{(s.holder, s.target): s for s in article.stances} for article in (first, second)]
    assert edges[0].keys() == edges[1].keys()
    scores = [{pair: stance.score or 0 for pair, stance in found.items()} for found in edges]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    pairs = [(edges[0][pair], edges[1][pair]) for pair in edges[0]]
    assert sum((a.stance, a.voice, a.evidence) != (b.stance, b.voice, b.evidence) for a, b in pairs) <= 1


@pytest.fixture(scope="session")
def alike() -> Alike:
    return _alike
