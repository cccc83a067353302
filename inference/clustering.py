"""Mentions → entities: which mentions of one article name the same thing, and its canonical name.

Rules, in order, within one type: equal names after folding spelling and taking off attached clitics; aliases
from `configs/aliases.yaml` (states, armies, bodies); a capital that acts for its state
(`configs/capitals.yaml`); a people under its forms (الشعب اليمني, اليمنيون, اليمنيين); a body under what it
calls itself (جماعة, حركة, ميليشيا); a body's or law's other name in brackets or quotation marks right after it
(«وكالة الأنباء النورية (ونا)»); a person's short name inside a full one, or with names in the middle left out;
a body's short definite name inside a longer one, but no known body's name in its middle («لجنة الأمم المتحدة
للرصد» is not the United Nations). The canonical name is the longest form, without clitics.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise

from mawaqif.article import Entity, Mention
from mawaqif.tables import read_table
from mawaqif.text import fold, strip_proclitics

__all__ = [
    "BY_INCLUSION",
    "PEOPLES",
    "PERSONS",
    "aliases",
    "capitals",
    "cluster",
    "name_key",
    "people_key",
    "shortens",
    "state_of_capital",
    "whole_names",
]

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
_GLOSS = re.compile(r"\s?(?:(\()|([\"«“]))\s?")  # what opens a second name right after the first


@dataclass
class _Cluster:
    type: str
    key: str
    names: Counter[str] = field(default_factory=Counter)
    mentions: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return max(self.names, key=lambda name: (len(name.split()), self.names[name], len(name)))


@cache
def aliases() -> dict[str, str]:
    """Folded alias → folded first name of its group, from the shipped table."""
    return {name_key(name): name_key(group[0]) for group in read_table("aliases") for name in group}


@cache
def _known_bodies() -> frozenset[str]:
    """The folded first names of the table's groups."""
    return frozenset(aliases().values())


@cache
def capitals() -> tuple[dict[str, str], frozenset[str]]:
    """Folded capital → folded name of its state, and the folded words after which a capital is only a place."""
    table = read_table("capitals")
    states = {
        name_key(city): aliases().get(name_key(state), name_key(state)) for city, state in table["capitals"].items()
    }
    return states, frozenset(map(fold, table["places"]))


def cluster(text: str, spans: Sequence[tuple[int, int, str, float]]) -> tuple[list[Mention], list[Entity]]:
    """Mentions and entities of an article from its spans (start, end, type, score), in text order."""
    readings = [strip_proclitics(_inline(text[start:end])) for start, end, *_ in spans]
    heard = Counter(
        (spans[n][2], key) for n, names in enumerate(readings) for key in {name_key(name) for name in names}
    )
    clusters: dict[tuple[str, str], _Cluster] = {}
    for number, (_, _, label, _) in enumerate(spans):
        name = _most_heard(readings[number], label, heard)
        key = people_key(name_key(name)) if label in PEOPLES else name_key(name)
        key = state_of_capital(key, text, *spans[number][:2]) or aliases().get(key, key)
        bare = _body_key(key, label)
        found = clusters.setdefault((label, bare), _Cluster(label, key))
        found.key = min(found.key, key, key=len)  # «النخيل» alone may be short for a longer name, «حركة النخيل» is not
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

    One with the sign of a hashtag in it («سليم #الوراق») is not two, and has the lower score. A lone letter is none:
    «لـ» before a quotation mark.
    """
    names: list[tuple[int, int, str, float]] = []
    for start, end, label, score in spans:
        if names and text[start - 1] == "#" and names[-1][1:3] == (start, label):
            first, _, _, before = names.pop()
            names.append((first, end, label, min(before, score)))
        else:
            names.append((start, end, label, score))
    return [name for name in names if len(fold(text[name[0] : name[1]])) > 1]


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
    return aliases().get(rest, rest)


def people_key(key: str) -> str:
    """A people's name without الشعب and without its ending."""
    return re.sub(r"(?<=\w\w\w)ي(?:ون|ين|ا|ه)?$", "ي", key.removeprefix("شعب "))


def state_of_capital(key: str, text: str, start: int, end: int) -> str | None:
    """The state that a capital's mention stands for; None where it is only a place, or no capital."""
    states, places = capitals()
    if key not in states:
        return None
    before = fold(text[max(0, start - 40) : start]).split()
    if fold(text[start]) == "ب" and not key.startswith("ب"):
        return None
    if not text[:start].strip():
        return None if text[end : end + 2].strip()[:1] in tuple(":-–—(/،") else states[key]
    return None if before and places & {before[-1], before[-1].removeprefix("و")} else states[key]


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
        if small.type not in BY_INCLUSION:
            continue
        hosts = [c for c in kept if c is not small and c.type == small.type and shortens(small.key, c.key, c.type)]
        if not hosts:
            continue
        before = [c for c in hosts if c.mentions[0] < small.mentions[0]]
        host = max(before, key=lambda c: max(m for m in c.mentions if m < small.mentions[0])) if before else hosts[0]
        host.names.update(small.names)
        host.mentions = sorted([*host.mentions, *small.mentions])
        kept.remove(small)
    return sorted(kept, key=lambda c: c.mentions[0])


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
