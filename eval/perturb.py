"""Gold articles as messy text would hold them, with the gold still in its place: what a model loses on them is what it
owes to clean spelling, tidy pages, quotation marks and names that it has seen.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from mawaqif.article import Article, Entity
from mawaqif.eval.edits import Edit, apply_edits
from mawaqif.tables import read_table
from mawaqif.text import fold, sentences, strip_proclitics, words

__all__ = ["PERTURBATIONS", "perturb"]

_HARAKAT = "\u064e\u064f\u0650\u0652"  # fatha, damma, kasra, sukun
_ARABIC_WORD = re.compile("[\u0621-\u063a\u0641-\u064a]+(?![\u064b-\u065f\u0670])")
_JOINED = re.compile("(?<=[ئبتثجحخسشصضطظعغفقكلمنهي])(?=[\u0621-\u063a\u0641-\u064a])")
_QUOTE = re.compile("[\"'«»‹›“”„‟‘’]")
_SPACE_AFTER_WAW = re.compile("(?<=و) (?=[\u0621-\u063a\u0641-\u064a])")
_DIGITS = {str(n): chr(0x660 + n) for n in range(10)}


def perturb(article: Article, name: str, seed: int = 0) -> Article:
    """The article under the perturbation with this name, always the same for one seed. Raises KeyError for a name that
    is not in PERTURBATIONS."""
    return PERTURBATIONS[name](article, random.Random(f"{seed} {name} {article.id}"))


def _diacritics(article: Article, chance: random.Random) -> Article:
    """Vowel signs on every other word, as the tagger may meet them in speeches and quoted scripture."""
    return apply_edits(
        article,
        (
            Edit(at, at, chance.choice(_HARAKAT), "left")
            for word in _ARABIC_WORD.finditer(article.text)
            if chance.random() < 0.5
            for at in range(word.start() + 1, word.end() + 1)
            if chance.random() < 0.7
        ),
    )


def _tatweel(article: Article, chance: random.Random) -> Article:
    """Letters drawn out (ـ), as in headlines."""
    places = (found.start() for found in _JOINED.finditer(article.text))
    return apply_edits(
        article, [Edit(at, at, "ـ" * chance.randint(1, 3), "left") for at in places if chance.random() < 0.1]
    )


def _replace(pattern: str, table: dict[str, str]) -> Callable[[Article, random.Random], Article]:
    compiled = re.compile(pattern)

    def replaced(article: Article, chance: random.Random) -> Article:
        found = compiled.finditer(article.text)
        return apply_edits(article, (Edit(*match.span(), table[match[0]]) for match in found))

    return replaced


def _no_space_after_waw(article: Article, chance: random.Random) -> Article:
    """«الوزير و النائب» → «الوزير والنائب», «أبو ظبي» → «أبوظبي».

    A conjunction is taken into the mention behind it, as guidelines have it. Where the space parts a mention from
    another word that merely ends in و it stays: glued together they would be no name.
    """
    bounds = {bound for mention in article.mentions for bound in (mention.start, mention.end)}

    def edits() -> Iterator[Edit]:
        for space in _SPACE_AFTER_WAW.finditer(article.text):
            at = space.start()
            alone = at < 2 or not (article.text[at - 2].isalnum() or "\u064b" <= article.text[at - 2] <= "\u0670")
            if alone and at not in bounds:
                yield Edit(at - 1, at + 1, "و", "right")
            elif at not in bounds and at + 1 not in bounds:
                yield Edit(at, at + 1, "")

    return apply_edits(article, edits())


def _spelling(article: Article, chance: random.Random) -> Article:
    """One slip in every tenth word of four letters or more: two letters swapped, one lost, or one doubled. The first
    and the last letter stay."""

    def edits() -> Iterator[Edit]:
        for word in _ARABIC_WORD.finditer(article.text):
            start, end = word.span()
            if end - start < 4 or chance.random() >= 0.1:
                continue
            at = chance.randrange(start + 1, end - 2)
            a, b = article.text[at], article.text[at + 1]
            yield Edit(at, at + 2, chance.choice([b + a, b, a + a + b]))

    return apply_edits(article, edits())


def _furniture(article: Article, chance: random.Random) -> Article:
    """Lines of the page between sentences: sharing buttons, credits, promos. They name nobody."""
    lines = _table()["furniture"]
    spans = [(m.start, m.end) for m in article.mentions] + [s.evidence for s in article.stances if s.evidence]
    ends = [end for _, end in sentences(article.text)]
    free = [at for at in ends if not any(start < at < end for start, end in spans)]
    chosen = [at for at in free if chance.random() < 0.25] or free[:1]
    return apply_edits(article, (Edit(at, at, f"\n{chance.choice(lines)}\n") for at in chosen))


def _no_quotes(article: Article, chance: random.Random) -> Article:
    """Without quotation marks; where one alone parted two words, a space stays."""
    text = article.text

    def edits() -> Iterator[Edit]:
        for quote in _QUOTE.finditer(text):
            at = quote.start()
            parts = 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()
            yield Edit(at, at + 1, " " if parts else "")

    return apply_edits(article, edits())


def _unseen_names(article: Article, chance: random.Random) -> Article:
    """Named entities under invented names of the same type, each entity under one, as far as the table has names.

    Attached proclitics stay. A mention of one word gets the short form of the name.
    """
    names = _choose(article.entities, chance)
    entities = {entity.id: entity for entity in article.entities}
    renamed = [
        entity.model_copy(update={"name": names[entity.id][0]}) if entity.id in names else entity
        for entity in article.entities
    ]
    return apply_edits(
        article.model_copy(update={"entities": renamed}),
        (
            Edit(mention.start, mention.end, _rename(article.surface(mention), entities[mention.entity], names))
            for mention in article.mentions
            if mention.entity is not None and mention.entity in names
        ),
    )


def _choose(entities: Iterable[Entity], chance: random.Random) -> dict[str, tuple[str, str]]:
    """Entity id → full name and name in one word. No name is given twice in an article."""
    left = {kind: chance.sample(names, len(names)) for kind, names in _table()["names"].items()}
    return {entity.id: tuple(left[entity.type].pop()) for entity in entities if left.get(entity.type)}


def _rename(surface: str, entity: Entity, names: dict[str, tuple[str, str]]) -> str:
    full, short = names[entity.id]
    spans = words(surface)
    first = surface[slice(*spans[0])]
    new, clitic = full if len(spans) > 1 else short, _proclitic(first, fold(entity.name).split())
    return f"{clitic}ل{new[2:]}" if clitic.endswith("ل") and new.startswith("ال") else clitic + new


def _proclitic(word: str, name: list[str]) -> str:
    """What is attached to the first word of a mention, given the folded words of the entity's name."""
    readings = strip_proclitics(word)
    reading = word if fold(word) in name else next((r for r in readings if fold(r) in name), readings[0])
    if word.endswith(reading):
        return word[: len(word) - len(reading)]
    return word[: len(word) - len(reading) + 1]  # للسعودية = ل + السعودية: of the article only ل is written


@cache
def _table() -> Any:
    return read_table("perturb")


PERTURBATIONS: dict[str, Callable[[Article, random.Random], Article]] = {
    "diacritics": _diacritics,
    "tatweel": _tatweel,
    "no hamza": _replace("[أإآ]", dict.fromkeys("أإآ", "ا")),
    "final letters": _replace("[يىة](?![\u0621-\u065f\u0670])", {"ي": "ى", "ى": "ي", "ة": "ه"}),
    "Arabic digits": _replace("[0-9]", _DIGITS),
    "no space after waw": _no_space_after_waw,
    "spelling": _spelling,
    "furniture": _furniture,
    "no quotes": _no_quotes,
    "unseen names": _unseen_names,
}
"""What may be done to an article, by name."""
