"""Perturbed gold is still gold: every span is valid and every mention still names its entity."""

import random
import re
from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.eval import evaluate
from mawaqif.eval.edits import Edit, apply_edits
from mawaqif.eval.perturb import PERTURBATIONS, perturb
from mawaqif.eval.robustness import render_robustness, robustness
from mawaqif.labels import LabelSet
from mawaqif.tables import read_table
from mawaqif.text import fold, words

LABELS = LabelSet.default()
NAMES = {
    "ORG": ["حزب النخيل الأخضر", "«المنارة»", "اتحاد الصيادين"],
    "PERS": ["سامر أبو الوراق", "هالة البستاني", "الزيتوني"],
    "GPE": ["سلوانيا", "واحة الريم", "أبو سرو"],
    "ISSUE": ["رفع الرسوم", "إغلاق السوق"],
}
GLUE = ["قال ", "و ", "و", "ل", "في ", "هو ", "، ", " 35% ", ".\n", '"', "»", "وقالت إنها ترفض بشدة ", " إلى أن "]


@st.composite
def articles(draw):
    """Text of names and what stands between them; some names carry a proclitic, quotes lie inside and outside."""
    text, mentions, entities = "", [], {}
    for _ in range(draw(st.integers(1, 8))):
        text += "".join(draw(st.lists(st.sampled_from(GLUE), max_size=4))).rstrip("و") + " "
        kind = draw(st.sampled_from(sorted(NAMES)))
        name = draw(st.sampled_from(NAMES[kind]))
        clitic = draw(st.sampled_from(["", "", "و", "ل", "ب"]))
        surface = f"لل{name[2:]}" if clitic == "ل" and name.startswith("ال") else clitic + name
        key = f"{kind}-{name}"
        entities[key] = {"id": key, "type": kind, "name": name.strip("«»")}
        mentions.append({"start": len(text), "end": len(text) + len(surface), "type": kind, "entity": key})
        text += surface + draw(st.sampled_from([" ", ". ", "\n", "، و ", "» "]))
    ends = list(entities)
    stances = []
    if len(ends) > 1:
        first, last = mentions[0], mentions[-1]
        stances = [{"holder": ends[0], "target": ends[1], "stance": "favor", "evidence": (first["start"], last["end"])}]
    return Article.from_dict(
        {"id": "a1", "text": text, "mentions": mentions, "entities": list(entities.values()), "stances": stances}
    )


SPELLED_ALIKE = ["diacritics", "tatweel", "no hamza", "final letters", "Arabic digits", "no quotes"]


def surfaces(article):
    return [article.surface(mention) for mention in article.mentions]


def checked(article, name, seed):
    found = perturb(article, name, seed)
    assert Article.from_dict(found.to_dict()) == found
    assert [(m.entity, m.type) for m in found.mentions] == [(m.entity, m.type) for m in article.mentions]
    ends = {bound for start, end in words(found.text) for bound in (start, end)}
    before = {bound for start, end in words(article.text) for bound in (start, end)}
    for old, new in zip(article.mentions, found.mentions, strict=True):
        if name not in ("no quotes",) and {old.start, old.end} <= before:
            assert {new.start, new.end} <= ends, "a mention covers whole words"
    assert perturb(article, name, seed) == found
    return found


@pytest.mark.parametrize("name", SPELLED_ALIKE)
@given(article=articles(), seed=st.integers(0, 5))
def test_a_mention_spelled_otherwise_still_names_its_entity(name, article, seed):
    found = checked(article, name, seed)
    assert [fold(a).replace(" ", "") for a in surfaces(article)] == [fold(b).replace(" ", "") for b in surfaces(found)]
    for a, b in zip(article.stances, found.stances, strict=True):
        old, new = (fold(one.surface(stance.evidence)).split() for one, stance in ((article, a), (found, b)))
        assert old == new or name == "no quotes"


@given(article=articles(), seed=st.integers(0, 5))
def test_furniture_leaves_every_mention_and_evidence_as_it_is(article, seed):
    found = checked(article, "furniture", seed)
    assert surfaces(found) == surfaces(article)
    assert [found.surface(s.evidence) for s in found.stances] == [article.surface(s.evidence) for s in article.stances]
    assert any(line in found.text for line in read_table("perturb")["furniture"])
    assert set(article.text.split()) <= set(found.text.split())


@given(article=articles(), seed=st.integers(0, 5))
def test_without_the_space_after_waw_a_mention_gains_at_most_the_conjunction(article, seed):
    found = checked(article, "no space after waw", seed)
    for a, b in zip(surfaces(article), surfaces(found), strict=True):
        assert b.replace(" ", "").removeprefix("و") == a.replace(" ", "").removeprefix("و")
    assert not re.search(r"(?<!\w)و [ء-ي]", found.text)


@given(article=articles(), seed=st.integers(0, 20))
def test_a_misspelt_mention_has_at_most_one_slip_a_word(article, seed):
    found = checked(article, "spelling", seed)
    for a, b in zip(surfaces(article), surfaces(found), strict=True):
        assert len(a.split()) == len(b.split())
        for one, two in zip(a.split(), b.split(), strict=True):
            assert (one[0], one[-1]) == (two[0], two[-1])
            common = SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks()
            assert sum(block.size for block in common) >= len(one) - 1
            assert abs(len(one) - len(two)) <= 1


@given(article=articles(), seed=st.integers(0, 20))
def test_unseen_names_are_those_of_the_table_and_each_entity_has_its_own(article, seed):
    found = checked(article, "unseen names", seed)
    table = read_table("perturb")["names"]
    given_names = [e.name for e in found.entities if e.type != "ISSUE"]
    assert len(set(given_names)) == len(given_names)
    for entity in found.entities:
        mentions = [found.surface(m) for m in found.mentions_of(entity.id)]
        if entity.type == "ISSUE":
            assert mentions == [article.surface(m) for m in article.mentions_of(entity.id)]
            continue
        (forms,) = [row for row in table[entity.type] if row[0] == entity.name]
        for old, surface in zip(article.mentions_of(entity.id), mentions, strict=True):
            bare = [form for form in forms if surface.endswith(form) or surface.endswith("ل" + form[2:])]
            assert bare, surface
            clitic = article.surface(old)[0]
            if len(surface) > max(map(len, bare)):
                assert surface[0] == clitic


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_each_perturbation_changes_the_annotated_articles(name, annotated):
    changed = [checked(article, name, 0).text != article.text for article in annotated]
    assert any(changed) or name in ("no quotes", "no space after waw"), name


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("no hamza", "أكد إن الآمال", "اكد ان الامال"),
        ("final letters", "المدينة التي على يحيى", "المدينه التى علي يحيي"),
        ("Arabic digits", "يوم 12 و3.5%", "يوم ١٢ و٣.٥%"),
        ("no quotes", "قال «الخطة» ليست«جيدة»له", "قال الخطة ليست جيدة له"),
        ("no space after waw", "الوزير و النائب في أبو دار و مع عمرو بن", "الوزير والنائب في أبودار ومع عمروبن"),
    ],
)
def test_by_example(name, text, expected):
    assert perturb(Article(id="a", text=text), name).text == expected


@pytest.mark.parametrize(
    ("surface", "name", "expected"),
    [
        ("وللزيتوني", "الزيتوني", "ولل"),
        ("لهالة البستاني", "هالة البستاني", "ل"),
        ("سلوانيا", "سلوانيا", ""),
        ("بسلوانيا", "سلوانيا", "ب"),
    ],
)
def test_proclitics_stay_with_the_new_name(surface, name, expected):
    kind = "GPE" if "سلوانيا" in name else "PERS"
    article = Article.from_dict(
        {
            "id": "a",
            "text": surface,
            "entities": [{"id": "e", "type": kind, "name": name}],
            "mentions": [{"start": 0, "end": len(surface), "type": kind, "entity": "e"}],
        }
    )
    new = perturb(article, "unseen names").text
    forms = [row[0 if " " in surface else 1] for row in read_table("perturb")["names"][kind]]
    assert new in [expected + (form[2:] if expected.endswith("لل") else form) for form in forms]


def test_edits_that_overlap_or_leave_nothing_are_refused():
    article = Article.from_dict({"id": "a", "text": "رند سمر", "mentions": [{"start": 0, "end": 3, "type": "PERS"}]})
    with pytest.raises(ValueError, match="edits overlap at offset 2"):
        apply_edits(article, [Edit(0, 3, "س"), Edit(2, 4, "")])
    with pytest.raises(ValueError, match=r"nothing is left of the span \(0, 3\)"):
        apply_edits(article, [Edit(0, 4, "")])


@given(st.data())
def test_a_span_keeps_its_words_under_any_edits_outside_it(data):
    text = "قال رند ثم سمر"
    article = Article.from_dict({"id": "a", "text": text, "mentions": [{"start": 4, "end": 7, "type": "PERS"}]})
    places = data.draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 7, 8, 9, 14]), unique=True))
    edits = [Edit(at, at, data.draw(st.sampled_from(["س", "سس"]))) for at in places]
    assert surfaces(apply_edits(article, edits)) == ["رند"]


def test_robustness_of_a_tagger_that_needs_quotes(annotated):
    """A tagger that finds everything, but nothing in a text without full stops."""
    gold = [article.model_copy(update={"id": f"g{n}"}) for n, article in enumerate(annotated)]
    known = {}
    for name in PERTURBATIONS:
        for article in gold:
            known[article.id, perturb(article, name).text] = perturb(article, name)
    report = evaluate(gold, gold, labels=LABELS, with_baselines=False)
    found = robustness(gold, report, lambda bare: [known[a.id, a.text] for a in bare], labels=LABELS)
    assert set(found) == set(PERTURBATIONS)
    assert {score.b for scores in found.values() for score in scores.values()} == {1}
    only = robustness(gold, report, lambda bare: bare, labels=LABELS, names=["tatweel"])
    drop = only["tatweel"]["stances_micro_f1"]
    assert (drop.a, drop.b, drop.difference) == (1, 0, -1)
    assert render_robustness(only).row_count == 1


def test_chance_depends_on_the_seed(annotated):
    texts = {perturb(annotated[0], "spelling", seed).text for seed in range(random.Random(0).randint(4, 6))}
    assert len(texts) > 1
