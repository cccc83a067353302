"""The tagger gives a valid article for any text, the same one in any company, and leaves alone what is not its own."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mawaqif
from mawaqif.article import AUTHOR, Article
from mawaqif.encoding import encode
from mawaqif.errors import ArticleError
from mawaqif.inference.tagger import Tagger, load
from mawaqif.model import JointModel
from mawaqif.saved import open_model
from mawaqif.text import fold

TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل. وقال سليم الوراق إن الخطة ستفشل!"
Alike = Callable[[Article, Article], None]
NASTY = (
    "\u200f|\u202e|\u2067|\u200c|\ufeff|\u0301|\u064b\u0651|ـــ|\r\n|\n\n|\0|\x1b| |\u00a0|\u2028|👩\u200d👩\u200d👧|🇯🇴"
    "|𞸀|ﷺ|ﻻ|#|#حزب_النخيل|@user|https://example.org/خبر|٣٫٥|1,200|«|»|...|x"
)
FRAGMENTS = st.sampled_from([*TEXT.split(), *NASTY.split("|")])
TEXTS = st.one_of(
    st.lists(FRAGMENTS, min_size=1, max_size=25).map(" ".join),
    st.lists(FRAGMENTS, min_size=1, max_size=25).map("".join),
    st.text(min_size=1, max_size=40),
)


@pytest.fixture(scope="module")
def tagger(tiny_onnx_model: Path) -> Tagger:
    return load(tiny_onnx_model, threads=1)


@pytest.fixture(scope="module")
def narrow(tiny_onnx_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Tagger:
    """The same model with windows of 24 sub-words."""
    model = tmp_path_factory.mktemp("narrow") / "model"
    shutil.copytree(tiny_onnx_model, model)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["mawaqif"]["max_tokens"] = 24
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return load(model, threads=1)


def edges(article: Article) -> set[tuple[str, str, str]]:
    return {(s.holder, s.target, s.stance) for s in article.stances}


def visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Zs", "Zl", "Zp")


@given(TEXTS)
@settings(deadline=None, max_examples=60)
def test_any_text_makes_a_valid_article(tagger: Tagger, text: str) -> None:
    article = tagger(Article(id="a", text=text), min_score=0)
    assert Article.from_dict(article.to_dict()) == article
    assert article.text == text
    for start, end in [
        *((m.start, m.end) for m in article.mentions),
        *(s.evidence for s in article.stances if s.evidence),
    ]:
        assert visible(text[start])
        assert visible(text[end - 1])
        assert not unicodedata.category(text[start]).startswith("M")
    assert all(article.entity(m.entity).name for m in article.mentions if m.entity)
    assert all(len(fold(article.surface(m))) > 1 for m in article.mentions)
    ends = [(m.start, m.end) for m in article.mentions]
    assert all(a[1] <= b[0] for a, b in pairwise(ends))  # in order, disjoint


@given(st.lists(TEXTS, min_size=2, max_size=5), st.integers(1, 5))
@settings(deadline=None, max_examples=20)
def test_the_batch_changes_no_result(tagger: Tagger, alike: Alike, texts: list[str], batch_size: int) -> None:
    articles = [Article(id=str(n), text=text) for n, text in enumerate(texts)]
    together = tagger.pipe(articles, min_score=0, batch_size=batch_size)
    for article, tagged in zip(articles, together, strict=True):
        alike(tagger(article, min_score=0), tagged)


def test_runs_of_any_size_give_the_same(
    tagger: Tagger, alike: Alike, gold_articles: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few tokens and few entity pairs a run of the engine, as for a window full of names, change no result."""
    whole = list(tagger.pipe(gold_articles, min_score=0))
    monkeypatch.setattr(tagger.engine, "batch_tokens", 1)
    monkeypatch.setattr("mawaqif.inference.tagger._SCORES_A_BATCH", 300)
    for first, second in zip(whole, tagger.pipe(gold_articles, min_score=0), strict=True):
        alike(first, second)


def test_pairs_of_a_window_are_compared_whatever_the_size_of_a_run(
    tiny_model: Path, tmp_path: Path, alike: Alike, gold_articles: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = open_model(tiny_model)
    model = JointModel.load(saved)
    torch.nn.init.normal_(model.stances.peers[-1].weight)  # zero at first: a new head does not compare yet
    model.save(tmp_path, saved.tokenizer)
    tagger = load(tmp_path, threads=1)
    whole = list(tagger.pipe(gold_articles, min_score=0))
    monkeypatch.setattr("mawaqif.inference.tagger._SCORES_A_BATCH", 300)
    for first, second in zip(whole, tagger.pipe(gold_articles, min_score=0), strict=True):
        alike(first, second)


def test_a_text_that_repeats_itself_gives_stances_in_text_order(tagger: Tagger) -> None:
    article = tagger(TEXT * 12, min_score=0)
    starts = [stance.evidence[0] for stance in article.stances if stance.evidence]
    assert starts == sorted(starts)


def test_evidence_cuts_no_name(tagger: Tagger, gold_articles: list[Article]) -> None:
    for article in tagger.pipe(gold_articles, min_score=0):
        bounds = {bound for stance in article.stances for bound in stance.evidence or ()}
        assert bounds
        assert not [bound for bound in bounds for m in article.mentions if m.start < bound < m.end]


@pytest.mark.parametrize("text", [" ", "\n", "\u200f\u202e", "...", "!؟", "\0", "🙂", "ـ", "\u0301", "http://x.org"])
def test_almost_nothing_is_no_trouble(tagger: Tagger, text: str) -> None:
    tagged = list(tagger.pipe([text, TEXT, text], min_score=0))
    assert [article.text for article in tagged] == [text, TEXT, text]
    assert tagged[1].stances


def test_a_higher_min_score_only_takes_away(tagger: Tagger) -> None:
    last = None
    for min_score in (0, 0.02, 0.05, 0.1, 0.3, 0.9, 1):
        article = tagger(TEXT, min_score=min_score)
        assert all(s.score is not None and s.score >= min_score - 1e-4 for s in article.stances)
        assert last is None or edges(article) <= last
        last = edges(article)
    assert last == set()


def test_the_model_s_own_min_score_is_the_default(tagger: Tagger) -> None:
    assert tagger(TEXT) == tagger(TEXT, min_score=tagger.min_score)


def test_min_score_0_reports_every_allowed_pair(tagger: Tagger) -> None:
    article = tagger(TEXT, min_score=0)
    types = {label.name: label for label in tagger.labels.types}
    holders = [AUTHOR, *(e.id for e in article.entities if types[e.type].holder)]
    targets = [e.id for e in article.entities if types[e.type].target]
    assert {(h, t) for h, t, _ in edges(article)} == {(h, t) for h in holders for t in targets if h != t}
    assert {s.voice for s in article.stances} <= set(tagger.labels.voice_names)


def test_evidence_can_be_left_out(tagger: Tagger) -> None:
    article = tagger(TEXT, min_score=0, evidence=False)
    assert edges(article) == edges(tagger(TEXT, min_score=0))
    assert all(stance.evidence is None for stance in article.stances)


def test_unnamed_entities_without_a_stance_are_left_out(tagger: Tagger) -> None:
    only = tagger.labels.only_in_stances
    every, none = tagger(TEXT * 3, min_score=0), tagger(TEXT * 3, min_score=1)
    assert any(entity.type in only for entity in every.entities)
    assert not any(entity.type in only for entity in none.entities)
    assert not any(mention.type in only for mention in none.mentions)
    assert [m for m in every.mentions if m.type not in only] == none.mentions


def test_stances_keep_the_given_entities(tagger: Tagger, gold_articles: list[Article]) -> None:
    before = [article.to_json() for article in gold_articles]
    for gold, scored in zip(gold_articles, tagger.stances(gold_articles, min_score=0), strict=True):
        assert (scored.mentions, scored.entities) == (gold.mentions, gold.entities)
        assert Article.from_dict(scored.to_dict()) == scored
    assert [article.to_json() for article in gold_articles] == before
    many = [article.model_copy(update={"id": str(n)}) for n in range(12) for article in gold_articles[:3]]
    assert [article.id for article in tagger.stances(many)] == [article.id for article in many]


def test_what_an_article_held_before_is_replaced_and_the_rest_is_kept(tagger: Tagger) -> None:
    given = Article.from_dict(
        {
            "id": "n1",
            "text": TEXT,
            "title": "خبر",
            "date": "2031-05-06",
            "url": {"host": "example.org"},
            "mentions": [{"start": 0, "end": 3, "type": "LAW", "entity": "old"}],
            "entities": [{"id": "old", "type": "LAW", "name": "قديم"}, {"id": "x", "type": "PERS", "name": "آخر"}],
            "stances": [{"holder": "x", "target": "old", "stance": "favor"}],
        }
    )
    before = given.to_json()
    article = tagger(given)
    assert given.to_json() == before
    assert "old" not in {entity.id for entity in article.entities}
    assert article.clean() == given.clean()
    assert article.mentions == tagger(TEXT).mentions


def test_tagging_what_was_tagged_gives_the_same(tagger: Tagger) -> None:
    once = tagger(TEXT, min_score=0)
    assert tagger(once, min_score=0) == once


def test_a_long_text_is_read_to_its_end(narrow: Tagger) -> None:
    text = " ".join(f"قال سليم الوراق في اليوم {n} إن حزب النخيل يرفض الخطة." for n in range(40))
    article = narrow(text, min_score=0)
    (encoded,) = encode([text], narrow.saved.tokenizer, 24)
    assert len(encoded.windows) > 10
    assert all(end - start <= 22 for start, end in encoded.windows)
    for start, end in encoded.windows:
        first, *_, last = (encoded.words[word] for word in encoded.word_of[start:end] if word >= 0)
        assert any(first[0] <= mention.start < last[1] for mention in article.mentions)
    assert Article.from_dict(article.to_dict()) == article
    assert max(s.evidence[1] for s in article.stances if s.evidence) > len(text) / 2


def test_ten_thousand_words_are_read_to_the_last(tagger: Tagger) -> None:
    text = " ".join(["قال سليم الوراق أمس في المدينة إن حزب النخيل يرفض الخطة."] * 920)
    (encoded,) = encode([text], tagger.saved.tokenizer, 64)
    assert len(encoded.words) > 10_000
    article = tagger(text, min_score=1)
    home = encoded.home()
    assert (home >= 0).all()  # every word lies in a window
    starts = {mention.start for mention in article.mentions}
    named = {int(window) for window, (start, _) in zip(home, encoded.words, strict=True) if start in starts}
    assert len(named) > 0.9 * len(encoded.windows)  # and every window is tagged


def test_a_sentence_longer_than_the_window_is_read_to_its_end(narrow: Tagger) -> None:
    article = narrow("قال سليم " * 100, min_score=0)
    assert max(mention.end for mention in article.mentions) > 800


def test_pipe_keeps_order_and_reads_no_further_than_a_batch(tagger: Tagger) -> None:
    read = []

    def source() -> Iterator[Article]:
        for number in range(50):
            read.append(number)
            yield Article(id=str(number), text=TEXT[: 3 + 7 * (number % 5)])

    stream = tagger.pipe(source(), batch_size=4)
    assert next(stream).id == "0"
    assert len(read) == 4
    assert [article.id for article in stream] == [str(n) for n in range(1, 50)]


def test_texts_are_numbered(tagger: Tagger) -> None:
    assert [article.id for article in tagger.pipe([TEXT, Article(id="n1", text=TEXT), TEXT])] == [
        "text-1",
        "n1",
        "text-3",
    ]


def test_half_a_character_is_refused(tagger: Tagger) -> None:
    with pytest.raises(ArticleError, match="surrogate"):
        tagger("\ud83d")


def test_a_batch_of_nothing_is_refused(tagger: Tagger) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        next(tagger.pipe([TEXT], batch_size=0))


def test_the_number_of_threads_changes_no_result(tagger: Tagger, tiny_onnx_model: Path, alike: Alike) -> None:
    alike(load(tiny_onnx_model, threads=2)(TEXT), tagger(TEXT))


def test_load_is_the_public_one() -> None:
    assert mawaqif.load is load
