"""The cue lexicon finds who stands where by word order. Every name is invented."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.cues import cue_stances, lexicon
from mawaqif.labels import LabelSet

TYPES = {
    "سامر الوراق": "PERS",
    "هالة البستاني": "PERS",
    "حزب النخيل": "ORG",
    "لجنة المياه": "ORG",
    "سلوانيا": "GPE",
    "تلال الغيم": "GPE",
    "بقانون الآبار": "LAW",
    "قانون الآبار": "LAW",
}


def article(text: str) -> Article:
    """The text with each known name as one mention of an entity of its own; the name is the entity's id."""
    mentions, entities = [], []
    for name, type_ in TYPES.items():
        spans = [found.span() for found in re.finditer(rf"(?<!\w){name}(?!\w)", text)]
        mentions += [{"start": start, "end": end, "type": type_, "entity": name} for start, end in spans]
        entities += [{"id": name, "type": type_, "name": name}] if spans else []
    mentions.sort(key=lambda mention: mention["start"])
    return Article.from_dict({"id": "a", "text": text, "mentions": mentions, "entities": entities})


def edges(text: str, labels: LabelSet) -> list[tuple[str, str, str]]:
    return [(s.holder, s.target, s.stance) for s in cue_stances(article(text), labels)]


@pytest.mark.parametrize(
    ("text", "holder", "target", "stance"),
    [
        ("أدان حزب النخيل قانون الآبار.", "حزب النخيل", "قانون الآبار", "against"),  # verb, subject, object
        ("حزب النخيل يدين قانون الآبار.", "حزب النخيل", "قانون الآبار", "against"),  # subject first
        ("وقال سامر الوراق إنه يرفض قانون الآبار.", "سامر الوراق", "قانون الآبار", "against"),  # subject far before
        (
            "ورحبت هالة البستاني بقانون الآبار.",
            "هالة البستاني",
            "بقانون الآبار",
            "favor",
        ),  # via ب
        ("التقى الوفد هالة البستاني، ورحب بقانون الآبار.", "هالة البستاني", "بقانون الآبار", "favor"),  # no subject
        ("إدانة سلوانيا لحكومة تلال الغيم.", "سلوانيا", "تلال الغيم", "against"),  # verbal noun
        ("قاتل حزب النخيل المدعوم من سلوانيا.", "سلوانيا", "حزب النخيل", "favor"),  # the holder behind
        ("قوات حزب النخيل الموالية لحكومة سلوانيا.", "حزب النخيل", "سلوانيا", "favor"),  # the target behind
        ("حزب النخيل لا يؤيد قانون الآبار.", "حزب النخيل", "قانون الآبار", "against"),  # negation turns it
        ("انتقد رئيس لجنة المياه سامر الوراق قانون الآبار.", "سامر الوراق", "قانون الآبار", "against"),  # the speaker
    ],
)
def test_word_order(labels: LabelSet, text: str, holder: str, target: str, stance: str) -> None:
    assert (holder, target, stance) in edges(text, labels)


@pytest.mark.parametrize(
    "text",
    [
        "زار سامر الوراق سلوانيا.",  # no cue
        "أدان سامر الوراق ما حدث.",  # no object
        "حزب النخيل. أدان المجلس قانون الآبار.",  # the holder in another sentence
        "قصف حزب النخيل سلوانيا.",  # a place is no party
    ],
)
def test_no_stance(labels: LabelSet, text: str) -> None:
    assert edges(text, labels) == []


def test_evidence_holds_the_cue_and_both_ends(labels: LabelSet) -> None:
    found = article("وفي المساء أدان حزب النخيل قانون الآبار بشدة.")
    stance = cue_stances(found, labels)[0]
    assert stance.evidence is not None
    assert found.surface(stance.evidence) == "أدان حزب النخيل قانون الآبار"
    assert stance.voice == "speech"


def test_the_lexicon_knows_inflected_forms() -> None:
    verbs, nouns, *_ = lexicon()
    for form in ("ادانت", "يدين", "سيدين", "يدينون", "رحبوا", "الغت", "تدعم"):
        assert form in verbs, form
    assert {"ادانه", "ادانت", "ترحيب"} <= nouns.keys()


@given(
    st.lists(st.sampled_from([*TYPES, "أدان", "يدعم", "رحبت", "المدعوم من", "لا", "ضد", ".", "في", "قصف"]), max_size=25)
)
def test_any_order_of_words_gives_a_valid_article(parts: Sequence[str]) -> None:
    found = article(" ".join(parts))
    stances = cue_stances(found, LabelSet.default())
    again = Article.from_dict({**found.to_dict(), "stances": [stance.model_dump() for stance in stances]})
    assert len({(s.holder, s.target) for s in again.stances}) == len(again.stances)
    assert all(s.holder != s.target for s in again.stances)
