"""The network learns where phrases end from what a model finds and what gold says, and the tagger then ends them so."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from mawaqif.article import Article, Mention
from mawaqif.errors import InputError
from mawaqif.inference.tagger import Tagger, load
from mawaqif.model import JointModel
from mawaqif.saved import BOUNDARIES, SavedModel, open_model
from mawaqif.text import ends_phrase, words
from mawaqif.train.boundaries import fit_boundaries


@pytest.fixture
def saved(tiny_model: Path, tmp_path: Path) -> SavedModel:
    """The tiny model, for which most words are in no mention, and phrases as likely as names."""
    saved = open_model(tiny_model)
    model = JointModel.load(saved)
    with torch.no_grad():
        model.mentions.bias[0] += 1.5
    model.settings["phrase_bias"] = 1.0
    model.save(tmp_path, saved.tokenizer)
    return open_model(tmp_path)


@pytest.fixture
def texts(gold_articles: list[Article]) -> list[Article]:
    sentences = [sentence for article in gold_articles for sentence in article.text.split(". ")]
    shuffled = random.Random(0)
    return [Article(id=str(n), text=". ".join(shuffled.sample(sentences, 5))) for n in range(16)]


def a_word_longer(article: Article, phrases: tuple[str, ...]) -> Article:
    """Every phrase that is followed by a word which may end it, and is no part of a mention, has that word too."""
    taken = {m.start for m in article.mentions}
    after = dict(zip((end for _, end in words(article.text)), words(article.text)[1:], strict=False))
    longer = []
    for mention in article.mentions:
        start, end = after.get(mention.end, (0, 0))
        if mention.type in phrases and end and start not in taken and ends_phrase(article.text[start:end]):
            longer.append(Mention(start=mention.start, end=end, type=mention.type))
    return article.model_copy(update={"mentions": longer, "entities": [], "stances": []})


def phrases_of(tagger: Tagger, articles: list[Article]) -> list[set[tuple[int, int, str]]]:
    found = tagger.pipe([article.clean() for article in articles], min_score=0)
    return [{(m.start, m.end, m.type) for m in article.mentions} for article in found]


def test_it_learns_where_phrases_end(saved: SavedModel, texts: list[Article], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mawaqif.train.boundaries._EPOCHS", 30)  # few articles
    tagger = load(saved.directory, threads=1)
    gold = [a_word_longer(article, saved.labels.only_in_stances) for article in tagger.pipe(texts, min_score=0)]
    total = sum(len(article.mentions) for article in gold)

    def right(tagger: Tagger) -> int:
        found = phrases_of(tagger, gold)
        return sum(
            (m.start, m.end, m.type) in spans
            for article, spans in zip(gold, found, strict=True)
            for m in article.mentions
        )

    fit = fit_boundaries(saved, gold)
    assert fit.spans >= 30
    assert fit.before == right(tagger) == 0
    assert fit.after > 0.6
    assert right(load(saved.directory, threads=1)) > 0.8 * total


def test_the_same_articles_and_seed_give_the_same_weights(saved: SavedModel, texts: list[Article]) -> None:
    gold = [
        a_word_longer(article, saved.labels.only_in_stances)
        for article in load(saved.directory, threads=1).pipe(texts[:10], min_score=0)
    ]
    weights = []
    for seed in (0, 0, 1):
        fit_boundaries(saved, gold, seed)
        weights.append((saved.directory / BOUNDARIES).read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_nothing_is_written_where_nothing_can_be_learned(saved: SavedModel, texts: list[Article]) -> None:
    with pytest.raises(InputError, match="only 0 mentions of ACTOR and ISSUE were found near annotated ones"):
        fit_boundaries(saved, texts)
    assert not (saved.directory / BOUNDARIES).exists()
