"""The threshold with the best edge F1."""

from mawaqif.article import Article
from mawaqif.eval import best_min_score

TEXT = "وادي والنخيل والريم"
ENTITIES = [("e1", 0, 4), ("e2", 5, 12), ("e3", 13, 19)]


def article(*stances: tuple[str, str, float | None]) -> Article:
    return Article(
        id="a",
        text=TEXT,
        mentions=[{"start": a, "end": b, "type": "GPE", "entity": e} for e, a, b in ENTITIES],
        entities=[{"id": e, "type": "GPE", "name": e} for e, *_ in ENTITIES],
        stances=[{"holder": h, "target": t, "stance": "favor", "score": s} for h, t, s in stances],
    )


def test_cuts_between_right_and_wrong():
    gold = article(("e1", "e2", None), ("e2", "e3", None))
    predicted = article(("e1", "e2", 0.9), ("e2", "e3", 0.6), ("e3", "e1", 0.55), ("e3", "e2", 0.2))
    min_score, f1 = best_min_score([gold], [predicted])
    assert 0.55 < min_score <= 0.6
    assert f1 == 1.0


def test_where_f1_is_flat_the_fewest_wrong_edges_are_taken():
    names = [f"e{n}" for n in range(1, 4)]
    pairs = [(a, b) for a in names for b in names if a != b]
    gold = article(*((a, b, None) for a, b in pairs[:3]))
    with_wrong = article(*((a, b, 0.9) for a, b in pairs[:3]), (*pairs[3], 0.3))
    golds = [gold.model_copy(update={"id": f"a{n}"}) for n in range(60)]
    predictions = [(with_wrong if n < 1 else gold).model_copy(update={"id": f"a{n}"}) for n in range(60)]
    assert best_min_score(golds, predictions)[0] == 0.9


def test_nothing_right():
    assert best_min_score([article(("e1", "e2", None))], [article(("e2", "e1", 0.9))]) == (0.5, 0.0)


def test_nothing_predicted():
    assert best_min_score([article(("e1", "e2", None))], [article()]) == (0.5, 0.0)
