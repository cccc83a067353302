"""Training examples hold the gold, and nothing but the gold, of their window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from mawaqif.article import Article, Stance
from mawaqif.encoding import encode, special_ids
from mawaqif.errors import ConfigError, InputError
from mawaqif.jsonl import write_articles
from mawaqif.labels import LabelSet
from mawaqif.train.examples import IGNORED, collate, load_articles, load_sentences, make_examples

Tagged = Callable[..., Path]


def test_articles_are_chosen_by_their_terms(news: Path, labels: LabelSet) -> None:
    assert [a.id for a in load_articles(news, labels, None)] == ["a1", "a2", "a3"]
    assert [a.id for a in load_articles(news, labels, ["open"])] == ["a1", "a2"]
    assert load_articles(news, labels, ["none"]) == []


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("type", "article 'a1', mentions[0].type: 'CITY' is no type of the label set (PERS"),
        ("stance", "article 'a1', stances[0].stance: 'CITY' is no stance of the label set (favor"),
        ("voice", "article 'a1', stances[0].voice: 'CITY' is no voice of the label set (speech"),
    ],
)
def test_a_label_that_is_not_in_the_set(
    tmp_path: Path, gold_articles: list[Article], labels: LabelSet, field: str, message: str
) -> None:
    article = gold_articles[0]
    if field == "type":
        article.mentions[0].type = article.entities[0].type = "CITY"
        for mention in article.mentions_of(article.entities[0].id):
            mention.type = "CITY"
    else:
        setattr(article.stances[0], field, "CITY")
    write_articles([article], tmp_path / "a.jsonl")
    with pytest.raises(InputError) as caught:
        load_articles(tmp_path / "a.jsonl", labels, None)
    assert message in str(caught.value)
    assert caught.value.path == str(tmp_path / "a.jsonl")


def test_an_article_in_one_window(tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]) -> None:
    examples = make_examples(gold_articles, tiny_tokenizer, labels, 128)
    assert len(examples) == 3
    for article, example in zip(gold_articles, examples, strict=True):
        (encoded,) = encode([article.text], tiny_tokenizer, 128)
        assert (example.tags != IGNORED).sum() == len(encoded.words)
        assert sum(labels.bio_tags[tag].startswith("B-") for tag in example.tags if tag >= 0) == len(article.mentions)
        found = {
            (example.pairs.entities[holder], example.pairs.entities[target]): row
            for row, (holder, target) in enumerate(example.pairs.pairs)
        }
        for edge in article.stances:
            row = found.pop((edge.holder, edge.target))
            assert labels.stance_names[example.stance[row] - 1] == edge.stance
            assert labels.voice_names[example.voice[row]] == edge.voice
            assert edge.evidence
            places = np.flatnonzero(example.evidence[row]) - 1
            words = [encoded.words[n] for n in sorted(set(encoded.word_of[places].tolist()))]
            assert (words[0][0], words[-1][1]) == edge.evidence
        rest = list(found.values())
        assert (example.stance[rest] == 0).all()
        assert (example.voice[rest] == IGNORED).all()
        assert not example.evidence[rest].any()


def test_a_stance_is_learned_only_where_its_evidence_stands(tiny_tokenizer: Tokenizer, labels: LabelSet) -> None:
    filler = "وأكد المتحدث أن المفاوضات ستبدأ. " * 6
    text = f"حزب النخيل رفض الجسر. {filler}حزب النخيل زار الجسر."
    spans = [(n, n + len(w)) for w in ("حزب النخيل", "الجسر") for n in (text.index(w), text.rindex(w))]
    mentions = [
        {"start": start, "end": end, "type": type_, "entity": entity}
        for (start, end), (entity, type_) in zip(spans, [("e1", "ORG")] * 2 + [("e2", "FAC")] * 2, strict=True)
    ]
    data = {
        "id": "x",
        "text": text,
        "mentions": mentions,
        "entities": [{"id": "e1", "type": "ORG", "name": "n"}, {"id": "e2", "type": "FAC", "name": "n"}],
        "stances": [{"holder": "e1", "target": "e2", "stance": "against", "evidence": [0, 21]}],
    }
    known = Article.from_dict(data)
    stances = [
        [int(s) for e in make_examples([article], tiny_tokenizer, labels, 32) for s in e.stance if s != 0]
        for article in (known, known.model_copy(update={"stances": [Stance(holder="e1", target="e2", stance="favor")]}))
    ]
    assert stances == [[2, IGNORED], [1, 1]]


def test_what_a_model_was_not_sure_of_is_neither_there_nor_absent(
    tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]
) -> None:
    article = gold_articles[0].model_copy(deep=True)
    article.mentions[0].score, article.mentions[1].score = 0.4, 0.6
    article.stances[0].score = 0.4
    (gold,), (tagged,) = (make_examples([article], tiny_tokenizer, labels, 128, sure=sure) for sure in (0.0, 0.5))
    changed = np.flatnonzero(gold.tags != tagged.tags)
    assert (tagged.tags[changed] == IGNORED).all()
    begun = [tag for tag in map(labels.bio_tags.__getitem__, gold.tags[changed]) if tag.startswith("B-")]
    assert begun == [f"B-{article.mentions[0].type}"]
    assert tagged.stance[gold.stance != tagged.stance].tolist() == [IGNORED]
    assert (gold.stance > 0).sum() == len(article.stances)


def test_collate_pads_everything(tiny_tokenizer: Tokenizer, labels: LabelSet, gold_articles: list[Article]) -> None:
    examples = make_examples(gold_articles, tiny_tokenizer, labels, 128)
    batch = collate(examples, special_ids(tiny_tokenizer))
    tokens, pairs = max(len(e.ids) for e in examples) + 2, max(len(e.stance) for e in examples)
    assert batch["ids"].shape == batch["mask"].shape == batch["tags"].shape == (3, tokens)
    assert batch["stance"].shape == batch["voice"].shape == (3, pairs)
    assert batch["evidence"].shape == (3, pairs, tokens)
    assert batch["entity_mask"].shape == (3, max(len(e.pairs.entities) for e in examples), tokens)
    for n, example in enumerate(examples):
        length, rows = len(example.ids), len(example.stance)
        assert batch["ids"][n, 1 : length + 1].tolist() == example.ids.tolist()
        assert batch["tags"][n, 1 : length + 1].tolist() == example.tags.tolist()
        assert (batch["tags"][n, [0, *range(length + 1, tokens)]] == IGNORED).all()
        assert batch["mask"][n].sum() == length + 2
        assert batch["stance"][n, :rows].tolist() == example.stance.tolist()
        assert (batch["stance"][n, rows:] == IGNORED).all()
        assert batch["evidence"][n].sum() == example.evidence.sum()
    assert batch["evidence"].dtype == torch.bool


# --------------------------------------------------------------------------------------------------------- sentences

SENTENCES = (
    ("زار سامر واحة الريم", "O B-PER B-LOC I-LOC"),
    ("حزب النخيل رفض 2015م", "B-ORG I-ORG O B-DATE"),
)


def test_a_set_without_a_map_brings_its_own_tags(tagged: Tagged, labels: LabelSet, tiny_tokenizer: Tokenizer) -> None:
    sentences, tags = load_sentences([(tagged(*SENTENCES), "news", None, 1.0, None)], labels, tiny_tokenizer, 128)
    assert tags == {"news": ["O", *(f"{p}-{t}" for t in ("DATE", "LOC", "ORG", "PER") for p in "BI")]}
    found = sorted([tags["news"][tag] for tag in s.tags if tag != IGNORED] for s in sentences["news"])
    assert found == sorted(tags.split() for _, tags in SENTENCES)  # one tag a word, also for 2015م
    assert all(len(s.ids) == len(s.tags) for s in sentences["news"])


def test_two_sets_of_one_scheme_share_its_tags(tagged: Tagged, labels: LabelSet, tiny_tokenizer: Tokenizer) -> None:
    paths = [tagged(sentence, name=f"{n}.jsonl") for n, sentence in enumerate(SENTENCES)]
    sets = [(path, "news", None, 1.0, None) for path in paths]
    sentences, tags = load_sentences(sets, labels, tiny_tokenizer, 128)
    found = [[tags["news"][tag] for tag in s.tags if tag != IGNORED] for s in sentences["news"]]
    assert found == [words.split() for _, words in SENTENCES]


@pytest.mark.parametrize("with_o", [False, True])
def test_a_map_leads_to_the_main_head(
    tagged: Tagged, labels: LabelSet, tiny_tokenizer: Tokenizer, with_o: bool
) -> None:
    mapping = {"PER": "PERS", "LOC": "GPE", **({"O": "O"} if with_o else {})}
    sentences, tags = load_sentences([(tagged(*SENTENCES), "news", mapping, 1.0, None)], labels, tiny_tokenizer, 128)
    assert tags == {}
    found = sorted([labels.bio_tags[tag] for tag in s.tags if tag != IGNORED] for s in sentences["news"])
    expected = [["O", "B-PERS", "B-GPE", "I-GPE"], ["O"]] if with_o else [["B-PERS", "B-GPE", "I-GPE"], []]
    assert found == sorted(expected)


def test_share_where_and_length(tagged: Tagged, labels: LabelSet, tiny_tokenizer: Tokenizer) -> None:
    path = tagged(*SENTENCES * 10, split="a")

    def count(share: float, where: dict[str, object] | None) -> int:
        return len(load_sentences([(path, "news", None, share, where)], labels, tiny_tokenizer, 128)[0]["news"])

    assert (count(1, None), count(0.25, None), count(1, {"split": "a"})) == (20, 5, 20)
    with pytest.raises(InputError, match=r"has no sentence with \{'split': 'b'\}"):
        count(1, {"split": "b"})
    short, _ = load_sentences([(path, "news", None, 1.0, None)], labels, tiny_tokenizer, 6)
    assert max(len(s.ids) for s in short["news"]) == 4


def test_a_map_to_no_type_of_ours(tagged: Tagged, labels: LabelSet, tiny_tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="scheme 'news' maps 'PER' to 'PERSON'; the types are PERS"):
        load_sentences([(tagged(*SENTENCES), "news", {"PER": "PERSON"}, 1.0, None)], labels, tiny_tokenizer, 64)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "ner.jsonl:3: no record with tokens and tags"),
        ('{"tokens": []}', "ner.jsonl:3: no record with tokens and tags ('tags')"),
        ("[1]", "ner.jsonl:3: no record with tokens and tags"),
        ('{"tokens": ["a", "b"], "tags": ["O"]}', "ner.jsonl:3: 2 tokens but 1 tags"),
    ],
)
def test_a_record_that_cannot_be_used(
    tagged: Tagged, labels: LabelSet, tiny_tokenizer: Tokenizer, line: str, message: str
) -> None:
    path = tagged(*SENTENCES[:1])
    path.write_text(path.read_text(encoding="utf-8") + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_sentences([(path, "news", None, 1.0, None)], labels, tiny_tokenizer, 64)
    assert message in str(caught.value)


def test_line_separators_of_unicode_end_no_record(tagged: Tagged, labels: LabelSet, tiny_tokenizer: Tokenizer) -> None:
    path = tagged(("زار سامر", "O B-PER"), note="a\u2028b\x85c")
    assert len(load_sentences([(path, "n", None, 1.0, None)], labels, tiny_tokenizer, 64)[0]["n"]) == 1
    with pytest.raises(InputError, match="cannot be read"):
        load_sentences([(path.with_name("none"), "n", None, 1.0, None)], labels, tiny_tokenizer, 64)
