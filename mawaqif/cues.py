"""Stances by a cue lexicon: verbs of support and rejection, and who stands before and behind them.

No model: a list of words (`configs/cues.yaml`) and the word order of Arabic news. A verb's subject follows it
(«أدان الوزير القصف») unless a holder stands right before it («الوزير يدين القصف») or what follows is its object already
(«بـ…», an issue); the object is the next entity. This is the baseline that a model must beat, and it makes the silver
edges of weak supervision. The entities must be known: gold ones, or those of a tagger.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from mawaqif.article import Article, Stance
from mawaqif.labels import LabelSet
from mawaqif.tables import read_table
from mawaqif.text import Span, fold, sentences, words

__all__ = ["Cue", "Lexicon", "count_cues", "cue_stances", "lexicon"]

_NEAR_BEFORE = 2  # words between a subject and the verb behind it
_NEAR_AFTER = 12  # words between a verb and its subject, or a subject and its object
_STOPS = frozenset(".؟!؛:")
_PAST = ("", "ت", "ا", "وا", "تا", "ن")
_PRESENT = ("ي", "ت", "ن", "سي", "ست", "سن")
_PLURAL = ("", "ون", "ان", "وا", "ا", "ين")


class Cue(NamedTuple):
    """What a word says: `form` is past, present, noun, words or passive; `via` the folded preposition of the object;
    `places`: a place may be the object."""

    stance: str
    voice: str
    form: str
    via: str
    reverse: bool
    places: bool


@dataclass(frozen=True)
class _Word:
    """A word of the article: its span, its folded form, and the number of the mention that covers it."""

    start: int
    end: int
    folded: str
    mention: int | None


class _Near(NamedTuple):
    """A mention close to a cue: its entity and type, and its first and last word."""

    entity: str
    type: str
    first: int
    last: int


class Lexicon(NamedTuple):
    """Folded word form → cue for verbs and for what is no verb, the folded negations, and what types are."""

    verbs: dict[str, Cue]
    nouns: dict[str, Cue]
    negations: frozenset[str]
    persons: frozenset[str]
    places: frozenset[str]


@cache
def lexicon() -> Lexicon:
    """The shipped lexicon."""
    data = read_table("cues")
    negations = frozenset(fold(word) for word in data.pop("negations"))
    persons, places = frozenset(data.pop("persons")), frozenset(data.pop("places"))
    found = Lexicon({}, {}, negations, persons, places)
    for stance, voices in data.items():
        for voice, entries in voices.items():
            for entry in entries:
                rest = fold(entry.get("via", "")), entry.get("reverse", False), entry.get("places", True)
                for form, word in _forms(entry):
                    cue = Cue(stance, voice, form, *rest)
                    (found.verbs if form in ("past", "present") else found.nouns).setdefault(word, cue)
    return found


def _forms(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every folded form of an entry, with the kind of form that it is."""
    if past := entry.get("past"):
        stem = fold(past)
        weak = stem[:-1] if stem[-1] in "اي" and len(stem) > 3 else stem  # ألغى: ألغت, ألغوا
        yield from (("past", (weak if suffix else stem) + suffix) for suffix in _PAST)
    if present := entry.get("present"):
        stem = fold(present)
        yield from (("present", prefix + stem + suffix) for prefix in _PRESENT for suffix in _PLURAL)
    if noun := entry.get("noun"):
        stem = fold(noun)
        yield "noun", stem
        if stem[-1] == "ه":
            yield "noun", stem[:-1] + "ت"  # before a pronoun: إدانته
    for form in ("words", "passive"):
        yield from ((form, fold(word)) for word in entry.get(form, ()))


def cue_stances(article: Article, labels: LabelSet) -> list[Stance]:
    """The stances that the lexicon finds between the article's entities, at most one an ordered pair, in text order."""
    found: dict[tuple[str, str], Stance] = {}
    for sentence in _sentences(article):
        for position, cue, flipped in _cues(sentence):
            ends = _ends(article, sentence, position, cue, labels)
            if ends is None:
                continue
            holder, target = ends
            stance = _other(cue.stance, labels) if flipped else cue.stance
            if holder.entity == target.entity or (holder.entity, target.entity) in found:
                continue
            first, last = min(holder.first, target.first, position), max(holder.last, target.last, position)
            found[holder.entity, target.entity] = Stance(
                holder=holder.entity,
                target=target.entity,
                stance=stance,
                voice=cue.voice,
                evidence=(sentence[first].start, sentence[last].end),
            )
    return list(found.values())


def count_cues(text: str, spans: Iterable[Span]) -> int:
    """How many of a text's words are cues: news about who stands where has many, weather and sport few."""
    return sum(_cue(fold(text[start:end])) is not None for start, end in spans)


def _sentences(article: Article) -> Iterator[list[_Word]]:
    spans = sorted((m.start, m.end, number) for number, m in enumerate(article.mentions))
    starts = [start for start, _, _ in spans]
    for sentence in _split(article.text):
        row = []
        for start, end, folded in sentence:
            place = bisect_left(starts, end) - 1
            inside = place >= 0 and spans[place][1] > start
            row.append(_Word(start, end, folded, spans[place][2] if inside else None))
        yield row


@lru_cache(maxsize=16)  # evaluation reads each text twice, with gold entities and with found ones
def _split(text: str) -> list[list[tuple[int, int, str]]]:
    """The words of each sentence, folded."""
    everything = words(text)
    begins = [start for start, _ in everything]
    return [
        [(*span, fold(text[slice(*span)])) for span in everything[bisect_left(begins, a) : bisect_left(begins, b)]]
        for a, b in sentences(text)
    ]


def _cues(sentence: list[_Word]) -> Iterator[tuple[int, Cue, bool]]:
    """Position, cue, and whether a negation stands right before it."""
    negations = lexicon().negations
    for position, word in enumerate(sentence):
        if word.mention is None and (cue := _cue(word.folded)):
            yield position, cue, position > 0 and sentence[position - 1].folded.removeprefix("و") in negations


@cache
def _cue(word: str) -> Cue | None:
    """The cue that a folded word is, under a conjunction, preposition or article, or with an object pronoun behind."""
    verbs, nouns, *_ = lexicon()
    readings = [word, *(word[1:] for letter in "وف" if word.startswith(letter) and len(word) > 3)]
    for reading in readings:
        if cue := verbs.get(reading) or nouns.get(reading):
            return cue
    for reading in readings:
        for prefix in ("ال", "لل", "بال", "ب", "ل"):  # only nouns take these
            if reading.startswith(prefix) and (cue := nouns.get(reading[len(prefix) :])):
                return cue
        for suffix in ("ه", "ها", "هم"):
            if reading.endswith(suffix) and (cue := verbs.get(reading[: -len(suffix)])):
                return cue
    return None


def _ends(
    article: Article, sentence: list[_Word], position: int, cue: Cue, labels: LabelSet
) -> tuple[_Near, _Near] | None:
    """Holder and target of the cue at a position, or None where one of them is not to be found."""
    holders = {t.name for t in labels.types if t.holder}
    before = list(_mentions(article, sentence, range(position - 1, -1, -1)))
    after = list(_mentions(article, sentence, range(position + 1, len(sentence))))
    if cue.form == "passive":  # the holder stands behind the preposition, or the other way round for «الموالية لـ»
        if not before or not after or position - before[0].last > _NEAR_BEFORE or after[0].first - position > 3:
            return None
        return (before[0], after[0]) if cue.reverse else (after[0], before[0])
    earlier = next((m for m in before if m.type in holders), None)
    adjacent = earlier is not None and position - earlier.last <= _NEAR_BEFORE
    after = [m for m in after if m.first - position <= 2 * _NEAR_AFTER]
    subjects = _speakers(after)
    if not cue.places:
        after = [m for m in after if m.type not in lexicon().places]
    if not after:
        return None
    subject_follows = (
        cue.form in ("past", "present", "noun")
        and not (adjacent and cue.form != "noun")
        and subjects[0].type in holders
        and subjects[0].first - position <= (2 if cue.form == "noun" else _NEAR_AFTER)
        and not _takes(sentence, subjects[0], cue)
    )
    if subject_follows:
        target = next((m for m in after if m.first > subjects[0].last), None)
        return (subjects[0], target) if target else None
    if earlier is None or after[0].first - position > _NEAR_AFTER:
        return None
    return earlier, after[0]


def _speakers(mentions: list[_Near]) -> list[_Near]:
    """The mentions from the first subject on: of «وزير خارجية إيران محمد النوري» the person, not the state."""
    persons = lexicon().persons
    for number in (1, 2):
        if len(mentions) > number and mentions[number].type in persons and mentions[0].type not in persons:
            close = all(b.first - a.last <= _NEAR_BEFORE + 1 for a, b in pairwise(mentions[: number + 1]))
            if close:
                return mentions[number:]
    return mentions


def _takes(sentence: list[_Word], mention: _Near, cue: Cue) -> bool:
    """Whether the mention stands behind the cue's preposition, so that it is its object."""
    if not cue.via:
        return False
    if len(cue.via) > 1:
        return mention.first > 0 and sentence[mention.first - 1].folded == cue.via
    return sentence[mention.first].folded.startswith(cue.via)


def _mentions(article: Article, sentence: list[_Word], positions: range) -> Iterator[_Near]:
    """The mentions met going through the positions, until a clause ends."""
    seen: set[int] = set()
    for position in positions:
        number = sentence[position].mention
        if sentence[position].folded in _STOPS:
            return
        if number is None or number in seen:
            continue
        seen.add(number)
        mention = article.mentions[number]
        covered = [i for i, word in enumerate(sentence) if word.mention == number]
        if mention.entity is not None:
            yield _Near(mention.entity, mention.type, covered[0], covered[-1])


def _other(stance: str, labels: LabelSet) -> str:
    return next((name for name in labels.stance_names if name != stance), stance)
