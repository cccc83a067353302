"""Which forms of a corpus name one entity. The result depends on the articles as a set, not on their order.

1. Equal forms are one entity also under two types, if these are easily taken for each other (country and place, body
   and its building) or one is so rare that it is a slip; «الرياض» the city and the newspaper are two. The type most
   articles gave counts. Entities that exist only for stances (ISSUE, ACTOR) merge on equal forms of one type and in no
   other way.
2. Forms of one alias group are one entity, and so are the forms of a people's name (الشعب اليمني, اليمنيون), of a
   person's name with and without an ا in a long word (ترامب, ترمب), and of a body that every state has with the state's
   name (الحكومة السورية, حكومة سوريا). Such a body alone is the state's of which an article's names speak, and else
   nobody's.
3. A short form joins a longer one of the same type (persons, bodies, facilities, events, laws) if only one can be
   meant: only one long entity is compatible, or nine in ten articles that called a compatible one by the short form
   called this one, and two at least. A form that tells little (a first name, a body's name without what tells it from
   others of its kind) needs such articles in any case. Never if an article keeps the two apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mawaqif.inference.clustering import BY_INCLUSION, PEOPLES, PERSONS, people_key, shortens
from mawaqif.inference.graph.names import Aliases, Form, form_key, person_key

__all__ = ["GraphEntity", "Merged", "merge"]

_LEAST = 2  # articles that must have called the long form by the short one, where evidence decides
_SHARE = 0.9  # and their share of all articles that called some compatible form by it
_SLIP = 0.1  # of the articles of the more frequent type: a type that few gave to the same form
_KIN = (("GPE", "LOC", "FAC"), ("ORG", "FAC"), ("ORG", "NORP"), ("EVENT", "LAW"))
_MOST_NAMES = 20  # other names of an entity that are listed
# Head nouns that say what kind of body a name belongs to, as normalised: the name is the body's own without them.
_KINDS = frozenset(
    [
        "وزاره",
        "حزب",
        "حركه",
        "تنظيم",
        "جماعه",
        "منظمه",
        "جمعيه",
        "موسسه",
        "جبهه",
        "ايتلاف",
        "تحالف",
        "تيار",
        "كتله",
        "وكاله",
        "قناه",
        "تلفزيون",
        "اذاعه",
        "شبكه",
        "صحيفه",
        "جريده",
        "مجله",
        "موقع",
        "شركه",
        "مجموعه",
        "نادي",
        "بنك",
        "مصرف",
    ]
)
_JOINED = {"بن", "ابن", "ابو", "ال", "عبد", "ام", "بنت"}  # particles that make one name with the word behind them


@dataclass(frozen=True)
class GraphEntity:
    """An entity of the corpus. `name`: the alias group's first name, or what most articles call it, for persons and
    bodies in two words where there are such; `full`: its longest form; `others`: its other spellings, by frequency;
    `keys`: all normalised forms it goes by; `called`: shorter ones by which some article mentions it, and maybe others
    too."""

    name: str
    full: str
    type: str
    others: tuple[str, ...]
    keys: frozenset[str]
    called: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Merged:
    """The entities, and the place in them of each form, by the form's number."""

    entities: list[GraphEntity]
    of_form: list[int]


@dataclass
class _Group:
    """Forms that are one entity by rules 1 and 2. `place` orders groups and is unique: whether named, base, type;
    `keys` are compared with shorter and longer forms; `first` is the form of the alias group, "" where it is none."""

    place: tuple[bool, str, str]
    keys: frozenset[str]
    first: str = ""
    forms: list[int] = field(default_factory=list)
    called: Counter[str] = field(default_factory=Counter)
    apart: set[str] = field(default_factory=set)

    @property
    def label(self) -> str:
        return self.place[2]


def merge(forms: Sequence[Form], aliases: Aliases) -> Merged:
    """Applies the rules to the forms that `Names` collected."""
    groups = _equal(forms, aliases)
    hosts = _hosts(groups)
    members: dict[int, list[int]] = defaultdict(list)
    for number in range(len(groups)):
        root = number
        while root in hosts:
            root = hosts[root]
        members[root] += groups[number].forms
    entities, of_form = [], [0] * len(forms)
    for place, root in enumerate(sorted(members)):
        entities.append(_entity(groups[root], [forms[number] for number in members[root]], forms, aliases))
        for number in members[root]:
            of_form[number] = place
    return Merged(entities, of_form)


def _equal(forms: Sequence[Form], aliases: Aliases) -> list[_Group]:
    """Rules 1 and 2; the groups in the order of their places."""
    bases = [_base(form, aliases) for form in forms]
    counts: dict[tuple[bool, str], Counter[str]] = defaultdict(Counter)
    for form, (base, _) in zip(forms, bases, strict=True):
        counts[form.named, base][form.label] += form.articles
    types = {place: _types(count) if place[0] else {label: label for label in count} for place, count in counts.items()}
    members: dict[str, list[str]] = defaultdict(list)
    for alias, first in aliases.groups.items():
        members[first].append(alias)
    groups: dict[tuple[bool, str, str], _Group] = {}
    for number, (form, (base, first)) in enumerate(zip(forms, bases, strict=True)):
        label = types[form.named, base][form.label]
        place = (form.named, base, label)
        group = groups.setdefault(place, _Group(place, frozenset([base])))
        if first:
            group.first = first
            group.keys = frozenset(map(person_key if label in PERSONS else str, members[first]))
        group.forms.append(number)
        group.called.update(form.called)
        group.apart |= form.apart
    return [groups[place] for place in sorted(groups)]


def _base(form: Form, aliases: Aliases) -> tuple[str, str]:
    """What equal forms of named types share, and the form of the alias group, "" where it is in none."""
    if not form.named:
        return form.key, ""
    people = people_key(form.key) if form.label in PEOPLES else form.key
    for known in (form.key, people):
        if known in aliases.groups and (form.label not in PERSONS or known in aliases.of_persons):
            return aliases.groups[known], aliases.groups[known]
    return (person_key(form.key) if form.label in PERSONS else people), ""


def _types(counts: Counter[str]) -> dict[str, str]:
    """Each type that one form came with → the type that it is taken for."""
    found: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        leaders = [leader for leader in dict.fromkeys(found.values()) if _alike(label, leader, counts)]
        found[label] = leaders[0] if leaders else label
    return found


def _alike(label: str, leader: str, counts: Counter[str]) -> bool:
    return counts[label] <= _SLIP * counts[leader] or any(label in kin and leader in kin for kin in _KIN)


def _hosts(groups: list[_Group]) -> dict[int, int]:
    """Rule 3: group → the group that it joins. The longest are settled first, so that only roots are compared."""
    found: dict[int, int] = {}
    by_word: dict[tuple[str, str], list[int]] = defaultdict(list)  # type and a word → roots with it, none shorter
    for number in sorted(range(len(groups)), key=lambda n: (-max(len(key.split()) for key in groups[n].keys), n)):
        group = groups[number]
        if not group.place[0] or group.label not in BY_INCLUSION:
            continue
        if not group.first and (host := _host(group, groups, by_word)) is not None:
            found[number] = host
            groups[host].called.update(group.called)
            groups[host].apart |= group.apart
        else:
            for word in {word for key in group.keys for word in key.split()}:
                by_word[group.label, word].append(number)
    return found


def _host(short: _Group, groups: list[_Group], by_word: dict[tuple[str, str], list[int]]) -> int | None:
    (key,), label = short.keys, short.label
    fits: dict[int, str] = {}
    for number in min((by_word.get((label, word), []) for word in key.split()), key=len, default=[]):
        long = next((long for long in sorted(groups[number].keys) if shortens(key, long, label)), None)
        if long:
            fits[number] = long
    if not fits:
        return None
    told = {number: groups[number].called[key] for number in fits}
    best = max(fits, key=lambda number: (told[number], -number))
    enough = told[best] >= _LEAST and told[best] >= _SHARE * sum(told.values())
    if key in groups[best].apart:
        return None
    if len(fits) > 1:
        return best if enough else None
    tells = bool(told[best]) or _tells_person(key, fits[best]) if label in PERSONS else _tells_body(key, fits[best])
    return best if enough or tells else None


def _tells_person(short: str, long: str) -> bool:
    """A first and another name, or a family name: the last of a long name, not of a father («بن سلمان» is one name).

    Without the first name only where that is محمد, which many bear before the name they go by: «آدم محمد» may be the
    father of «سمية آدم محمد».
    """
    less, more = list(_units(short)), list(_units(long))
    if len(less) == 1:
        return more[-1:] == less
    return more[0] == less[0] or (more[0] == "محمد" and more[1:] == less)


def _units(key: str) -> Iterator[str]:
    unit: list[str] = []
    for word in key.split():
        unit.append(word)
        if word not in _JOINED:
            yield " ".join(unit)
            unit = []
    if unit:
        yield " ".join(unit)


def _tells_body(short: str, long: str) -> bool:
    """The long form without its head noun: «الليكود» of «حزب الليكود», not «وزارة الخارجية» of one of many such."""
    head, *rest = long.split()
    return rest == short.split() and head in _KINDS


def _most(counts: Counter[str]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))


def _entity(root: _Group, forms: list[Form], all_forms: Sequence[Form], aliases: Aliases) -> GraphEntity:
    """`forms`: all that the entity goes by, those of the root among them."""
    own = _sum(all_forms[number].spellings for number in root.forms)
    spellings = _sum(form.spellings for form in forms)
    full = aliases.names[root.first] if root.first else _most(own) if own else root.place[1]
    name = full
    if not root.first:
        telling = [x for x in spellings if len(x.split()) > 1 or root.label not in BY_INCLUSION]
        # Of equally frequent ones the longest form's. The longest alone may be a slip of the tagger that added a word.
        name = min(telling, key=lambda x: (-spellings[x], x != full, -len(x), x), default=full)
    others = sorted((other for other in spellings if other != name), key=lambda other: (-spellings[other], other))
    keys = {alias for alias, first in aliases.groups.items() if first == root.first} if root.first else set()
    keys |= {form.key for form in forms} | {form_key(spelling) for spelling in spellings} | {form_key(full)}
    called = frozenset(short for form in forms for short in form.called)
    types = _sum(Counter({form.label: form.articles}) for form in forms)
    return GraphEntity(name, full, _most(types), tuple(others[:_MOST_NAMES]), frozenset(keys), called - keys)


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total
