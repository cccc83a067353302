"""Mentions → entities: which mentions of one article name the same thing, and its canonical name.

Rules, in order, within one type: equal names after folding spelling and taking off attached clitics; aliases
from `configs/aliases.yaml` (states, armies, bodies); a capital that acts for its state
(`configs/capitals.yaml`); a people under its forms (الشعب اليمني, اليمنيون, اليمنيين); a body under what it
calls itself (جماعة, حركة, ميليشيا); a body's or law's other name in brackets or quotation marks right after it
(«وكالة الأنباء النورية (ونا)»); a person's short name inside a full one, or with names in the middle left out;
a body's short definite name inside a longer one, but no known body's name in its middle («لجنة الأمم المتحدة
للرصد» is not the United Nations); what is called by some of the same words, the first among them, adjectives and
nouns alike («السفارة الإيرانية», «سفارة إيران في الجزائر»; of issues, actors, laws and places even by the first alone).
The canonical name is the longest form, without clitics.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from mawaqif.article import Entity, Mention
from mawaqif.tables import read_table
from mawaqif.text import BRACKETS, fold, strip_proclitics

__all__ = [
    "BY_INCLUSION",
    "PEOPLES",
    "PERSONS",
    "Capitals",
    "aliases",
    "capitals",
    "cluster",
    "name_key",
    "people_key",
    "shortens",
    "state_names",
    "state_of_capital",
    "whole_names",
]

_OBLIQUE = re.compile(r"^(ال\w{2,}ي)ين$")
_COMPOUND = re.compile(r"(?<=\bعبد) +(?=\w)|(?<=\bاب[وي]) +(?=\w)|(?<=\w) +(?=الله\b)")
# Spellings of one word, all common in the press; as folded, each after those above it.
_VARIANTS = (
    ("اميرك", "امريك"),
    ("اورب", "اوروب"),
    ("مليشي", "ميليشي"),
    ("ميلشي", "ميليشي"),
    ("ميليشات", "ميليشيا"),
    ("ميليشيات", "ميليشيا"),
)
_GROUPS = frozenset({"جماعه", "حركه", "تنظيم", "ميليشيا"})

# How a type's shorter names join longer ones: any run of words inside a person's name, and so on.
BY_INCLUSION = ("PERS", "ORG", "FAC", "EVENT", "LAW")
PERSONS = ("PERS",)
PEOPLES = ("NORP",)
_BODIES = ("ORG",)
_GLOSSED = ("ORG", "LAW")
# Types whose first word alone may be the short form: «الخطة» of «خطة الإصلاح».
_FIRST_WORD = ("ISSUE", "ACTOR", "LAW", "LOC")
_STATES = ("GPE",)
_DETERMINERS = frozenset({"هذا", "هذه", "ذلك", "تلك", "هؤلاء", "كافه", "جميع"})
# Words that may stand before a name or its adjective: «نهر النيل», «الدولة التركية».
_BEFORE = {
    "GPE": frozenset({"دوله", "جمهوريه", "حكومه", "اقليم"}),
    "LOC": frozenset({"نهر", "جزيره", "هضبه", "جبل", "قاره", "مرتفعات"}),
    "ISSUE": _DETERMINERS | {"مشروع"},
    "ACTOR": _DETERMINERS | {"قوات"},
}
# First words of bodies that go by several, and the usual one: «القوات المسلحة المصرية», «الجيش المصري».
_USUAL = {
    "قوات مسلحه": "جيش",
    "قوات": "جيش",
    "مجلس نواب": "برلمان",
    "مجلس شوري": "برلمان",
    "مخابرات": "استخبارات",
    "مصرف": "بنك",
}
_OTHER_WORDS = re.compile(f"^(?:{'|'.join(_USUAL)})(?= )")
_FORCES = "قوات "
# With one of these a body's name is that of a part, or of another body.
_PARTS = frozenset({"جويه", "خاصه", "بحريه", "بريه", "قضائيه", "ديمقراطيه", "ديمقراطي", "رئيس", "جنوب", "شمال"})
_ENDING = re.compile("(?<=...)(?:يا|يه|ي|ا|ه)$")  # of an adjective, or of the noun that it is made of
# A first letter is the word's own if the rank of the rest is above the first part of the word's, attached if below the
# second; the rest is a word only if it has more letters than the third.
_OWN_LETTER, _ATTACHED, _SHORT_WORD = 0.5, 0.15, 2
_LONG_NAME, _LONG_WORD = 6, 5  # letters from which on a name, a word of a longer one, is told in spite of a slip
_WORD = re.compile(r"\w+")
_FEMININE_VERB = re.compile(r"س?ت\w{2,}|\w{2,}ت")
_DATELINE = re.compile(r"[،,] (\w+(?: \w+)?)")  # «طهران، إيران (…)»
_OPENED_BY = {closing: opening for opening, closing in BRACKETS.items()} | {"”": "“", '"': '"'}
_GLOSS = re.compile(r"\s?(?:(\()|([\"«“]))\s?")  # what opens a second name right after the first


@dataclass
class _Cluster:
    type: str
    key: str
    names: Counter[str] = field(default_factory=Counter)
    mentions: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The longest form, of people in the nominative («اليمنيون» of «اليمنيين»); the state's where there are only
        capitals, which are no names of it."""
        if not self.names:
            return state_names()[self.key]
        longest = max(self.names, key=lambda name: (len(name.split()), self.names[name], len(name)))
        return _OBLIQUE.sub(r"\1ون", longest) if self.type in (*PEOPLES, *_BODIES) else longest


@cache
def aliases() -> dict[str, str]:
    """Folded alias → folded first name of its group, from the shipped table."""
    return {name_key(name): name_key(group[0]) for group in read_table("aliases") for name in group}


def _first_name(key: str) -> str:
    """The folded first name of the key's group in the table; the key itself where it is in none."""
    return aliases().get(key, key)


@cache
def _known_bodies() -> frozenset[str]:
    """The folded first names of the table's groups."""
    return frozenset(aliases().values())


class Capitals(NamedTuple):
    """Folded capital → folded name of its state; the folded words after which any of them is only a place; those that
    are one but after the folded words of `acts`."""

    states: dict[str, str]
    places: frozenset[str]
    cities: frozenset[str]
    acts: frozenset[str]


@cache
def state_names() -> dict[str, str]:
    """The states that have a capital in the table, as it writes them, by their folded names."""
    return {_first_name(name_key(state)): state for state in read_table("capitals")["capitals"].values()}


@cache
def capitals() -> Capitals:
    """The shipped table."""
    table = read_table("capitals")
    states = {name_key(city): _first_name(name_key(state)) for city, state in table["capitals"].items()}
    places, acts = (frozenset(map(fold, table[words])) for words in ("places", "acts"))
    return Capitals(states, places, frozenset(map(name_key, table["cities"])), acts)


def cluster(
    text: str, spans: Sequence[tuple[int, int, str, float]], rank: Callable[[str], int] | None = None
) -> tuple[list[Mention], list[Entity]]:
    """Mentions and entities of an article from its spans (start, end, type, score), in text order.

    rank: the place of a word in a list by frequency, from 1 on, 0 for words outside: tells better than spelling alone
    whether a first letter belongs to a name.
    """
    readings = [_readings(_inline(text[start:end]), label, rank) for start, end, label, _ in spans]
    heard = Counter(
        (spans[n][2], key) for n, names in enumerate(readings) for key in {name_key(name) for name in names}
    )
    clusters: dict[tuple[str, str], _Cluster] = {}
    for number, (_, _, label, _) in enumerate(spans):
        name = _most_heard(readings[number], label, heard)
        key = people_key(name_key(name)) if label in PEOPLES else name_key(name)
        state = state_of_capital(key, text, *spans[number][:2])
        key = state or _first_name(key)
        bare = _body_key(key, label)
        found = clusters.setdefault((label, bare), _Cluster(label, key))
        found.key = min(found.key, key, key=len)  # «النخيل» alone may be short for a longer name, «حركة النخيل» is not
        if state is None:
            found.names[name] += 1
        found.mentions.append(number)
    merged = _include(sorted(_join_glosses(list(clusters.values()), text, spans), key=lambda c: c.mentions[0]))
    mentions: list[Mention | None] = [None] * len(spans)
    entities = []
    for number, found in enumerate(merged, start=1):
        entity = f"e{number}"
        entities.append(Entity(id=entity, type=found.type, name=found.name))
        for place in found.mentions:
            start, end, label, score = spans[place]
            mentions[place] = Mention(start=start, end=end, type=label, entity=entity, score=round(score, 4))
    return [mention for mention in mentions if mention is not None], entities


def whole_names(text: str, spans: Sequence[tuple[int, int, str, float]]) -> list[tuple[int, int, str, float]]:
    """The spans (start, end, type, score) that are names.

    One with the sign of a hashtag in it («سليم #الوراق») is not two, and has the lower score. One that opens a bracket
    or a quotation («القرار (17») goes on to the mark that closes it, if that follows. A lone letter is none: «لـ»
    before a quotation mark.
    """
    names: list[tuple[int, int, str, float]] = []
    for start, stop, label, score in spans:
        end = stop + _closes(text[stop : stop + 1], text[start:stop])
        if names and text[start - 1] == "#" and names[-1][1:3] == (start, label):
            first, _, _, before = names.pop()
            names.append((first, end, label, min(before, score)))
        else:
            names.append((start, end, label, score))
    return [name for name in names if len(fold(text[name[0] : name[1]])) > 1]


def _closes(mark: str, name: str) -> bool:
    """Whether the mark closes what the name opens and leaves open."""
    opening = _OPENED_BY.get(mark)
    if opening is None:
        return False
    return name.count(opening) % 2 == 1 if opening == mark else name.count(opening) > name.count(mark)


def _inline(surface: str) -> str:
    return " ".join(surface.replace("#", " ").split()) or surface


@lru_cache(maxsize=1 << 16)
def name_key(name: str) -> str:
    """Folded, without the article on any word, with عبد, أبو and الله written to the word that they belong to, as half
    of the press does, and one spelling of words that have several.

    >>> name_key("الولايات المتحدة الأميركية") == name_key("ولايات متحدة أمريكية")
    True
    >>> name_key("عبد الرحمن نصر الله") == name_key("عبدالرحمن نصرالله")
    True
    """
    folded = _COMPOUND.sub("", fold(name))
    for variant, usual in _VARIANTS:
        folded = folded.replace(variant, usual)
    return " ".join(word.removeprefix("ال") if len(word) > 4 else word for word in folded.split())


def _body_key(key: str, label: str) -> str:
    """A body's name without «جماعة», «ميليشيا» and their like before it; other names as they are."""
    first, _, rest = key.partition(" ")
    if label not in _BODIES or not rest or first not in _GROUPS:
        return key
    return _first_name(rest)


def people_key(key: str) -> str:
    """A people's name without الشعب and without its ending."""
    return re.sub(r"(?<=\w\w\w)ي(?:ون|ين|ا|ه)?$", "ي", key.removeprefix("شعب "))


def state_of_capital(key: str, text: str, start: int, end: int) -> str | None:
    """The state that a capital's mention stands for; None where it is only a place, or no capital."""
    table = capitals()
    if key not in table.states:
        return None
    state, clitic = table.states[key], fold(text[start])
    if not text[:start].strip():
        place = key in table.cities or text[end : end + 2].strip()[:1] in tuple(":-–—(/،")
        return None if place else state
    before = _WORD.findall(fold(text[max(0, start - 40) : start]))[-3:] or [""]
    last = before[-1].removeprefix("و")
    if last == "من" and before[-2:][0].removeprefix("ال").startswith("مدعوم"):
        return state
    following = _DATELINE.match(text, end)
    place = (
        (clitic == "ب" and not key.startswith("ب"))
        or any(word.endswith("عاصمه") for word in before)
        or bool(table.places & {last, before[-1]})
        or (following is not None and _first_name(name_key(following[1])) == state)
        or (
            key in table.cities
            and last not in table.acts
            and not _FEMININE_VERB.fullmatch(last)
            and (clitic not in "ول" or key.startswith(clitic))
        )
    )
    return None if place else state


def _readings(name: str, label: str, rank: Callable[[str], int] | None) -> list[str]:
    """The name with and without attached letters, as `strip_proclitics`, but the more usual first.

    «وليام» is more frequent than «يام», «بطهران» much rarer than «طهران». Names of persons are too rare for the second:
    «كوفي» is no «وفي».
    """
    names = strip_proclitics(name)
    if rank is None or len(names) == 1:
        return names
    words = {reading: reading.partition(" ")[0] for reading in names}
    ranks = {reading: rank(word) if len(fold(word)) > _SHORT_WORD else 0 for reading, word in words.items()}
    first, whole = names[0], ranks[name]
    if first != name and whole and (not ranks[first] or ranks[first] > _OWN_LETTER * whole):
        best = name
    elif first == name and label not in PERSONS:
        usual = [other for other in names[1:] if ranks[other] and (not whole or ranks[other] < _ATTACHED * whole)]
        best = min(usual, key=ranks.__getitem__, default=name)
    else:
        return names
    return [best, *(other for other in names if other != best)]


def _most_heard(names: list[str], label: str, heard: Counter[tuple[str, str]]) -> str:
    """The reading that most mentions share; the most plausible one where none is shared."""
    best = max(names, key=lambda name: heard[label, name_key(name)])
    return best if heard[label, name_key(best)] > heard[label, name_key(names[0])] else names[0]


def _join_glosses(clusters: list[_Cluster], text: str, spans: Sequence[tuple[int, int, str, float]]) -> list[_Cluster]:
    """Joins two names of which one follows in brackets or quotation marks, unless both are known bodies' own."""
    of = {number: found for found in clusters for number in found.mentions}
    for number, ((_, end, label, _), (start, last, other, _)) in enumerate(pairwise(spans)):
        opened = _GLOSS.fullmatch(text, end, start) if label == other and label in _GLOSSED else None
        first, second = of[number], of[number + 1]
        if opened is None or first is second or text[last : last + 1] not in (set(")") if opened[1] else set('"»”')):
            continue
        if {first.key, second.key} <= _known_bodies():
            continue
        clusters.remove(second)
        first.names.update(second.names)
        first.mentions = sorted([*first.mentions, *second.mentions])
        of |= dict.fromkeys(second.mentions, first)
    return clusters


def _include(clusters: list[_Cluster]) -> list[_Cluster]:
    """Joins each cluster whose name is a run of words of a longer name of its type: the nearest one before it, or else
    the first one after."""
    kept = list(clusters)
    for small in sorted(clusters, key=lambda c: len(c.key.split())):
        hosts = [c for c in kept if c is not small and c.type == small.type and _may_be(small.key, c.key, c.type)]
        if not hosts:
            continue
        before = [c for c in hosts if c.mentions[0] < small.mentions[0]]
        host = max(before, key=lambda c: max(m for m in c.mentions if m < small.mentions[0])) if before else hosts[0]
        host.names.update(small.names)
        host.mentions = sorted([*host.mentions, *small.mentions])
        kept.remove(small)
    return sorted(kept, key=lambda c: c.mentions[0])


def _may_be(short: str, long: str, type: str) -> bool:
    if not short or not long:  # nothing is left of a name of signs
        return False
    if type in PERSONS:
        return shortens(short, long, type) or _misspells(short.split(), long.split())
    return (type in BY_INCLUSION and shortens(short, long, type)) or _abridges(short, long, type)


def _abridges(short: str, long: str, type: str) -> bool:
    """Whether all words of one key, the first of both the same, are among those of the other, whatever their order and
    whether adjectives or nouns: «المجلس التركي», «المجلس الوطني في تركيا». Of bodies also, whether they differ only in
    how such a body is called."""
    few, many = _stems(short, type), _stems(long, type)
    if type in _BODIES and ((len(few) > 1 and _usual_stems(short) == _usual_stems(long)) or long == _FORCES + short):
        return True
    if few[0] != many[0] or not set(few) <= set(many):
        return False
    if type in _BODIES and _PARTS & (set(long.split()) ^ set(short.split())):
        return False
    return len(few) > 1 or type in _FIRST_WORD or (type in _STATES and len(many) == 1 and " " in f"{short}{long}")


@lru_cache(maxsize=1 << 14)
def _stems(key: str, type: str) -> tuple[str, ...]:
    """The words of a key without the endings of adjectives, and without what may stand before the name."""
    words = key.split()
    if len(words) > 1 and words[0] in _BEFORE.get(type, ()):
        del words[0]
    return tuple(_ENDING.sub("", word) for word in words)


@lru_cache(maxsize=1 << 14)
def _usual_stems(body: str) -> frozenset[str]:
    """The stems of a body's key, with the usual word for what it is."""
    return frozenset(_stems(_OTHER_WORDS.sub(lambda found: _USUAL[found[0]], body), *_BODIES))


def _misspells(short: list[str], long: list[str]) -> bool:
    """«برنسون» of «أندرو برونسون»: long words, one letter of which is missing, another, or has changed places."""
    if len(short) == 1:
        return min(len(short[0]), len(long[-1])) >= _LONG_NAME and _one_slip(short[0], long[-1])
    return len(short) == len(long) and all(
        a == b or (min(len(a), len(b)) >= _LONG_WORD and _one_slip(a, b)) for a, b in zip(short, long, strict=True)
    )


@lru_cache(maxsize=1 << 14)
def _one_slip(word: str, other: str) -> bool:
    if abs(len(word) - len(other)) > 1:
        return False
    steps = SequenceMatcher(None, word, other, autojunk=False).get_opcodes()
    slips = sum(max(b - a, d - c) for kind, a, b, c, d in steps if kind != "equal")
    return slips == 1 or (slips == 2 and sorted(word) == sorted(other))


def shortens(short: str, long: str, type: str) -> bool:
    """Whether one key may be a short form of the other among names of this type: a run of its words or, in a person's
    name, with names in the middle left out. A known body in the middle of a longer name is only what that is about."""
    if type == "ORG" and short in _known_bodies() and not (long.startswith(f"{short} ") or long.endswith(f" {short}")):
        return False
    return _inside(short, long) or (type in PERSONS and _skips(short.split(), long.split()))


def _skips(short: list[str], long: list[str]) -> bool:
    """«علي صالح» of «علي عبد الله صالح»: the same first and last name, the names between them left out."""
    if not 2 <= len(short) < len(long) or (short[0], short[-1]) != (long[0], long[-1]):
        return False
    rest = iter(long)
    return all(word in rest for word in short)


def _inside(short: str, long: str) -> bool:
    return short != long and f" {short} " in f" {long} "
