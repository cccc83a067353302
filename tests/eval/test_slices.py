"""Scores by what was seen, by length and by source."""

import pytest

from mawaqif.eval import join, pair
from mawaqif.eval.matching import match_mentions
from mawaqif.eval.slices import Seen, slices
from mawaqif.eval.stances import score_stances

TEXT = "انتقدت رند حزب الندى وأيدت سمر قانون السقاية"
ENTITIES = {
    "رند": ("PERS", "رند"),
    "حزب الندى": ("ORG", "حزب الندى"),
    "سمر": ("GPE", "سمر"),
    "قانون السقاية": ("LAW", "قانون السقاية"),
}
NAMES = dict(zip("1234", ENTITIES, strict=True))


def edges(*rows):
    return [(NAMES[h], NAMES[t], label) for h, t, label in rows]


def found(gold, predicted, train=None):
    pairs = pair(gold, predicted)
    parts = slices(
        pairs,
        [match_mentions(p) for p in pairs],
        [join(p) for p in pairs],
        ["ISSUE", "ACTOR"],
        None if train is None else Seen.of(train),
    )
    return {(part.by, part.name): part for part in parts}


def triple(score):
    return None if score is None else (score.right, score.predicted, score.gold)


def test_by_what_was_seen(build):
    gold = [build(TEXT, ENTITIES, edges(("1", "2", "against"), ("3", "4", "favor"), ("2", "1", "against")))]
    predicted = [build(TEXT, ENTITIES, edges(("1", "2", "against"), ("3", "4", "against"), ("1", "4", "favor")))]
    train = [
        build(
            "رند ولحزب الندي", {"رند": ("PERS", "رند"), "حزب الندى": ("ORG", "ولحزب الندي")}, edges(("1", "2", "favor"))
        )
    ]
    parts = found(gold, predicted, train)
    assert triple(parts["mention", "seen in train"].mentions) == (2, 2, 2)
    assert triple(parts["mention", "not in train"].mentions) == (2, 2, 2)
    ends = "both entities of the edge"
    assert triple(parts[ends, "seen in train"].stances) == (1, 1, 2)
    assert triple(parts[ends, "not in train"].stances) == (0, 2, 1)
    assert triple(parts["pair of the edge", "seen in train"].stances) == (1, 1, 1)
    assert triple(parts["pair of the edge", "not in train"].stances) == (0, 2, 2)


def test_a_proclitic_does_not_make_a_name_unseen(build):
    seen = Seen.of([build("زار سمر", {"سمر": ("GPE", "سمر")})])
    assert seen.knows("وسمر")
    assert seen.knows("سَمَر")
    assert not seen.knows("سمراء")


def test_by_length_and_source(build):
    gold = [
        build(TEXT, ENTITIES, edges(("1", "2", "against")), id="a1"),
        build(TEXT + " كلمة" * 200, ENTITIES, id="a2"),
    ]
    parts = found(gold, gold)
    assert {name: (part.articles, triple(part.mentions), triple(part.stances)) for name, part in parts.items()} == {
        ("length", "up to 150 words"): (1, (4, 4, 4), (1, 1, 1)),
        ("length", "151–300 words"): (1, (4, 4, 4), None),
    }
    gold = [a.model_copy(update={"source": s}) for a, s in zip(gold, ("المنارة", None), strict=True)]
    parts = found(gold, gold[:1])
    assert triple(parts["source", "المنارة"].stances) == (1, 1, 1)
    assert triple(parts["source", "unknown"].mentions) == (0, 0, 4)


def test_rare_sources_go_together(build):
    gold = [build(TEXT, id=f"a{n}").model_copy(update={"source": f"s{n % 12}"}) for n in range(20)]
    names = [name for by, name in found(gold, gold) if by == "source"]
    assert sorted(names) == sorted([*(f"s{n}" for n in range(8)), "others"])


@pytest.mark.parametrize("missing", [True, False])
def test_parts_add_up_to_the_whole(build, missing):
    gold = [build(TEXT, ENTITIES, edges(("1", "2", "against"), ("3", "4", "favor")), id=f"a{n}") for n in range(3)]
    predicted = [
        build(TEXT, {"x": ENTITIES["رند"], "y": ENTITIES["سمر"]}, [("x", "y", "favor")], id=f"a{n}")
        for n in range(2 if missing else 3)
    ]
    whole = score_stances(pair(gold, predicted)).micro
    parts = found(gold, predicted, gold[:1])
    for by in {name[0] for name in parts} - {"mention"}:
        scores = [part.stances for (own, _), part in parts.items() if own == by and part.stances]
        assert tuple(sum(column) for column in zip(*map(triple, scores), strict=True)) == triple(whole), by
