"""Vectors of whole words: which words are counted as one, and that words used alike come to lie together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from mawaqif.errors import ConfigError, InputError
from mawaqif.train.corpus import pack
from mawaqif.train.words import load_words, save_words, word_vectors


def count(texts: list[str], tokenizer: Tokenizer, size: int = 100) -> list[str]:
    return word_vectors(pack(texts, tokenizer), tokenizer, size, 4)[0]


def test_words_come_by_frequency_and_without_figures_and_signs(tiny_tokenizer: Tokenizer) -> None:
    assert count(["القمر 12 ، القمر الميناء 7 ، القمر الميناء و نهر"], tiny_tokenizer, 3) == ["القمر", "الميناء", "نهر"]
    assert count(["القمر 12 ، القمر الميناء 7 ، القمر الميناء و نهر"], tiny_tokenizer, 2) == ["القمر", "الميناء"]


@pytest.mark.parametrize(
    ("rarer", "word"),
    [
        ("والقمر", "القمر"),
        ("بالقمر", "القمر"),
        ("للقمر", "القمر"),
        ("وللقمر", "القمر"),
        ("وسلوانيا", "سلوانيا"),
        ("بسلوانيا", "سلوانيا"),
        ("مدينه", "مدينة"),
    ],
)
def test_a_rarer_form_counts_as_the_word(tiny_tokenizer: Tokenizer, rarer: str, word: str) -> None:
    found = count([f"{word} {word} {rarer}"], tiny_tokenizer)
    assert found == [word.replace("ة", "ه")]


@pytest.mark.parametrize(("rarer", "word"), [("كمال", "مال"), ("وليد", "ليد"), ("قمر", "القمر"), ("بلاد", "لاد")])
def test_short_words_are_not_cut(tiny_tokenizer: Tokenizer, rarer: str, word: str) -> None:
    assert count([f"{word} {word} {rarer}"], tiny_tokenizer) == [word, rarer]


def test_a_form_more_frequent_than_the_rest_is_a_word_of_its_own(tiny_tokenizer: Tokenizer) -> None:
    assert count(["وسلوانيا وسلوانيا سلوانيا"], tiny_tokenizer) == ["وسلوانيا", "سلوانيا"]


def test_words_used_alike_lie_together(tiny_tokenizer: Tokenizer) -> None:
    chooser = np.random.default_rng(0)
    texts = [
        f"{left} {chooser.choice(middle)} {right}"
        for middle, left, right in [(["سامر", "نعيم"], "قال", "أمس"), (["القمر", "السهل"], "يقع", "بعيدا")]
        for _ in range(200)
    ]
    words, vectors = word_vectors(pack(texts, tiny_tokenizer), tiny_tokenizer, 8, 8)
    assert vectors.shape == (8, 8)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 2**0.5, atol=1e-4)
    of = {word: vectors[row] for row, word in enumerate(words)}
    assert min(of["سامر"] @ of["نعيم"], of["القمر"] @ of["السهل"]) > of["سامر"] @ of["القمر"] + 0.5


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    vectors = np.arange(8, dtype=np.float32).reshape(2, 4)
    save_words(tmp_path / "new", ["حزب", "مجلس"], vectors)
    words, read, matrix = load_words(tmp_path / "new")
    assert words == ["حزب", "مجلس"]
    assert (read == vectors).all()
    assert matrix is None
    save_words(tmp_path / "learned", ["حزب", "مجلس"], vectors, vectors + 1)
    *_, matrix = load_words(tmp_path / "learned")
    assert matrix is not None
    assert (matrix == vectors + 1).all()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make it with: mawaqif words"):
        load_words(tmp_path)


@pytest.mark.parametrize("texts", [[], ["12 ، 7"]])
def test_text_without_words(texts: list[str], tiny_tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="no word"):
        count(texts, tiny_tokenizer)


def test_a_tokenizer_that_does_not_mark_what_continues() -> None:
    plain = Tokenizer(models.WordLevel({"[UNK]": 0, "القمر": 1}, unk_token="[UNK]"))
    with pytest.raises(ConfigError, match="WordPiece"):
        count(["القمر"], plain)
