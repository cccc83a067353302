"""Invented tagged articles for the tests of the graph, made from lists of stances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from mawaqif.article import AUTHOR, Article
from mawaqif.errors import InputError
from mawaqif.inference.graph.corpus import Corpus
from mawaqif.inference.graph.names import Aliases, read_aliases
from mawaqif.labels import LabelSet

Said = tuple[str, str, str]  # holder, stance, target; an entity is "TYPE name" or "TYPE name|short|shorter"
Tell = Callable[..., Article]
Read = Callable[..., Corpus]


def _tell(id: str, stances: Sequence[Said], *, others: Iterable[str] = (), **fields: Any) -> Article:
    """An article whose text says the names (each with its shorter forms behind it) and one sentence a stance."""
    scores = fields.pop("scores", [None] * len(stances))
    names = dict.fromkeys([end for holder, _, target in stances for end in (holder, target)] + list(others))
    text, mentions, entities, ids = "", [], [], {AUTHOR: AUTHOR}
    for number, given in enumerate((name for name in names if name != AUTHOR), 1):
        label, _, forms = given.partition(" ")
        ids[given] = f"e{number}"
        entities.append({"id": ids[given], "type": label, "name": forms.split("|")[0]})
        for form in forms.split("|"):
            mentions.append({"start": len(text), "end": len(text) + len(form), "type": label, "entity": ids[given]})
            text += form + " . "
    told = []
    for (holder, stance, target), score in zip(stances, scores, strict=True):
        ends = [end.partition(" ")[2].split("|")[0] for end in (holder, target)]
        sentence = f"{ends[0]} {stance} {ends[1]} [{id}]"
        span = [len(text), len(text) + len(sentence)]
        text += sentence + " . "
        known = {"holder": ids[holder], "target": ids[target], "stance": stance, "voice": "speech", "evidence": span}
        told.append(known if score is None else known | {"score": score})
    parts = {"mentions": mentions, "entities": entities, "stances": told}
    return Article.from_dict({"id": id, "text": text or "لا شيء", **parts, **fields})


@pytest.fixture(scope="session")
def tell() -> Tell:
    return _tell


@pytest.fixture(scope="session")
def aliases() -> Aliases:
    return read_aliases()


@pytest.fixture
def read(labels: LabelSet, aliases: Aliases) -> Iterable[Read]:
    """Makes a corpus of articles; what is no article raises."""

    def refuse(error: InputError) -> None:
        raise error

    with ExitStack() as stack:

        def make(articles: Iterable[Article], own: Aliases | None = None, *, everything: bool = False) -> Corpus:
            return stack.enter_context(Corpus(articles, labels, own or aliases, refuse, everything=everything))

        yield make


@pytest.fixture(scope="session")
def story() -> list[Article]:
    """Two months of a quarrel over a dam, with long and short names; one article has no date."""
    plan = "ISSUE سد الزمرد"
    return [
        _tell(
            "s1",
            [("PERS سامر نعيم الوراق|الوراق", "against", plan), ("ORG حزب النخيل", "against", plan)],
            date="2031-03-12",
            source="المنارة",
            scores=[0.9, 0.5],
        ),
        _tell("s2", [("PERS الوراق", "against", plan)], date="2031-04-02T08:00:00Z", source="الميناء", scores=[0.4]),
        _tell("s3", [("PERS سامر الوراق", "favor", plan), (AUTHOR, "favor", plan)], date="3/4/2031", source="المنارة"),
        _tell("s4", [("ORG النخيل", "favor", "GPE سلوانيا"), ("GPE سلوانيا", "favor", plan)], date="12 نيسان 2031"),
    ]
