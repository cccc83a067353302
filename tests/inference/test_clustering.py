"""Mentions that name the same thing share one entity, and no two types are ever mixed."""

from __future__ import annotations

from importlib.resources import files

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.inference.clustering import aliases, capitals, cluster, name_key, whole_names
from mawaqif.text import words


def tag(text: str, *names: tuple[str, str]) -> Article:
    """The article whose mentions are these (surface, type), each the next one in the text."""
    spans, place = [], 0
    for surface, label in names:
        place = text.index(surface, place)
        spans.append((place, place + len(surface), label, 0.9))
        place += len(surface)
    mentions, entities = cluster(text, spans)
    return Article(id="a", text=text, mentions=mentions, entities=entities)


def groups(article: Article) -> list[int]:
    """The number of the entity of each mention, in text order."""
    order = [entity.id for entity in article.entities]
    return [order.index(mention.entity) for mention in article.mentions if mention.entity]


def test_attached_clitics_do_not_part_a_name() -> None:
    article = tag(
        "زار الوفد السعودية ثم عاد، وللسعودية حدود طويلة، والسعودية بلد كبير.",
        ("السعودية", "GPE"),
        ("وللسعودية", "GPE"),
        ("والسعودية", "GPE"),
    )
    assert groups(article) == [0, 0, 0]
    assert article.entities[0].name == "السعودية"


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("رفضت طهران العرض، وقالت إيران إنه ناقص.", True),
        ("قالت إيران إن العرض ناقص، وأكدت أن طهران لن تقبله.", True),
        ("قالت إيران ذلك في بيان صدر في طهران.", False),
        ("قالت إيران ذلك، ثم عاد الوفد إلى العاصمة طهران.", False),
        ("قالت إيران ذلك، وعقد اللقاء بطهران.", False),
        ("طهران: قالت إيران إن العرض ناقص.", False),
        ("طهران ترفض العرض الذي قدم إلى إيران.", True),
        ("قالت إيران ذلك للجماعات المدعومة من طهران.", True),
        ("طالب الوفد إيران بالرد، ثم غادر العاصمة الإيرانية، طهران.", False),
        ("قبيل اللقاء طهران، إيران (وكالات)", False),
        ("بيروت: رفض لبنان العرض.", False),
        ("رفض لبنان العرض، وأكدت بيروت أنه ناقص.", True),
        ("رفض لبنان العرض، وتصر بيروت على غيره.", True),
        ("رفض لبنان العرض، وهذه أسماء أهم فنادق بيروت.", False),
    ],
)
def test_a_capital_that_acts_is_its_state(text: str, merged: bool) -> None:
    state, capital = ("لبنان", "بيروت") if "بيروت" in text else ("إيران", "طهران")
    names = sorted(
        [state, f"ب{capital}" if f"ب{capital}" in text else capital], key=lambda name: f" {text}".index(f" {name}")
    )
    article = tag(text, *[(name, "GPE") for name in names])
    assert groups(article) == ([0, 0] if merged else [0, 1])


def test_a_people_is_one_under_its_forms() -> None:
    names = ["الشعب اليمني", "اليمنيون", "اليمنيين", "يمنيا"]
    article = tag(" ثم ".join(names), *[(name, "NORP") for name in names])
    assert groups(article) == [0, 0, 0, 0]


def test_names_between_the_first_and_the_last_may_be_left_out() -> None:
    names = ["سالم بن غازي الهاشمي", "سالم الهاشمي", "سالم الدباغ"]
    article = tag(" ثم ".join(names), *[(name, "PERS") for name in names])
    assert groups(article) == [0, 0, 1]


def test_the_capitals_are_well_formed() -> None:
    states, places, cities, acts = capitals()
    assert len(states) > 20
    assert all(key and state and key != state for key, state in states.items())
    assert "في" in places
    assert cities < states.keys()
    assert not places & acts


@pytest.mark.parametrize(
    ("label", "names", "expected"),
    [
        ("FAC", ["السفارة النورية", "سفارة نوريا", "سفارة سدرستان"], [0, 0, 1]),
        ("ORG", ["الشرطة النورية الاتحادية", "الشرطة الاتحادية النورية"], [0, 0]),
        ("ORG", ["المجلس الوطني النوري", "المجلس النوري", "الحزب النوري"], [0, 0, 1]),
        ("ORG", ["القوات الجوية النورية", "القوات النورية"], [0, 1]),
        ("ORG", ["القوات المسلحة النورية", "الجيش النوري", "برلمان نوريا", "مجلس النواب النوري"], [0, 0, 1, 1]),
        ("ORG", ["قوات التحالف", "التحالف"], [0, 0]),
        ("ORG", ["الحكومة النورية", "السلطات النورية", "حكومة سدرستان"], [0, 1, 2]),
        ("ISSUE", ["خطة الإصلاح", "هذه الخطة", "الخطة الإصلاحية الجديدة", "مشروع الخطة"], [0, 0, 0, 0]),
        ("ISSUE", ["رفع الرسوم", "الرسوم"], [0, 1]),
        ("ACTOR", ["المحتجين", "محتجين غاضبين", "نواب"], [0, 0, 1]),
        ("GPE", ["نوريا", "الدولة النورية", "دولة سدرستان"], [0, 0, 1]),
        ("LOC", ["نهر الزاب", "الزاب", "الزاب الأعلى"], [0, 0, 0]),
        ("PERS", ["أندرو برونسون", "برنسون", "جوزيف برانسون", "أندريو برونسون"], [0, 0, 1, 0]),
        ("PERS", ["محمد الهاشمي", "محمود الهاشمي", "حسني", "حسين"], [0, 1, 2, 3]),
    ],
)
def test_what_is_called_by_some_of_the_same_words_is_one(label: str, names: list[str], expected: list[int]) -> None:
    assert groups(tag(" ثم ".join(names), *[(name, label) for name in names])) == expected


def test_a_letter_that_other_mentions_keep_is_part_of_the_name() -> None:
    article = tag("وصل الضيف إلى بغداد، وفي بغداد أقام، ثم غادر بغداد.", *[("بغداد", "GPE")] * 3)
    assert groups(article) == [0, 0, 0]
    assert article.entities[0].name == "بغداد"


@pytest.mark.parametrize(
    ("text", "names", "name"),
    [
        ("رفضت طهران العرض، ثم رفضته طهران.", ["طهران", "طهران"], "إيران"),
        ("رفضت أنقرة العرض، وقالت تركيا إنه ناقص.", ["أنقرة", "تركيا"], "تركيا"),
        ("وصل الوفد إلى طهران.", ["طهران"], "طهران"),
    ],
)
def test_a_capital_is_no_name_of_its_state(text: str, names: list[str], name: str) -> None:
    assert [entity.name for entity in tag(text, *[(surface, "GPE") for surface in names]).entities] == [name]


@pytest.mark.parametrize(
    ("surface", "label", "name"),
    [
        ("للنوريين", "NORP", "النوريون"),
        ("النوريين", "ORG", "النوريون"),
        ("النوريين", "ISSUE", "النوريين"),
        ("الشعب النوري", "NORP", "الشعب النوري"),
        ("ملايين", "NORP", "ملايين"),
    ],
)
def test_people_are_named_in_the_nominative(surface: str, label: str, name: str) -> None:
    assert [entity.name for entity in tag(f"قال هذا {surface} امس", (surface, label)).entities] == [name]


@pytest.mark.parametrize(
    ("surface", "label", "name"),
    [
        ("وليام", "PERS", "وليام"),  # «يام» is rarer
        ("بطهران", "GPE", "طهران"),  # «بطهران» is rarer
        ("بنواكشوط", "GPE", "نواكشوط"),  # «بنواكشوط» is no word of the list
        ("بغداد", "GPE", "بغداد"),  # «غداد» is no word of the list
        ("كوفي", "PERS", "كوفي"),  # «وفي» is more frequent, but of persons that says nothing
        ("وسام", "PERS", "وسام"),  # alike
        ("فيحلم", "ISSUE", "فيحلم"),  # no reading is in the list
    ],
)
def test_how_usual_words_are_tells_whether_the_first_letter_is_attached(surface: str, label: str, name: str) -> None:
    usual = [
        "في",
        "وفي",
        "طهران",
        "نواكشوط",
        "سام",
        "وليام",
        "وسام",
        "يام",
        "بغداد",
        "حزب",
        "كوفي",
        *"ابتثجحخدر",
        "بطهران",
    ]
    ranks = {word: rank for rank, word in enumerate(usual, start=1)}
    _, [entity] = cluster(f"زار {surface} امس", [(4, 4 + len(surface), label, 0.9)], lambda word: ranks.get(word, 0))
    assert entity.name == name


@pytest.mark.parametrize(
    ("first", "second"),
    [("أنور الريحاني", "انور الريحاني"), ("إدلب", "ادلب"), ("آمنة", "امنة"), ("مُنى", "مني"), ("هـــاني", "هاني")],
)
def test_spelling_variants_are_one_name(first: str, second: str) -> None:
    article = tag(f"قال {first} هذا، ثم قال {second} ذاك.", (first, "PERS"), (second, "PERS"))
    assert groups(article) == [0, 0]


def test_a_short_person_name_joins_the_nearest_full_name_before_it() -> None:
    article = tag(
        "تحدث سليم النوري أولا، ثم تحدثت هالة النوري، وختمت النوري كلمتها.",
        ("سليم النوري", "PERS"),
        ("هالة النوري", "PERS"),
        ("النوري", "PERS"),
    )
    assert groups(article) == [0, 1, 1]
    assert [entity.name for entity in article.entities] == ["سليم النوري", "هالة النوري"]


def test_a_short_person_name_before_every_full_one_joins_the_first() -> None:
    article = tag(
        "رد النوري على السؤال. وكان سليم النوري قد حضر قبل هالة النوري.",
        ("النوري", "PERS"),
        ("سليم النوري", "PERS"),
        ("هالة النوري", "PERS"),
    )
    assert groups(article) == [0, 0, 1]


def test_part_of_a_word_is_no_short_name() -> None:
    article = tag("التقى سليم النوريين بصديقه نور.", ("سليم النوريين", "PERS"), ("نور", "PERS"))
    assert groups(article) == [0, 1]


def test_a_short_name_of_a_body_joins_the_long_one() -> None:
    article = tag(
        "أعلن حزب النخيل الوطني موقفه، وقال النخيل إنه ثابت.", ("حزب النخيل الوطني", "ORG"), ("النخيل", "ORG")
    )
    assert groups(article) == [0, 0]
    assert article.entities[0].name == "حزب النخيل الوطني"


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("وكالة الأنباء النورية (ونا) نقلت ذلك، ونفته ونا.", True),
        ("وكالة الأنباء النورية «ونا» نقلت ذلك، ونفته ونا.", True),
        ('وكالة الأنباء النورية "ونا" نقلت ذلك، ونفته ونا.', True),
        ("وكالة الأنباء النورية وونا نقلتا ذلك، ونفته ونا.", False),
        ("وكالة الأنباء النورية (ونا وغيرها) نقلت ذلك، ونفته ونا.", False),
        ("وكالة الأنباء النورية («ونا» وغيرها) نقلت ذلك، ونفته ونا.", False),
    ],
)
def test_a_name_in_brackets_right_after_a_body_is_its_other_name(text: str, joined: bool) -> None:
    article = tag(text, ("وكالة الأنباء النورية", "ORG"), ("ونا", "ORG"), ("ونا", "ORG"))
    assert groups(article) == ([0, 0, 0] if joined else [0, 1, 1])
    assert article.entities[0].name == "وكالة الأنباء النورية"


@pytest.mark.parametrize(
    ("names", "label"), [(["مجلس الأمن", "الأمم المتحدة"], "ORG"), (["سليم الوراق", "هادي الصباغ"], "PERS")]
)
def test_brackets_join_neither_two_known_bodies_nor_persons(names: list[str], label: str) -> None:
    article = tag("{} ({})".format(*names), *[(name, label) for name in names])
    assert groups(article) == [0, 1]


def test_what_a_body_calls_itself_may_change() -> None:
    names = ["جماعة السنديان", "حركة السنديان", "مليشيات السنديان", "ميليشيا السنديان", "حزب السنديان"]
    assert groups(tag(" ثم ".join(names), *[(name, "ORG") for name in names])) == [0, 0, 0, 0, 1]
    assert groups(tag("حركة ثم جماعة", ("حركة", "ORG"), ("جماعة", "ORG"))) == [0, 1]
    assert groups(tag("حركة السنديان ثم السنديان", ("حركة السنديان", "LOC"), ("السنديان", "LOC"))) == [0, 1]


def test_a_known_body_in_the_middle_of_a_longer_name_stays_its_own() -> None:
    names = ["لجنة الأمم المتحدة للرصد", "الأمم المتحدة"]
    article = tag(" ثم ".join(names), *[(name, "ORG") for name in names])
    assert groups(article) == [0, 1]


def test_a_hashtag_inside_a_name_does_not_part_it() -> None:
    text = "قال سليم #الوراق و#ليلى عن لـ«الخطة»"
    spans = [(4, 10, "PERS", 0.9), (10, 16, "PERS", 0.7), (19, 23, "PERS", 0.8), (27, 29, "ISSUE", 0.4)]
    assert [text[start:end] for start, end, *_ in spans] == ["سليم #", "الوراق", "ليلى", "لـ"]
    assert whole_names(text, spans) == [(4, 16, "PERS", 0.7), (19, 23, "PERS", 0.8)]
    two_types = [(4, 10, "PERS", 0.9), (10, 16, "ORG", 0.7)]
    assert whole_names(text, two_types) == two_types


@pytest.mark.parametrize(
    ("text", "found", "whole"),
    [
        ("نفذوا القرار رقم (17) أمس", "القرار رقم (17", "القرار رقم (17)"),
        ("قصفوا مستشفى «الحياة»", "مستشفى «الحياة", "مستشفى «الحياة»"),
        ('رفضوا "مبادرة السلام" أمس', "مبادرة السلام", "مبادرة السلام"),
        ('تنظيم "الراية" و"البيان"', 'تنظيم "الراية" و"البيان', 'تنظيم "الراية" و"البيان"'),
        ("القرار (17 الأخير)", "القرار (17", "القرار (17"),
        ("نداء «الساحل", "نداء «الساحل", "نداء «الساحل"),
    ],
)
def test_a_name_goes_on_to_the_mark_that_closes_what_it_opens(text: str, found: str, whole: str) -> None:
    start = text.index(found)
    assert [text[a:b] for a, b, *_ in whole_names(text, [(start, start + len(found), "LAW", 0.9)])] == [whole]


def test_a_place_inside_a_longer_place_stays_its_own() -> None:
    article = tag("سافر من طرابلس الغرب إلى طرابلس.", ("طرابلس الغرب", "GPE"), ("طرابلس", "GPE"))
    assert groups(article) == [0, 1]


def test_aliases_join_what_spelling_does_not_show() -> None:
    article = tag(
        "دعت الأمم المتحدة إلى الحوار، ورحبت منظمة الأمم المتحدة.",
        ("الأمم المتحدة", "ORG"),
        ("منظمة الأمم المتحدة", "ORG"),
    )
    assert groups(article) == [0, 0]
    article = tag("ردت أميركا، وقالت الولايات المتحدة إنها مستعدة.", ("أميركا", "GPE"), ("الولايات المتحدة", "GPE"))
    assert groups(article) == [0, 0]


def test_types_are_never_mixed() -> None:
    article = tag("زار الأردن، ثم أعلن الأردن موقفه.", ("الأردن", "LOC"), ("الأردن", "GPE"))
    assert groups(article) == [0, 1]
    article = tag("مدرسة سليم النوري في الحي، وقال النوري ذلك.", ("سليم النوري", "FAC"), ("النوري", "PERS"))
    assert groups(article) == [0, 1]


def test_the_name_is_the_longest_form_without_clitic_on_one_line() -> None:
    article = tag("قال النوري ولسليم\n النوري رأي.", ("النوري", "PERS"), ("ولسليم\n النوري", "PERS"))
    assert [entity.name for entity in article.entities] == ["سليم النوري"]


def test_scores_and_spans_are_kept() -> None:
    mentions, _ = cluster("هند وسامر", [(0, 3, "PERS", 0.123456), (4, 9, "PERS", 0.5)])
    assert [(m.start, m.end, m.type, m.score) for m in mentions] == [(0, 3, "PERS", 0.1235), (4, 9, "PERS", 0.5)]


def test_no_mention_no_entity() -> None:
    assert cluster("لا شيء هنا", []) == ([], [])


NAMES = ["سليم", "النوري", "والنوري", "هالة النوري", "حزب النخيل", "للنخيل", "أمريكا", "المملكة", "!", "🙂", "ـ", "x"]
FRAGMENTS = st.one_of(st.sampled_from(NAMES), st.text("سلوفبكا أإىي ًـ\u200f\n\"'a1🙂", min_size=1, max_size=8))


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_every_mention_gets_one_entity_of_its_type(data: st.DataObject) -> None:
    text = " ".join(data.draw(st.lists(FRAGMENTS, max_size=12)))
    spans, after = [], 0
    for start, end in words(text):
        if start >= after and data.draw(st.booleans()):
            longer = [e for s, e in words(text) if e >= end][: data.draw(st.integers(1, 3))]
            after = longer[-1]
            spans.append((start, after, data.draw(st.sampled_from(["PERS", "ORG", "GPE", "ISSUE"])), 0.5))
    mentions, entities = cluster(text, spans)
    assert [(m.start, m.end, m.type, m.score) for m in mentions] == spans
    article = Article(id="a", text=text, mentions=mentions, entities=entities)  # checks ids and types
    assert all(article.mentions_of(entity.id) for entity in entities)
    assert all(mention.entity for mention in mentions)
    assert all(entity.name.strip() for entity in entities)
    assert (mentions, entities) == cluster(text, spans)


def test_the_alias_table_is_well_formed() -> None:
    table = yaml.safe_load((files("mawaqif.configs") / "aliases.yaml").read_text(encoding="utf-8"))
    assert all(isinstance(group, list) and len(group) > 1 for group in table)
    assert all(isinstance(name, str) and name.strip() == name != "" for group in table for name in group)
    seen: dict[str, int] = {}
    for number, group in enumerate(table):
        for name in group:
            assert seen.setdefault(name_key(name), number) == number, f"{name} is in two groups"
    assert set(aliases()) == set(seen)
