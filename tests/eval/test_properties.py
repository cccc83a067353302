"""What must hold for any articles: bounds, and what a score may not depend on."""

from dataclasses import astuple
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mawaqif.article import AUTHOR, Article
from mawaqif.eval import evaluate, pair, score_entities, score_mentions, score_stances
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
WORDS = ["رند", "سمر", "ندى", "وليد", "بسمة،", "غيث", "سيف", "و«نور»", "هند", "بدر"]
ids = st.integers(0, 3)


@st.composite
def articles(draw, text, id_):
    """An article with any flat spans, some of which cut words or cover marks, in at most four entities."""
    ends = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    spans = [span for span in pairwise(ends) if draw(st.booleans())]
    owners = [draw(ids) for _ in spans]
    types = {owner: draw(st.sampled_from(LABELS.type_names)) for owner in sorted(set(owners))}
    nodes = st.sampled_from([AUTHOR, *map(str, types)])
    edges = draw(st.sets(st.tuples(nodes, nodes), max_size=5)) if types else set()
    return Article.from_dict(
        {
            "id": id_,
            "text": text,
            "entities": [{"id": str(owner), "type": type_, "name": "س"} for owner, type_ in types.items()],
            "mentions": [
                {"start": start, "end": end, "type": types[owner], "entity": str(owner)}
                for (start, end), owner in zip(spans, owners, strict=True)
            ],
            "stances": [
                {
                    "holder": holder,
                    "target": target,
                    "stance": draw(st.sampled_from(LABELS.stance_names)),
                    "voice": draw(st.sampled_from(LABELS.voice_names)),
                    "evidence": draw(st.sampled_from([None, (0, 3), (2, 9), (0, len(text))])),
                }
                for holder, target in sorted(edges)
                if target not in (holder, AUTHOR)
            ],
        }
    )


@st.composite
def comparisons(draw):
    texts = draw(
        st.lists(st.lists(st.sampled_from(WORDS), min_size=3, max_size=10).map(" ".join), min_size=1, max_size=3)
    )
    sides = [[draw(articles(text, f"a{i}")) for i, text in enumerate(texts)] for _ in range(2)]
    return sides[0], sides[1]


def report(gold, predicted):
    return evaluate(gold, predicted, labels=LABELS, resamples=20).to_dict()


def leaves(value):
    for name, part in value.items():
        if isinstance(part, dict):
            yield from leaves(part)
        elif name in ("precision", "recall", "f1", "value", "low", "high") and part is not None:
            yield part


def renamed(article):
    names = {entity.id: f"z{9 - int(entity.id)}" for entity in article.entities} | {AUTHOR: AUTHOR}
    data = article.to_dict()
    for entity in data["entities"]:
        entity["id"] = names[entity["id"]]
    for mention in data["mentions"]:
        mention["entity"] = names[mention["entity"]]
    for stance in data["stances"]:
        stance |= {"holder": names[stance["holder"]], "target": names[stance["target"]]}
    for layer in ("entities", "mentions", "stances"):
        data[layer].reverse()
    return Article.from_dict(data)


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_scores_lie_between_0_and_1(sides):
    assert all(0 <= score <= 1 + 1e-12 for score in leaves(report(*sides)))


@settings(max_examples=60, deadline=None)
@given(comparisons(), st.randoms())
def test_order_of_articles_and_names_of_entities_do_not_matter(sides, random):
    gold, predicted = sides
    expected = report(gold, predicted)
    shuffled = [renamed(article) for article in predicted]
    random.shuffle(shuffled)
    assert report(gold[::-1], shuffled) == expected


@settings(max_examples=100, deadline=None)
@given(comparisons())
def test_swapping_gold_and_prediction_swaps_precision_and_recall(sides):
    def all_scores(pairs):
        mentions = score_mentions(pairs, only_in_stances=())
        entities = score_entities(pairs)
        stances = score_stances(pairs)
        return {
            "micro": mentions.micro,
            "macro": mentions.macro,
            "b3": entities.b3,
            "b3_shared": entities.b3_shared,
            "edges": stances.micro,
            "edges, macro": stances.macro,
            "pairs": stances.pairs,
            **mentions.per_type,
            **stances.per_label,
        }

    forth, back = all_scores(pair(*sides)), all_scores(pair(*sides[::-1]))
    assert forth.keys() == back.keys()
    for name, score in forth.items():
        precision, recall, f1, predicted, gold, right = astuple(back[name])
        assert astuple(score) == pytest.approx((recall, precision, f1, gold, predicted, right)), name


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_seqeval_and_the_counts_for_the_bootstrap_agree(sides):
    scores = score_mentions(pair(*sides), only_in_stances=("ISSUE",))
    assert scores.micro.f1 == pytest.approx(scores.counted.value)
    assert scores.named.f1 == pytest.approx(scores.counted_named.value)
    for score in (scores.micro, *scores.per_type.values()):
        assert score.precision == pytest.approx(score.right / score.predicted if score.predicted else 0)


@settings(max_examples=60, deadline=None)
@given(comparisons())
def test_a_prediction_that_is_gold_is_perfect(sides):
    gold, _ = sides
    found = report(gold, [renamed(article) for article in gold])
    assert found["mentions"]["micro"]["f1"] == pytest.approx(float(found["mentions"]["micro"]["gold"] > 0))
    assert found["entities"]["b3"]["f1"] == pytest.approx(float(found["entities"]["b3"]["gold"] > 0))
    assert found["stances"]["micro"]["f1"] == pytest.approx(float(found["stances"]["micro"]["gold"] > 0))
    assert found["stances"]["evidence_iou"]["value"] in (None, 1)
