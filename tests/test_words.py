from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from mawaqif.encoding import encode, pad_windows, special_ids
from mawaqif.words import WordTable, fold_word

LETTERS = "ابتحرسلمنوية"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Letters as pieces, so that every word is cut."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    made = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def rows(table: WordTable, tokenizer: Tokenizer, text: str) -> list[int]:
    """The row of each word of a text; all its pieces have it."""
    encoded = encode([text], tokenizer, 512)[0]
    inputs, _ = pad_windows([encoded.ids], special_ids(tokenizer))
    found = table.rows(inputs)[0]
    assert found[0] == found[len(encoded.ids) + 1] == 0  # [CLS] and [SEP]
    of_words = [set(found[1:-1][encoded.word_of == word].tolist()) for word in range(len(encoded.words))]
    assert all(len(found) == 1 for found in of_words)
    return [found.pop() for found in of_words]


def test_words_of_the_list_have_its_rows_and_others_none(tokenizer: Tokenizer) -> None:
    table = WordTable(["سالم", "البحر"], tokenizer)
    assert rows(table, tokenizer, "سالم سلم البحر") == [1, 0, 2]


@pytest.mark.parametrize("written", ["سالم", "وسالم", "بسالم", "لسالم", "وبسالم", "السالم"])
def test_a_word_is_found_behind_its_proclitics_and_article(tokenizer: Tokenizer, written: str) -> None:
    assert rows(WordTable(["سالم"], tokenizer), tokenizer, written) == [1]


@pytest.mark.parametrize("written", ["بالبحر", "للبحر", "والبحر", "وللبحر", "بحر", "ببحر"])
def test_a_word_with_an_article_is_found_too(tokenizer: Tokenizer, written: str) -> None:
    assert rows(WordTable(["البحر"], tokenizer), tokenizer, written) == [1]


def test_a_word_of_the_list_is_itself_and_not_another_with_a_proclitic(tokenizer: Tokenizer) -> None:
    assert rows(WordTable(["سالم", "وسالم"], tokenizer), tokenizer, "وسالم سالم") == [2, 1]


def test_the_rank_of_a_word_is_its_own(tokenizer: Tokenizer) -> None:
    table = WordTable(["سالم", fold_word("سلمية")], tokenizer)
    for _ in range(2):  # the second time from memory
        assert [table.rank(word) for word in ("سالم", "وسالم", "سلمية", "ﺳﺎﻟﻢ", "بحر")] == [1, 0, 2, 1, 0]


def test_final_letters_are_folded(tokenizer: Tokenizer) -> None:
    table = WordTable([fold_word("سلمية")], tokenizer)
    assert rows(table, tokenizer, "سلمية") == [1]


def test_a_hidden_piece_makes_another_word(tokenizer: Tokenizer) -> None:
    table = WordTable(["سالم"], tokenizer)
    ids = np.array([tokenizer.encode("سالم").ids])
    ids[0, 0] = tokenizer.token_to_id("[MASK]")
    assert table.rows(ids)[0].tolist() == [0, 0, 0, 0]


@given(st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=12), st.data())
def test_rows_do_not_depend_on_what_stands_around(tokenizer: Tokenizer, words: list[str], data: st.DataObject) -> None:
    known = data.draw(st.lists(st.sampled_from(words), unique_by=fold_word))
    table = WordTable([fold_word(word) for word in known], tokenizer)
    together = rows(table, tokenizer, " ".join(words))
    assert together == [rows(table, tokenizer, word)[0] for word in words]
    for word in known:
        assert together[words.index(word)] == known.index(word) + 1
