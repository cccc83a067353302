"""Names of one thing become one entity, names of two do not, and the order of the articles changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.errors import ConfigError
from mawaqif.inference.graph.build import Graph, build
from mawaqif.inference.graph.merging import GraphEntity, merge
from mawaqif.inference.graph.names import Aliases, Names, form_key, read_aliases
from mawaqif.labels import LabelSet

from .conftest import Read, Tell

DAM = "ISSUE سد الزمرد"


def merged(articles: list[Article], labels: LabelSet, aliases: Aliases) -> dict[str, GraphEntity]:
    """Every entity of some articles by each of its spellings."""
    names = Names(labels)
    for article in articles:
        names.add(article)
    found = merge(names.forms, aliases)
    return {
        spelling: found.entities[n]
        for form, n in zip(names.forms, found.of_form, strict=True)
        for spelling in form.spellings
    }


@pytest.fixture
def one(tell: Tell, labels: LabelSet, aliases: Aliases) -> Any:
    """Whether the first two names are one entity, in a corpus with an article for each string of entities."""

    def check(*articles: str) -> bool:
        told = [tell(f"a{n}", [], others=text.split(" + ")) for n, text in enumerate(articles)]
        found = merged(told, labels, aliases)
        first, second = (text.split(" + ")[0].partition(" ")[2].split("|")[0] for text in articles[:2])
        return found[first] == found[second]

    return check


def test_a_body_of_every_state_is_that_of_the_state_the_article_is_about(
    tell: Tell, labels: LabelSet, aliases: Aliases
) -> None:
    told = [
        tell("a0", [], others=["ORG الحكومة السورية", "GPE روسيا"]),
        tell("a1", [], others=["ORG حكومة سوريا"]),
        tell("a2", [], others=["ORG الحكومة", "GPE سورية", "GPE دمشق", "GPE واحة الريم"]),
        tell("a3", [], others=["ORG الحكومة", "GPE أمريكا", "NORP الجيش الأميركي"]),
        tell("a4", [], others=["ORG الحكومة", "GPE سوريا", "GPE دمشق", "GPE روسيا"]),
        tell("a5", [], others=["ORG حكومة الوفاق", "GPE سوريا", "GPE دمشق"]),
        tell("a6", [], others=["ORG الحكومة", "GPE الأردن"]),
    ]
    found = merged(told, labels, aliases)
    syrian = found["الحكومة السورية"]
    assert found["حكومة سوريا"] == found["الحكومة (سوريا)"] == syrian
    assert found["الحكومة (الولايات المتحدة)"] not in (syrian, found["الحكومة"])
    assert found["الحكومة"] not in (syrian, found["حكومة الوفاق"])
    assert "الحكومة (الأردن)" not in found  # named once only


def test_a_body_is_asked_for_by_any_of_its_names(tell: Tell, labels: LabelSet, aliases: Aliases) -> None:
    told = [tell("a0", [], others=["ORG الحكومة السورية"]), tell("a1", [], others=["ORG حكومة سوريا"])]
    keys = merged(told, labels, aliases)["حكومة سوريا"].keys
    assert {form_key("الحكومة السورية"), form_key("حكومة سوريا")} <= keys


@pytest.mark.parametrize(
    "articles",
    [
        ("ORG إتحاد القُرى", "ORG اتحاد القرى"),
        ("ORG هيئة المياه", "ORG الهيئه المياة"),
        ("PERS عبد الله الوراق", "PERS عبدالله الوراق"),
        ("PERS كمال سانتارو", "PERS كمال سانترو"),
        ("GPE أبو السرو", "GPE أبوالسرو"),
        ("LAW الاتفاق الأميركي", "LAW الإتفاق الأمريكي"),
        ("GPE القرية", "LOC القريه"),  # the type is only a judgement
        ("ORG قصر السرو", "FAC قصر السروْ"),
        ("GPE القرية", "ORG القريه", *["GPE القرية"] * 10),  # and this one a slip
        ("NORP السلوانيون", "NORP الشعب السلواني"),
        ("GPE الولايات المتحدة", "GPE أمريكا"),
        ("PERS الوراق", "PERS سامر الوراق"),
        ("PERS سامر الوراق", "PERS سامر نعيم الوراق"),
        ("PERS نعيم الوراق", "PERS محمد نعيم الوراق"),
        ("PERS نعيم بن سامر", "PERS نعيم بن سامر آل وراق"),
        ("PERS الوراق", "PERS سامر الوراق|الوراق", "PERS سامر الوراق|الوراق", "PERS هالة الوراق"),
        ("ORG الشعلة", "ORG حزب الشعلة"),
        ("ORG مقاومة الوادي", "ORG مقاومة الوادي السلوانية|مقاومة الوادي", "ORG مقاومة الوادي السلوانية|مقاومة الوادي"),
    ],
)
def test_one_entity(one: Any, articles: tuple[str, ...]) -> None:
    assert one(*articles)


@pytest.mark.parametrize(
    "articles",
    [
        ("PERS سامر", "PERS سامر الوراق"),  # a first name is anybody's
        ("PERS سلمان", "PERS كمال بن سلمان"),  # the father's name is not the son's
        ("PERS آدم نعيم", "PERS هالة آدم نعيم"),  # nor is the daughter's
        ("PERS الوراق", "PERS سامر الوراق", "PERS هالة الوراق"),
        ("PERS الوراق", "PERS سامر الوراق|الوراق", "PERS هالة الوراق|الوراق"),
        ("PERS الوراق", "PERS سامر الوراق", "PERS سامر الوراق + PERS الوراق"),  # an article knows both
        ("PERS سالم نعيم", "PERS سليم نعيم"),
        ("PERS كمال حسن", "PERS كمال حسان"),
        ("ORG الوراق", "PERS سامر الوراق"),
        ("GPE القرية", "ORG القريه"),  # a town and its newspaper
        ("ORG وزارة الطرق", "ORG وزارة الطرق السلوانية"),  # each state has one
        ("ORG وزارة الطرق", "ORG وزارة الطرق السلوانية|وزارة الطرق"),
        ("FAC ميناء الرمل", "FAC شارع ميناء الرمل"),
        ("GPE سلوانيا", "GPE سلوانيا الشمالية"),
        ("ISSUE السد", "ISSUE سد الزمرد"),
        ("ISSUE السد", "FAC السدّ"),
        ("ACTOR القرية", "GPE القريه"),
        ("GPE سلوانيا", "NORP السلوانيون"),
    ],
)
def test_two_entities(one: Any, articles: tuple[str, ...]) -> None:
    assert not one(*articles)


def test_the_type_is_that_of_most_articles(tell: Tell, labels: LabelSet, aliases: Aliases) -> None:
    told = [tell(f"a{n}", [], others=[f"{label} القرية"]) for n, label in enumerate(["LOC", "GPE", "GPE"])]
    assert merged(told, labels, aliases)["القرية"].type == "GPE"


@pytest.mark.parametrize(
    ("city", "state", "name"),
    [("برلين", "ألمانيا", "ألمانيا"), ("مسقط", "سلطنة عمان", "عمان")],  # that has aliases, of which the first names it
)
def test_a_capital_that_acts_is_its_state_and_a_place_is_not(
    city: str, state: str, name: str, labels: LabelSet, aliases: Aliases
) -> None:
    def article(id: str, text: str) -> Article:
        start = text.index(city)
        mention = {"start": start, "end": start + len(city), "type": "GPE", "entity": "e1"}
        dam = {"start": 0, "end": 4, "type": "ISSUE", "entity": "e2"}
        entities = [{"id": "e1", "type": "GPE", "name": city}, {"id": "e2", "type": "ISSUE", "name": "رفضت"}]
        stances = [{"holder": "e1", "target": "e2", "stance": "against"}]
        return Article.from_dict(
            {"id": id, "text": text, "mentions": [mention, dam], "entities": entities, "stances": stances}
        )

    names = Names(labels)
    acts = names.add(article("a1", f"رفضت {city} السد"))["e1"]
    place = names.add(article("a2", f"رفضت لجنة في {city} السد"))["e1"]
    assert list(names.forms[acts].spellings) == [state]
    found = merge(names.forms, aliases)
    assert found.entities[found.of_form[place]].name == city
    assert found.entities[found.of_form[acts]].name == name


def test_the_name_is_what_most_articles_say_not_a_longer_slip(tell: Tell, labels: LabelSet, aliases: Aliases) -> None:
    told = [tell(f"a{n}", [], others=[f"PERS {name}"]) for n, name in enumerate(["الوراق", "الوراق", "الوراق"])]
    told += [tell(f"b{n}", [], others=["PERS سامر الوراق|الوراق"]) for n in range(2)]
    told += [tell("c", [], others=["PERS سامر الوراق في السرو"])]
    found = merged(told, labels, aliases)["الوراق"]
    assert (found.name, found.full) == ("سامر الوراق", "سامر الوراق في السرو")
    assert found.others == ("الوراق", "سامر الوراق في السرو")


# -------------------------------------------------------------------------------------------------------- own aliases


def test_own_aliases_lie_over_the_shipped_ones(tell: Tell, labels: LabelSet, tmp_path: Path) -> None:
    path = tmp_path / "aliases.yaml"
    path.write_text("- [سامر الوراق, أبو نعيم]\n- [جبهة السرو, أنصار الله]\n- [أمريكا, العم سام]\n", encoding="utf-8")
    names = [
        "PERS أبو نعيم",
        "PERS سامر الوراق",
        "ORG أنصار الله",
        "ORG جبهة السرو",
        "ORG جماعة الحوثي",
        "GPE العم سام",
    ]
    found = merged([tell("a", [], others=[*names, "GPE الولايات المتحدة"])], labels, read_aliases(path))
    assert found["أبو نعيم"] == found["سامر الوراق"]
    assert found["أبو نعيم"].name == "سامر الوراق"
    assert found["أنصار الله"] == found["جبهة السرو"] != found["جماعة الحوثي"]
    assert found["العم سام"] == found["الولايات المتحدة"]


@pytest.mark.parametrize(
    ("text", "match"),
    [("a: b", "must be a list of groups"), ("- [a, 1]", "group 1 must be a list of names"), ("- [", "cannot be read")],
)
def test_a_wrong_alias_file_is_told(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "aliases.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=match):
        read_aliases(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_aliases(tmp_path / "none.yaml")


# --------------------------------------------------------------------------------------------------------- properties

FIRST, FATHER, LAST = ("سامر", "هالة", "محمد"), ("", "نعيم", "بن كمال"), ("", "الوراق", "الورّاق", "سانتارو", "سانترو")
BODIES = ("حزب النخيل", "النخيل", "حزب النخيل الأخضر", "وزارة الطرق", "وزارة الطرق السلوانية", "جبهة النخيل", "داعش")


@st.composite
def entities(draw: st.DrawFn) -> str:
    label = draw(st.sampled_from(["PERS", "PERS", "ORG", "GPE", "NORP", "ISSUE", "ACTOR"]))
    if label == "PERS":
        parts = [draw(st.sampled_from(part)) for part in (FIRST, FATHER, LAST)]
        name = " ".join(filter(None, parts[draw(st.integers(0, 2)) :])) or "سامر"
        words = name.split()
        return f"PERS {name}" + (f"|{words[-1]}" if draw(st.booleans()) else "")
    if label == "ORG":
        name = draw(st.sampled_from(BODIES))
        return f"ORG {name}" + (f"|{' '.join(name.split()[:2])}" if draw(st.booleans()) else "")
    return f"{label} " + draw(
        st.sampled_from(["سلوانيا", "السلوانيون", "الشعب السلواني", "القرية", "إيران", "السد", "النخيل"])
    )


@st.composite
def corpora(draw: st.DrawFn, tell: Tell) -> list[Article]:
    articles = []
    for number in range(draw(st.integers(1, 6))):
        names = draw(st.lists(entities(), min_size=2, max_size=5, unique_by=lambda name: name.split("|")[0]))
        pairs = [(a, b) for a in names for b in names if a != b]
        chosen = draw(st.lists(st.sampled_from(pairs), max_size=4, unique=True))
        stances = [(a, draw(st.sampled_from(["favor", "against"])), b) for a, b in chosen]
        day = draw(st.sampled_from(["2031-03-12", "2031-04-01", "2031", None]))
        articles.append(tell(f"a{number}", stances, others=names, date=day))
    return articles


def shown(graph: Graph) -> Any:
    """All that a graph says, without the places of the entities."""
    names = [(entity.name, entity.type) for entity in graph.entities]
    edges = {
        (names[edge.holder], names[edge.target]): (
            edge.stances,
            edge.articles,
            edge.months,
            edge.undated,
            edge.evidence,
        )
        for edge in graph.edges
    }
    assert len(edges) == len(graph.edges)
    return sorted((entity.name, entity.type, entity.others) for entity in graph.entities), edges


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_order_and_merging_twice_change_nothing_and_no_stance_is_lost(
    data: st.DataObject, tell: Tell, read: Read
) -> None:
    articles = data.draw(corpora(tell))
    with read(articles) as corpus:
        graph = build(corpus)
    assert graph.stances == sum(len(article.stances) for article in articles)
    assert sum(sum(edge.months.values()) + edge.undated for edge in graph.edges) == graph.stances
    assert sum(edge.voices.total() for edge in graph.edges) == graph.stances
    with read(data.draw(st.permutations(articles))) as corpus:
        assert shown(build(corpus)) == shown(graph)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_merging_is_idempotent(data: st.DataObject, tell: Tell, labels: LabelSet, aliases: Aliases) -> None:
    articles = data.draw(corpora(tell))
    names = Names(labels)
    places = [names.add(article) for article in articles]
    first = merge(names.forms, aliases)
    for article, found in zip(articles, places, strict=True):
        for entity in article.entities:
            known = first.entities[first.of_form[found[entity.id]]]
            entity.name, entity.type = known.full, known.type
            for mention in article.mentions_of(entity.id):
                mention.type = known.type
    again = Names(labels)
    places_again = [again.add(article) for article in articles]
    second = merge(again.forms, aliases)
    pairs = {
        (first.of_form[one[entity.id]], second.of_form[two[entity.id]])
        for article, one, two in zip(articles, places, places_again, strict=True)
        for entity in article.entities
    }
    assert len(pairs) == len({before for before, _ in pairs}) == len({after for _, after in pairs})
    for before, after in pairs:
        assert first.entities[before].full == second.entities[after].full
