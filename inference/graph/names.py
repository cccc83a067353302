"""The names of a corpus as they are met: every form that an entity goes by, and what the articles tell about forms.

An article's entity enters under the normalised form of its name. Beside how often and with which type and spelling each
form came, two things are kept for `merging`: by which shorter forms an entity was mentioned, and which shorter and
longer forms one article kept apart. Memory grows with the number of different forms, not of articles.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mawaqif.article import AUTHOR, Article, Entity
from mawaqif.errors import ConfigError
from mawaqif.inference.clustering import (
    BY_INCLUSION,
    PERSONS,
    aliases,
    capitals,
    name_key,
    shortens,
    state_names,
    state_of_capital,
)
from mawaqif.labels import LabelSet
from mawaqif.tables import read_table
from mawaqif.text import strip_proclitics

__all__ = ["Aliases", "Form", "Names", "form_key", "person_key", "read_aliases"]

# Bodies that every state has, as normalised: alone, their name says nothing of which.
_BODIES = frozenset(
    [
        "حكومه",
        "جيش",
        "برلمان",
        "رياسه",
        "سلطات",
        "شرطه",
        "قضاء",
        "معارضه",
        "خارجيه",
        "داخليه",
        "وزاره خارجيه",
        "وزاره داخليه",
        "وزاره دفاع",
        "وزاره عدل",
        "وزاره ماليه",
        "وزاره صحه",
        "مجلس وزراء",
        "مجلس نواب",
        "مجلس شيوخ",
        "مجلس شوري",
        "مجلس شعب",
        "مجلس امه",
        "قوات مسلحه",
        "بنك مركزي",
        "محكمه عليا",
        "محكمه دستوريه",
        "نيابه عامه",
    ]
)
# Of the mentions of names that speak of a state: if so many speak of one, the bodies without a name are this state's.
_STATE, _LEAST = 0.8, 2


def form_key(name: str) -> str:
    """The normalised form of a name: clustering's key. A name of which nothing is left is its own form.

    >>> form_key("عبد الله الأميركي") == form_key("عبدالله الامريكي")
    True
    """
    return name_key(name) or name


def person_key(key: str) -> str:
    """The form of a person's name without ا inside words that keep four letters: foreign names are written with it and
    without (ترامب, ترمب). Shorter words would meet others (سالم, سلم)."""
    bare = ((word, word[0] + word[1:-1].replace("ا", "") + word[-1:]) for word in key.split())
    return " ".join(less if len(less) >= 4 else word for word, less in bare)


class Aliases(NamedTuple):
    """Form of an alias → form of its group, and form of a group → its first name as written."""

    groups: dict[str, str]
    names: dict[str, str]
    of_persons: frozenset[str]  # forms that are aliases of persons too: those of the user's own file


def read_aliases(path: str | Path | None = None) -> Aliases:
    """The shipped table, under the groups of a file in the same format (YAML: a list of lists of names), if given.

    A name that is in both belongs to the file's group. The shipped table holds states and bodies and is not asked
    about persons. Raises ConfigError.
    """
    table = read_table("aliases")
    groups = {form_key(name): form_key(group[0]) for group in table for name in group}
    names = {form_key(group[0]): str(group[0]) for group in table}
    own: set[str] = set()
    for group in _own_table(path) if path else ():
        first = groups.get(form_key(group[0]), form_key(group[0]))
        groups |= {form_key(name): first for name in group}
        own |= {form_key(name) for name in group}
        names[first] = group[0]
    return Aliases(groups, names, frozenset(own))


def _own_table(path: str | Path) -> list[list[str]]:
    import yaml  # only here: starting up must stay quick

    try:
        table: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as an alias table: {error}") from error
    if not isinstance(table, list):
        raise ConfigError(f"{path}: must be a list of groups, one a line: - [name, other name, …]")
    for number, group in enumerate(table, 1):
        if not isinstance(group, list) or not group or not all(isinstance(x, str) and x.strip() for x in group):
            raise ConfigError(f"{path}: group {number} must be a list of names, not {group!r:.60}")
    return table


@dataclass
class Form:
    """One normalised form with one type. `named`: whether the type exists outside stances, too.

    The counters count articles, as does `articles`. `called`: shorter forms that this entity was mentioned by. `apart`:
    shorter forms that some article gave to another entity of the same type beside this one. Both hold `person_key` for
    persons.
    """

    label: str
    named: bool
    key: str
    articles: int = 0
    spellings: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    apart: set[str] = field(default_factory=set)


class Names:
    """Collects forms. Form 0 is the articles' own voice."""

    def __init__(self, labels: LabelSet) -> None:
        self.forms = [Form(AUTHOR, False, AUTHOR, 1, Counter({AUTHOR: 1}))]
        self._numbers = {(AUTHOR, AUTHOR): 0}
        self._unnamed = set(labels.only_in_stances)

    def add(self, article: Article) -> dict[str, int]:
        """The number of each entity's form, by its id in the article; AUTHOR is among them."""
        in_stances = {end for stance in article.stances for end in (stance.holder, stance.target)}
        surfaces = defaultdict(set)
        for mention in article.mentions:
            surfaces[mention.entity].add(article.surface(mention))
        found = {AUTHOR: 0}
        about = _main_state(article)
        for entity in article.entities:
            key = form_key(entity.name)
            state = _state(article, entity) if entity.id in in_stances else None
            body = _body_of_state(key, about) if entity.type == "ORG" else None
            number = self._number(entity, state or (body.key if body else key))
            found[entity.id] = number
            form = self.forms[number]
            form.articles += 1
            if state is not None:
                form.spellings.setdefault(state_names().get(state, state), 0)
            elif body and body.state:
                form.spellings[f"{entity.name} ({state_names().get(body.state, body.state)})"] += 1
            else:
                form.spellings[entity.name] += 1
                if entity.type in BY_INCLUSION:
                    compared = person_key if entity.type in PERSONS else str
                    words = {name for surface in surfaces[entity.id] for name in strip_proclitics(surface)}
                    readings, whole = {compared(form_key(name)) for name in words}, compared(form.key)
                    form.called.update(key for key in readings if shortens(key, whole, entity.type))
        self._part(article, found)
        return found

    def _number(self, entity: Entity, key: str) -> int:
        number = self._numbers.setdefault((entity.type, key), len(self.forms))
        if number == len(self.forms):
            self.forms.append(Form(entity.type, entity.type not in self._unnamed, key))
        return number

    def _part(self, article: Article, found: Mapping[str, int]) -> None:
        by_type = defaultdict(set)
        for entity in article.entities:
            if entity.type in BY_INCLUSION:
                by_type[entity.type].add(found[entity.id])
        for label, numbers in by_type.items():
            compared = person_key if label in PERSONS else str
            keys = {number: compared(self.forms[number].key) for number in numbers}
            for number, long in keys.items():
                self.forms[number].apart.update(short for short in keys.values() if shortens(short, long, label))


class _Body(NamedTuple):
    """A body of a state: the form it has in the graph, and the form of the state where its name does not tell it."""

    key: str
    state: str | None


def _body_of_state(key: str, about: str | None) -> _Body | None:
    """«حكومه سوريه», «حكومه سوريا», and «حكومه» in an article about Syria have one form; None for other names."""
    body, _, last = key.rpartition(" ")
    if body in _BODIES and (adjective := _adjective(last)) in _adjectives():
        return _Body(f"{body} {_adjectives()[adjective]}", None)
    return _Body(f"{key} {about}", about) if key in _BODIES and about else None


def _adjective(word: str) -> str:
    """«سوريه», «سوري», «سوريا» → «سوري»."""
    stem = word.removesuffix("ه").removesuffix("ا")
    return stem if stem.endswith("ي") else stem + "ي"


@cache
def _adjectives() -> dict[str, str]:
    """What a state's body is called by → the form of the state."""
    return {_adjective(name): state for name, state in _states().items() if " " not in name}


@cache
def _states() -> dict[str, str]:
    """The forms of the states that have a capital in the table, under all their names."""
    first = set(capitals().states.values())
    return {state: state for state in first} | {name: state for name, state in aliases().items() if state in first}


def _main_state(article: Article) -> str | None:
    """The form of the state that nearly all of an article's names speak of that speak of one."""
    counts = Counter(mention.entity for mention in article.mentions)
    mentioned: Counter[str] = Counter()
    for entity in article.entities:
        if entity.type not in PERSONS and (state := _state_in(form_key(entity.name))):
            mentioned[state] += counts[entity.id]
    if not mentioned:
        return None
    state, count = mentioned.most_common(1)[0]
    return state if count >= max(_LEAST, _STATE * mentioned.total()) else None


def _state_in(key: str) -> str | None:
    """The form of the state that a name is, has for its capital, or ends with."""
    last = key.rpartition(" ")[2]
    return _states().get(key) or capitals().states.get(key) or _adjectives().get(_adjective(last))


def _state(article: Article, entity: Entity) -> str | None:
    """The form of the state for which a capital acts somewhere in the article; None where it is a place or no capital.

    A capital whose name is a state's as well (عمان) says nothing.
    """
    key = name_key(entity.name)
    states = capitals().states
    if key not in states or key in aliases() or entity.type in BY_INCLUSION:
        return None
    spans = ((mention.start, mention.end) for mention in article.mentions_of(entity.id))
    return next((state for span in spans if (state := state_of_capital(key, article.text, *span))), None)
