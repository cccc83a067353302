"""The article survives a round trip with everything in it, and every break of the format names article and field."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mawaqif.article import AUTHOR, Article, Entity, Mention, Stance, article_schema, parse_object
from mawaqif.errors import ArticleError

TEXT = "رحبت نقابة الصيادين بقرار بلدية المرجان وانتقدت شركة الموج."


def record(**changes: Any) -> dict[str, Any]:
    """A small valid article: the guild favors the municipality and is against the company."""
    spans = {"e1": "نقابة الصيادين", "e2": "المرجان", "e3": "شركة الموج"}
    types = {"e1": "ORG", "e2": "GPE", "e3": "ORG"}
    return {
        "id": "a1",
        "text": TEXT,
        "mentions": [
            {"start": TEXT.index(s), "end": TEXT.index(s) + len(s), "type": types[e], "entity": e}
            for e, s in spans.items()
        ],
        "entities": [{"id": e, "type": types[e], "name": s} for e, s in spans.items()],
        "stances": [
            {"holder": "e1", "target": "e2", "stance": "favor", "voice": "speech", "evidence": [0, 39]},
            {"holder": "e1", "target": "e3", "stance": "against"},
        ],
        **changes,
    }


# --- round trip -----------------------------------------------------------------------------------------------------

characters = st.characters(exclude_categories=["Cs"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(characters),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(characters), inner, max_size=2),
    max_leaves=4,
)
scores = st.none() | st.floats(0, 1)
names = st.text(characters, min_size=1, max_size=4)


@st.composite
def articles(draw: st.DrawFn) -> Article:
    text = draw(st.text(characters, min_size=1, max_size=40))
    known = {*Article.model_fields, *Mention.model_fields, *Entity.model_fields, *Stance.model_fields}
    extra: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
        st.text(characters, max_size=5).filter(lambda k: k not in known), json_values, max_size=2
    )

    def span() -> tuple[int, int]:
        start = draw(st.integers(0, len(text) - 1))
        return start, draw(st.integers(start + 1, len(text)))

    ids = draw(st.lists(names.filter(lambda n: n != AUTHOR), max_size=4, unique=True))
    entities = [Entity(id=i, type=draw(names), name=draw(names), score=draw(scores), **draw(extra)) for i in ids]
    mentions = []
    named: st.SearchStrategy[Entity | None] = st.sampled_from([None, *entities])
    for entity in draw(st.lists(named, max_size=4)):
        start, end = span()
        kind, entity_id = (entity.type, entity.id) if entity else (draw(names), None)
        mentions.append(Mention(start=start, end=end, type=kind, entity=entity_id, score=draw(scores), **draw(extra)))
    pairs = [(h, t) for h in [AUTHOR, *ids] for t in ids if h != t]
    stances = [
        Stance(holder=h, target=t, stance=draw(names), evidence=span() if draw(st.booleans()) else None, **draw(extra))
        for h, t in (draw(st.lists(st.sampled_from(pairs), max_size=4, unique=True)) if pairs else [])
    ]
    title, date = draw(st.none() | names), draw(st.none() | names)
    parts: dict[str, Any] = {"mentions": mentions, "entities": entities, "stances": stances}
    return Article(id=draw(names), text=text, title=title, date=date, **parts, **draw(extra))


@settings(deadline=None, max_examples=100)
@given(articles())
def test_round_trip_keeps_everything(article: Article) -> None:
    line = article.to_json()
    assert "\n" not in line
    assert Article.from_json(line) == article
    assert Article.from_json(line.encode()).to_json() == line
    assert Article.from_dict(article.to_dict()) == article
    assert json.loads(line) == article.to_dict()


def test_unknown_fields_stay_where_they_were() -> None:
    data = record(url="https://example.org/1", paid=None, schema={"copy": [1, None]})
    data["mentions"][1]["note"] = "قرب الميناء"
    data["entities"][0]["wikidata"] = None
    data["stances"][0]["annotators"] = ["س", "ص"]
    assert Article.from_dict(data).to_dict() == data


def test_optional_fields_that_are_none_are_left_out_and_lists_never_are() -> None:
    assert Article(id="x", text="خبر قصير").to_json() == (
        '{"id": "x", "text": "خبر قصير", "mentions": [], "entities": [], "stances": []}'
    )


def test_nan_is_read_as_null() -> None:
    article = Article.from_json('{"id": "x", "text": "خبر", "title": NaN, "rank": NaN}')
    assert article.title is None
    assert '"rank": null' in article.to_json()


# --- ids --------------------------------------------------------------------------------------------------------------


def test_integer_ids_are_read_as_strings() -> None:
    article = Article.from_dict(
        {
            "id": 7,
            "text": "جزيرة",
            "entities": [{"id": 1, "type": "LOC", "name": "جزيرة"}],
            "mentions": [{"start": 0, "end": 5, "type": "LOC", "entity": 1}],
            "stances": [{"holder": AUTHOR, "target": 1, "stance": "favor"}],
        }
    )
    assert (article.id, article.mentions[0].entity, article.stances[0].target) == ("7", "1", "1")


@pytest.mark.parametrize("given_id", [{}, {"id": None}, {"id": ""}])
def test_default_id_is_for_data_without_id(given_id: dict[str, Any]) -> None:
    assert Article.from_dict({"text": "خبر", **given_id}, default_id="news:3").id == "news:3"
    assert Article.from_dict({"text": "خبر", "id": 0}, default_id="news:3").id == "0"
    with pytest.raises(ArticleError, match=r"id: (is missing|should)"):
        Article.from_dict({"text": "خبر", **given_id})


# --- faults ----------------------------------------------------------------------------------------------------------


def mention(**changes: Any) -> dict[str, Any]:
    return record(mentions=[{"start": 0, "end": 4, "type": "ORG", "entity": "e1", **changes}])


def stance(**changes: Any) -> dict[str, Any]:
    first, second = record()["stances"]
    return record(stances=[first, {**second, **changes}])


def entity(**changes: Any) -> dict[str, Any]:
    first, *others = record()["entities"]
    return record(entities=[first, {"id": "e9", "type": "ORG", "name": "س", **changes}, *others])


FAULTS = [
    (mention(end=len(TEXT) + 1), "mentions[0]", f"(0, {len(TEXT) + 1}) is no span of the text"),
    (mention(start=-1), "mentions[0]", "(-1, 4) is no span"),
    (mention(end=0), "mentions[0]", "(0, 0) is no span"),
    (mention(start=4, end=2), "mentions[0]", "(4, 2) is no span"),
    (mention(entity="e99"), "mentions[0].entity", "'e99' is no entity of this article; add the entity or correct"),
    (mention(type="PERS"), "mentions[0].type", "is 'PERS', but its entity 'e1' is 'ORG'"),
    (mention(start="قرب"), "mentions[0].start", "valid integer"),
    (mention(score=float("inf")), "mentions[0].score", "finite number"),
    (record(mentions=[{"offset": 3}]), "mentions[0].start", "is missing; the fields given are offset (and 2 more)"),
    (record(mentions=["الموج"]), "mentions[0]", "valid dictionary"),
    (record(mentions="الموج"), "mentions", "valid list"),
    (stance(holder="e99"), "stances[1].holder", "'e99' is no entity of this article; add the entity or correct"),
    (stance(target="e99"), "stances[1].target", "'e99' is no entity"),
    (stance(target=AUTHOR), "stances[1].target", "'AUTHOR' is no entity"),
    (stance(target="e1"), "stances[1].target", "'e1' is also the holder"),
    (stance(target="e2"), "stances[1]", "is a second stance of 'e1' toward 'e2'"),
    (stance(evidence=[0, 999]), "stances[1].evidence", "(0, 999) is no span"),
    (stance(evidence=[5, 5]), "stances[1].evidence", "(5, 5) is no span"),
    (stance(evidence="انتقدت"), "stances[1].evidence", "valid tuple"),
    (entity(id="e1"), "entities[1].id", "'e1' is already the id of another entity"),
    (entity(id=AUTHOR), "entities[1].id", "'AUTHOR' is reserved"),
    (entity(name=None), "entities[1].name", "valid string, not None"),
    (entity(name="سفينة\ud83d"), "entities[1].name", "lone surrogate U+D83D at offset 5"),
    (record(text="مرفأ \ud83d جديد"), "text", "lone surrogate U+D83D at offset 5: half of a character"),
    (record(text=None), "text", "valid string, not None"),
    (record(text=["خبر"]), "text", "valid string"),
    (record(note="\udc00"), "note", "lone surrogate"),
    (record(note=[float("nan")]), "note", "cannot be written as JSON"),
    (record(note=object()), "note", "cannot be written as JSON"),
]


@pytest.mark.parametrize(("data", "field", "reason"), FAULTS, ids=[f"{f}-{r[:20]}" for _, f, r in FAULTS])
def test_fault_names_article_field_and_reason(data: dict[str, Any], field: str, reason: str) -> None:
    for make in (Article.from_dict, Article.model_validate, lambda d: Article(**d)):
        with pytest.raises(ArticleError) as caught:
            make(data)
        assert caught.value.article_id == "a1"
        assert caught.value.field == field
        assert reason in caught.value.reason
        assert str(caught.value).startswith(f"article 'a1', {field}: ")
        str(caught.value).encode()


def test_fault_in_a_part_made_on_its_own() -> None:
    with pytest.raises(ArticleError, match=r"^start: should be a valid integer"):
        Mention(start="قرب", end=2, type="LOC")  # type: ignore[arg-type]


def test_missing_text_lists_the_fields_that_are_there() -> None:
    with pytest.raises(ArticleError, match="article 'x', text: is missing; the fields given are id, body"):
        Article.from_dict({"id": "x", "body": "خبر"})


@pytest.mark.parametrize("data", [None, 5, ["خبر"]])
def test_what_is_no_article_at_all(data: Any) -> None:
    with pytest.raises(ArticleError, match="valid dictionary"):
        Article.model_validate(data)


def test_nul_and_empty_text_are_text() -> None:
    assert Article(id="x", text="قبل\x00بعد").text == "قبل\x00بعد"
    assert Article(id="x", text="").text == ""


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"text": "\xff"}', r"byte 10 \(0xff\) is not UTF-8"),
        ("{", "is not a JSON object: .*one object on one line"),
        ("[" * 100_000, "is not a JSON object"),
        ('{"score": Infinity}', "Infinity is no JSON value"),
        ("[1]", "is a JSON list, not an object"),
        ('"خبر"', "is a JSON str, not an object"),
    ],
)
def test_what_is_no_json_object(raw: str | bytes, message: str) -> None:
    with pytest.raises(ArticleError, match=message):
        parse_object(raw)


# --- helpers ---------------------------------------------------------------------------------------------------------


def test_lookups() -> None:
    article = Article.from_dict(record())
    assert article.surface(article.mentions[0]) == article.entity("e1").name == "نقابة الصيادين"
    assert article.surface(article.stances[0].evidence or (0, 0)) == TEXT[:39]
    assert article.mentions_of("e2") == [article.mentions[1]]
    assert article.mentions_of("e99") == []
    assert article.name_of("e3") == "شركة الموج"
    assert article.name_of(AUTHOR) == AUTHOR
    with pytest.raises(ArticleError, match="'e99' is no entity"):
        article.name_of("e99")


def test_clean_copy_keeps_the_rest() -> None:
    article = Article.from_dict(record(title="الميناء", url="u"))
    assert article.clean() == Article.from_dict({"id": "a1", "text": TEXT, "title": "الميناء", "url": "u"})
    assert len(article.mentions) == 3


def test_articles_do_not_share_their_lists() -> None:
    Article(id="x", text="خبر").mentions.append(Mention(start=0, end=1, type="LOC"))
    assert Article(id="y", text="خبر").mentions == []


def test_checked_in_schema_is_current() -> None:
    path = Path(__file__).parent.parent / "docs" / "article.schema.json"
    current = json.dumps(article_schema(), ensure_ascii=False, indent=2)
    assert path.read_text(encoding="utf-8") == current + "\n", (
        "write it again: python -c 'import json, mawaqif.article as a; "
        f"print(json.dumps(a.article_schema(), ensure_ascii=False, indent=2))' > {path}"
    )
