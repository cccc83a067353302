"""The tokenizer's text rules one by one, and that its offsets never leave the text."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from mawaqif.train.tokenizer import (
    EMAIL,
    SPECIAL_TOKENS,
    URL,
    USER,
    normalizer,
    pre_tokenizer,
    train_tokenizer,
    with_arabert_preprocessing,
)

FRAGMENTS = [
    "قـــال",
    "شُكْرًا",
    "هههههه",
    "ﷺ",
    "ﻻ",
    "İ",
    "\u200f",
    "\u064b",
    "٢٠١٥م",
    "www.a.b",
    "x@y.org",
    "@م",
    "[MASK]",
]
TEXTS = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=20
).map("".join)


def normal(text: str, *, fold_alef: bool = True) -> list[str]:
    return normalizer(fold_alef=fold_alef).normalize_str(text).split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("شُكْرًا لِلَّه", ["شكرا", "لله"], id="diacritics go"),
        pytest.param("جـــميل ـــ", ["جميل"], id="tatweel goes"),
        pytest.param("٢٠١٥ ۲۰۱۵ 2015", ["2015"] * 3, id="digits become ASCII"),
        pytest.param("ههههه رائـــــع!!!! الله", ["هه", "رائع!!", "الله"], id="kept twice"),
        pytest.param("10000 ٣٣٣٣", ["10000", "3333"], id="digits may repeat"),
        pytest.param("زوروا https://a.example/b?c=1، www.b.example", ["زوروا", URL, "،", URL], id="URL"),
        pytest.param("إلى a.b-c@d.example!", ["الى", EMAIL, "!"], id="e-mail"),
        pytest.param("قال @nakhil_1: نعم", ["قال", USER, ":", "نعم"], id="user"),
        pytest.param("پ چ گ ڤ", ["پ", "چ", "گ", "ڤ"], id="other letters are kept"),
        pytest.param("کی", ["كي"], id="Persian kaf and ya"),
        pytest.param("BBC", ["bbc"], id="Latin loses case"),
        pytest.param("سلوا\u200fني\u200cا \ufeff\u00ad", ["سلوانيا"], id="invisible characters go"),
        pytest.param("ﻻ ﷲ", ["لا", "الله"], id="presentation forms"),
        pytest.param("أمل إلى آخر ٱسم", ["امل", "الى", "اخر", "اسم"], id="alef is folded"),
    ],
)
def test_a_rule(text: str, expected: list[str]) -> None:
    assert normal(text) == expected


def test_alef_is_kept_where_that_is_wanted() -> None:
    assert normal("أمل إلى آخر ٱسم، شُكْرًا", fold_alef=False) == ["أمل", "إلى", "آخر", "ٱسم،", "شكرا"]


def test_letters_that_are_as_frequent_as_others_are_chosen_alike_each_time() -> None:
    """Of more letters than are kept, whatever the order of a hash table."""
    texts = [" ".join(chr(0x4E00 + n) * 2 for n in range(700)), "النخيل القمر النخيل"]
    vocabularies = [train_tokenizer(texts, 900).get_vocab() for _ in range(2)]
    assert vocabularies[0] == vocabularies[1]
    assert {"ا", chr(0x4E00)} <= vocabularies[0].keys()
    assert chr(0x4E00 + 699) not in vocabularies[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("قال:نعم،لا.", ["قال", ":", "نعم", "،", "لا", "."]),
        ("2015م كوفيد19", ["2015", "م", "كوفيد", "19"]),
        ("«نعم»!!", ["«", "نعم", "»", "!", "!"]),
        (f"انظر {URL}.", ["انظر", URL, "."]),
        ("[رأي] x_y", ["[", "رأي", "]", "x", "_", "y"]),
        ("  \n", []),
    ],
)
def test_words_digits_and_punctuation_part(text: str, expected: list[str]) -> None:
    assert [piece for piece, _ in pre_tokenizer().pre_tokenize_str(text)] == expected


def test_pieces_of_a_sentence_point_to_the_original(tiny_tokenizer: Tokenizer) -> None:
    text = "وأعـلن حِزب النخيـــل"
    encoding = tiny_tokenizer.encode(text, add_special_tokens=False)
    words: dict[int, str] = {}
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        words[word] = words.get(word, "") + text[start:end]
    assert [normal(word, fold_alef=False) for word in words.values()] == [["وأعلن"], ["حزب"], ["النخيل"]]


@given(TEXTS)
def test_offsets_lie_inside_the_text_and_in_order(tiny_tokenizer: Tokenizer, text: str) -> None:
    encoding = tiny_tokenizer.encode(text, add_special_tokens=False)
    assert all(0 <= start <= end <= len(text) for start, end in encoding.offsets)
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(encoding.offsets))


def test_special_tokens_come_first_and_frame_a_text(tiny_tokenizer: Tokenizer) -> None:
    assert [tiny_tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    tokens = tiny_tokenizer.encode("أعلن الحزب").tokens
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
    assert len(tokens) > 3


def test_a_url_is_one_piece(tiny_tokenizer: Tokenizer) -> None:
    assert tiny_tokenizer.encode("https://a.example/b a@b.example @c", add_special_tokens=False).tokens == [
        URL,
        EMAIL,
        USER,
    ]


def test_saving_and_loading_changes_nothing(tiny_tokenizer: Tokenizer, tmp_path: Path) -> None:
    tiny_tokenizer.save(str(tmp_path / "tokenizer.json"))
    loaded = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ("رحب نعيم الزيتونيّ بالقرار!!!", "www.example.org ٣٥٠٠", "Ünï 😀 [MASK]"):
        assert loaded.encode(text).ids == tiny_tokenizer.encode(text).ids


@pytest.fixture(scope="module")
def arabert_like() -> Tokenizer:
    """A tokenizer made as AraBERT's is, with letters and digits as its vocabulary, and AraBERT's rules before it."""
    characters = [*map(chr, range(0x21, 0x7F)), *map(chr, range(0x621, 0x66D)), *"«»–…“”’·—"]
    pieces = [*SPECIAL_TOKENS, URL, EMAIL, USER, *characters, *(f"##{c}" for c in characters)]
    bare = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    bare.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=None)
    bare.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bare.add_special_tokens([AddedToken(t, single_word=True, normalized=True) for t in (URL, EMAIL, USER)])
    return with_arabert_preprocessing(bare)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("شُكْرًا لِلَّه", ["شكرا", "لله"]),
        ("جـــميل رائـــــع!!!!", ["جميل", "رائع", "!", "!"]),
        ("أمل إلى آخر", ["أمل", "إلى", "آخر"]),  # alef is not folded
        ("٢٠١٥م كوفيد19 B52", ["2015", "م", "كوفيد", "19", "B52"]),
        ("زوروا https://a.example/b?c=1 الآن", ["زوروا", URL, "الآن"]),
        ("إلى a@b.example من @nakhil_1", ["إلى", EMAIL, "من", USER]),
        ("م/٨ &quot;نعم&quot;<br />", ["م", "-", "8", '"', "نعم", '"']),
        ("سلوا\u200fنيا ڤيلا 😀", ["سلوا", "نيا", "يلا"]),  # what AraBERT never saw is a space
    ],
)
def test_a_rule_of_arabert(arabert_like: Tokenizer, text: str, words: list[str]) -> None:
    encoding = arabert_like.encode(text, add_special_tokens=False)
    found: dict[int, str] = {}
    for word, token in zip(encoding.word_ids, encoding.tokens, strict=True):
        found[word] = found.get(word, "") + token.removeprefix("##")
    assert list(found.values()) == words


@given(TEXTS)
def test_arabert_offsets_lie_inside_the_text_and_in_order(arabert_like: Tokenizer, text: str) -> None:
    encoding = arabert_like.encode(text, add_special_tokens=False)
    assert all(0 <= start <= end <= len(text) for start, end in encoding.offsets)
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(encoding.offsets))
    again = Tokenizer.from_str(arabert_like.to_str())
    assert again.encode(text, add_special_tokens=False).ids == encoding.ids


def test_the_same_texts_give_the_same_vocabulary() -> None:
    texts = ["أعلن حزب النخيل رفضه خطة الجسر", "رفض حزب الجسر خطة النخيل"] * 3
    first, second = (train_tokenizer(texts, 300).get_vocab() for _ in range(2))
    assert first == second
