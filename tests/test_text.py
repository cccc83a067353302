"""Words, sentences and folding: examples of what a reader expects, then properties over nasty Unicode."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mawaqif.errors import InputError
from mawaqif.text import check_text, fold, sentences, strip_proclitics, trim, visible, words


def tokens(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


def split(text: str, max_words: int = 100) -> list[str]:
    return [text[start:end] for start, end in sentences(text, max_words)]


# ------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \u200f\n\u00ad", []),
        ("وصل الوزير،أمس.", ["وصل", "الوزير", "،", "أمس", "."]),
        ("والسعودية", ["والسعودية"]),
        ("شُكْرًا جـــزيلًا", ["شُكْرًا", "جـــزيلًا"]),
        ("#كلنا_معًا اليوم", ["#", "كلنا_معًا", "اليوم"]),
        ("#ثورة_25_يناير_", ["#", "ثورة_25_يناير", "_"]),
        ("عام 2015م", ["عام", "2015", "م"]),
        ("كوفيد19", ["كوفيد", "19"]),
        ("3.5 1,200 ٣٫٥ ١٬٢٠٠ ۱۲", ["3.5", "1,200", "٣٫٥", "١٬٢٠٠", "۱۲"]),
        ("2014,2015", ["2014", ",", "2015"]),
        ("50%", ["50", "%"]),
        ("12/3/2015", ["12", "/", "3", "/", "2015"]),
        ("08-أغسطس-2023", ["08", "-", "أغسطس", "-", "2023"]),
        ("(Getty)", ["(", "Getty", ")"]),
        ("don't Al-Ahram l’État", ["don't", "Al", "-", "Ahram", "l’État"]),
        ("'حلب'", ["'", "حلب", "'"]),
        ("لـCNN وBBC", ["لـCNN", "وBBC"]),
        ("انظر https://t.co/Ab1?x=1، ثم", ["انظر", "https://t.co/Ab1?x=1", "،", "ثم"]),
        ("(http://a.example/b_c).", ["(", "http://a.example/b_c", ")", "."]),
        ("الموقعwww.example.com", ["الموقع", "www.example.com"]),
        ("news.example.net/x - example.com.", ["news.example.net/x", "-", "example.com", "."]),
        ("راسلنا: info@mail.example.com.", ["راسلنا", ":", "info@mail.example.com", "."]),
        ("تابع @user_1: نعم", ["تابع", "@user_1", ":", "نعم"]),
        ("كتب👍🏽❤️!", ["كتب", "👍🏽", "❤️", "!"]),
        ("👨‍👩‍👧🇪🇬🇸🇦", ["👨‍👩‍👧", "🇪🇬", "🇸🇦"]),
        ("1️⃣", ["1️⃣"]),
        ("…!؟", ["…", "!", "؟"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("\u202bبغداد\u202c \ufeffحلب\u200f.", ["بغداد", "حلب", "."]),
        ("بـ\u200fغداد", ["بـ\u200fغداد"]),
        ("كلمة\u200bكلمة", ["كلمة", "كلمة"]),
        (" \u064bكلمة", ["كلمة"]),
        ("a\0b\ud800c", ["a", "b", "c"]),
        ("𐎠𝟛", ["𐎠", "𝟛"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


# --------------------------------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    "expected",
    [
        ["وصل الوفد مساءً.", "وغادر صباحًا!", "هل يعود؟", "لا أحد يعرف"],
        ["رفضت الحكومة المقترح .", "وأيدته المعارضة ."],
        ["ماذا؟!", "نعم!!", "حقًا؟"],
        ["قال كذا؛ ثم مضى: إلى الأمام.", "وعاد."],
        ["قال «لن نقبل بذلك أبدًا ولن نتراجع عنه.»", "ثم مضى."],
        ["وأضاف: \"نريد السلام.\"", "وختم."],
        ["قال: “هل نقبل؟ لا نقبل.”", "وختم."],
        ["(هذا كل شيء.)", "ثم مضى."],
        ["وقال «نعم. لا. ربما. سنرى» ثم سكت.", "وانصرف."],
        ["أنهى كلامه (بعد ساعة. تقريبًا) ومضى.", "ثم عاد."],
        ["شاهدنا برنامج «ماذا بعد؟» أمس.", "وأعجبنا."],
        ["سأل «هل نقبل؟»، ثم مضى."],
        ["التقى د. سامي وأ. منى و م. هاني.", "وعادوا."],
        ["التقى J. Smith في U.S. أمس.", "وعاد Dr. Brown."],
        ["أفادت (أ.ف.ب) وقناة سي.إن.إن بذلك.", "ونفت بي.بي.سي."],
        ["ولد عام 1950 م.", "ومات عام 2000م.", "رحمه الله"],
        ["ارتفع السعر 3.5 في المئة يوم 1.2.2015 تقريبًا.", "ثم هبط."],
        ["زوروا www.example.com/a.b أو a.b@example.org اليوم.", "شكرًا."],
        ["قال... ثم سكت… ثم قال.. ومضى.", "وعاد..."],
        ["يستخدمون Node.js كثيرًا.", "نعم"],
        ["رائع! 😀"],
    ],
)  # fmt: skip
def test_sentences_on_a_line(expected: list[str]) -> None:
    assert split(" ".join(expected)) == expected


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029", "\n\n \u200f\n"])
def test_a_line_ends_a_sentence_and_furniture_stays_apart(newline: str) -> None:
    lines = [
        "08-مارس-2021",
        "gettyimages",
        "جانب من اللقاء (Getty)",
        "بدأ اللقاء، ثم انتهى",
        "اقرأ أيضا",
        "شارك | Tweet",
    ]
    lines += ["• نقطة أولى", "- ثانية", "1- ثالثة", "1. رابعة", "٢. خامسة", "desk@example.com", "أرسل 1 إلى 12345"]
    assert split(newline.join(lines)) == lines


def test_a_missing_space_after_the_stop_still_splits() -> None:
    assert split("انتهى الاجتماع.وغادر الجميع") == ["انتهى الاجتماع.", "وغادر الجميع"]
    assert split("انتهى الاجتماع .وغادر الجميع") == ["انتهى الاجتماع .", "وغادر الجميع"]


def test_list_numbers_within_a_line() -> None:
    assert split("نقاط. 1. الأولى هنا. 2. الثانية هناك.") == ["نقاط.", "1. الأولى هنا.", "2. الثانية هناك."]


@pytest.mark.parametrize("quote", ["«", '"', "“", "("])
def test_an_unbalanced_quote_does_not_swallow_the_article(quote: str) -> None:
    line = f"قال {quote}لن نقبل. " + "وهذه جملة أخرى قصيرة. " * 30
    assert len(split(line)) == 31


def test_a_long_quotation_is_split() -> None:
    assert len(split("قال «" + "هذه جملة من ست كلمات فقط. " * 12 + "نعم».")) == 13


def test_long_text_is_cut_at_the_best_place() -> None:
    run = "كلمة " * 60
    assert split(f"{run}نعم، {run}") == [f"{run}نعم،", run.strip()]
    assert split(f"{run}ثم {run}") == [run.strip(), f"ثم {run}".strip()]
    assert all(len(words(piece)) <= 100 for piece in split("كلمة " * 1001))
    assert [len(words(piece)) for piece in split("كلمة " * 7, max_words=1)] == [1] * 7
    with pytest.raises(ValueError, match="max_words"):
        sentences("كلمة", max_words=0)


# ------------------------------------------------------------------------------------------------------------- names


def test_trim_and_visible() -> None:
    assert trim(" \u200f\u064bحلب\u202c ", 0, 8) == (3, 6)
    assert trim(" \u200f\n", 0, 3) is None
    assert trim("حلب", -5, 99) == (0, 3)
    assert [visible(ch) for ch in "ح.\u064b \u200f\0\u00ad\ud800\u00a0"] == [True] * 3 + [False] * 6


@pytest.mark.parametrize(
    ("word", "first", "also"),
    [
        ("والسعودية", "السعودية", []),
        ("للسعودية", "السعودية", []),
        ("لإيران", "إيران", []),
        ("وبغداد", "بغداد", []),
        ("بغداد", "بغداد", ["غداد"]),
        ("للبنان", "لبنان", ["البنان"]),
        ("للاذقية", "الاذقية", ["اللاذقية"]),
        ("وبالقاهرة", "القاهرة", ["بالقاهرة"]),
        ("وللأردن", "الأردن", []),
        ("واشنطن", "واشنطن", []),
        ("وكالة الأنباء", "وكالة الأنباء", []),
        ("والأمم المتحدة", "الأمم المتحدة", []),
        ("لـCNN", "CNN", []),
        ("بوزارة الري", "وزارة الري", []),
        ("لندن", "لندن", []),
        ("حلب", "حلب", []),
        ("و", "و", []),
        ("", "", []),
    ],
)
def test_strip_proclitics(word: str, first: str, also: list[str]) -> None:
    found = strip_proclitics(word)
    assert found[0] == first
    assert {word, *also} <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("أُسَامَة", "اسامه"),
        ("إيـــران  وٱلآن", "ايران والان"),
        ("مصطفى مؤمن رئيس", "مصطفي مومن رييس"),
        ("کیف", "كيف"),
        ("٢٠۱۵ 7", "2015 7"),
        ("«حزب \u200fالله»\n", "حزب الله"),
        ("ﻷن ﷲ", "لان الله"),
        ("پچگڤ", "پچگڤ"),
        ("#علي_حسن", "#علي حسن"),
        ("Müller's BBC", "mullers bbc"),
    ],
)
def test_fold(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_check_text_names_the_surrogate() -> None:
    check_text("سليم 😀")
    with pytest.raises(InputError, match=r"U\+D83D at character 2.*errors='replace'"):
        check_text("ab\ud83dc")


# -------------------------------------------------------------------------------------------------------- properties

_BITS = [
    *"ابتحلوفكمن", "ال", "كلمة", "وزارة", "د", "م", *"ًَُِّْٰـ", "\u0301", "\ufe0f", "\u20e3",
    *"\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200c\u200d\ufeff\u00ad\u0600",
    "😀", "👍🏽", "❤️", "👨‍👩‍👧", "🇪🇬", "🇪", "🏽", *" \u00a0\t\x1f\0\x7f",
    "\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "\u2029",
    *"0123٠١٢۵۶½²", "3.5", "1,200", "٣٫٥", "12/3", *"\"'“”‘’«»()[]{}", *".,،؛;:!?؟…-_#@%/&=~+•*|$۔", "...", "?!",
    "http://", "https://x.co/a", "www.", "a@b.co", ".com", "x.com", "@user", "a", "B", "é", "don't", "Dr", "U.S.",
    "\ud800", "\udfff", "\U00010380", "\U0001d7db", "\U000e0067", "\U0010fffd", "\U00020000", "\u0903",
]  # fmt: skip
_TEXTS = st.one_of(
    st.lists(st.sampled_from(_BITS), max_size=60).map("".join),
    st.lists(st.sampled_from([*"abc15.@-_%,/'ل", ".com", "www.", "http://", "é", "\u0301"]), max_size=30).map("".join),
    st.text(max_size=40),
)


def _is_mark(ch: str) -> bool:
    return unicodedata.category(ch).startswith("M")


def _check_spans(text: str, spans: list[tuple[int, int]]) -> None:
    previous = 0
    for start, end in spans:
        assert previous <= start < end <= len(text)
        assert visible(text[start])
        assert visible(text[end - 1])
        assert not _is_mark(text[start])
        assert trim(text, start, end) == (start, end)
        previous = end


@settings(max_examples=400, deadline=None)
@given(_TEXTS)
def test_words_cover_every_visible_character_once(text: str) -> None:
    spans = words(text)
    _check_spans(text, spans)
    covered = {i for start, end in spans for i in range(start, end)}
    assert {i for i, ch in enumerate(text) if visible(ch) and not _is_mark(ch)} <= covered
    assert not any(text[i].isspace() for i in covered)


@settings(max_examples=400, deadline=None)
@given(_TEXTS, st.sampled_from([1, 2, 3, 5, 100]))
def test_each_word_lies_in_one_sentence_and_slicing_keeps_words(text: str, max_words: int) -> None:
    found = sentences(text, max_words)
    _check_spans(text, found)
    inside: list[tuple[int, int]] = []
    for start, end in found:
        shifted = [(start + a, start + b) for a, b in words(text[start:end])]
        assert 1 <= len(shifted) <= max_words
        assert len(text[start:end].splitlines()) == 1
        inside += shifted
    assert inside == words(text)


@settings(max_examples=200, deadline=None)
@given(_TEXTS)
def test_fold_is_idempotent_and_proclitics_are_readings(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert folded == folded.strip()
    readings = strip_proclitics(text)
    assert text in readings
    assert all(fold(reading)[-1:] == folded[-1:] for reading in readings)


@pytest.mark.parametrize(
    "unit",
    ['.', '"', "a.", "a", "ب", "\u064b", "«", "1,", "a_", "@a", "a@", "http://", ".com", "ب\u200d", "😀\u200d", ". «"],
)  # fmt: skip
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    before = time.process_time()
    words(text)
    sentences(text)
    assert time.process_time() - before < 2  # quadratic code needs minutes
