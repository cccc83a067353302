"""What the baselines find, on articles where it can be told beforehand."""

from mawaqif.article import AUTHOR, Article
from mawaqif.eval.baselines import Gazetteer, baselines, lexicon_baseline, majority_baseline, majority_label
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
TEXT = "انتقدت رند حزب الندى. وأيدت سمر قانون السقاية."
ENTITIES = {
    "1": ("PERS", "رند"),
    "2": ("ORG", "حزب الندى"),
    "3": ("GPE", "سمر"),
    "4": ("LAW", "قانون السقاية"),
}


def edges(article):
    return {(s.holder, s.target, s.stance) for s in article.stances}


def test_majority_links_every_pair_of_a_sentence_that_may_be_linked(build):
    article = majority_baseline(build(TEXT, ENTITIES), "against", LABELS)
    assert edges(article) == {("1", "2", "against"), ("2", "1", "against"), ("3", "4", "against")}  # a law holds none
    assert {TEXT[slice(*s.evidence)] for s in article.stances} == {
        "انتقدت رند حزب الندى.",
        "وأيدت سمر قانون السقاية.",
    }


def test_the_majority_label(build):
    stances = [("1", "2", "favor"), ("3", "4", "against"), ("2", "1", "favor")]
    assert majority_label([build(TEXT, ENTITIES, stances)]) == "favor"
    assert majority_label([build(TEXT, ENTITIES, stances[:2])]) == "against"  # as common, first by name
    assert majority_label([build(TEXT)]) is None


def test_lexicon_replaces_the_stances(build):
    article = lexicon_baseline(build(TEXT, ENTITIES, [("2", "3", "favor")]), LABELS)
    assert edges(article) == {("1", "2", "against"), ("3", "4", "favor")}


def tagged(text, train):
    article = Gazetteer.learn(train, LABELS).tag(Article(id="new", text=text))
    Article.from_dict(article.to_dict())  # valid
    return article


def found(article):
    return [(article.surface(m), m.type, article.name_of(m.entity)) for m in article.mentions]


def test_the_gazetteer_knows_names_in_other_spellings_and_with_proclitics(build):
    train = [build("زار وفد حزب الندى بلدة سمر", {"حزب الندى": ("ORG", "حزب الندى"), "سمر": ("GPE", "سمر")})]
    article = tagged("قال لحزب الندي وبسمر: حِزْبُ الندى", train)
    assert found(article) == [
        ("لحزب الندي", "ORG", "حزب الندي"),
        ("وبسمر", "GPE", "سمر"),
        ("حِزْبُ الندى", "ORG", "حزب الندي"),
    ]
    assert len(article.entities) == 2


def test_the_gazetteer_takes_the_longest_name_and_drops_ambiguous_ones(build):
    train = [
        build("الندى", {"الندى": ("PERS", "الندى")}, id="t1"),
        build("حزب الندى", {"حزب الندى": ("ORG", "حزب الندى")}, id="t2"),
        build("سمر", {"a": ("GPE", "سمر")}, id="t3"),
        build("سمر", {"a": ("PERS", "سمر")}, id="t4"),
    ]
    assert found(tagged("حزب الندى مع الندى في سمر", train)) == [
        ("حزب الندى", "ORG", "حزب الندي"),
        ("الندى", "PERS", "الندي"),
    ]


def test_the_gazetteer_learns_a_name_without_its_proclitic(build):
    train = [build("أشاد بسمر", {"سمر": ("GPE", "بسمر")})]
    assert found(tagged("سمر", train)) == [("سمر", "GPE", "سمر")]


def test_the_gazetteer_repeats_stances_between_names(build):
    names = {"رند": ("PERS", "رند"), "حزب الندى": ("ORG", "حزب الندى"), "هدم السوق": ("ISSUE", "هدم السوق")}
    text = "رند حزب الندى هدم السوق"
    train = [
        build(text, names, [("رند", "حزب الندى", "favor")], id="t1"),
        build(text, names, [("رند", "حزب الندى", "against"), (AUTHOR, "رند", "favor")], id="t2"),
        build(text, names, [("رند", "حزب الندى", "against")], id="t3"),
    ]
    article = tagged("حزب الندى ثم رند ثم هدم السوق", train)
    names = {e.id: e.name for e in article.entities} | {AUTHOR: AUTHOR}
    assert {(names[h], names[t], label) for h, t, label in edges(article)} == {
        ("رند", "حزب الندي", "against"),
        (AUTHOR, "رند", "favor"),
    }
    assert "هدم السوق" not in names.values()  # an issue that is in no stance


def test_without_train_there_is_no_gazetteer_and_without_stances_no_majority(build):
    gold = [build(TEXT, ENTITIES, [("1", "2", "favor")])]
    assert set(baselines(gold, gold, LABELS)) == {"majority", "lexicon"}
    assert set(baselines(gold, gold, LABELS, train=gold)) == {"majority", "lexicon", "gazetteer"}
    assert set(baselines([build(TEXT)], [build(TEXT)], LABELS)) == {"lexicon"}
