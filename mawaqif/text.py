"""Words, sentences and name folding for raw Arabic news, with offsets that always point into the original text.

Every function that returns spans returns Unicode code-point offsets into the very string it was given, end exclusive;
nothing is normalised first, so ``text[start:end]`` is what a reader would mark.

The trick that keeps this short and linear: the text is translated, character by character, into a *skeleton* of the
same length in which each non-ASCII character is replaced by the letter of its class (see ``_Classes``), so a few small
regular expressions over a dozen classes handle all of Unicode.

    >>> ["قال ظريف: 3.5%"[s:e] for s, e in words("قال ظريف: 3.5%") ]
    ['قال', 'ظريف', ':', '3.5', '%']
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator

from mawaqif.errors import InputError

__all__ = ["Span", "check_text", "fold", "sentences", "strip_proclitics", "trim", "visible", "words"]

Span = tuple[int, int]

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
# Soft hyphen, (non-)joiner, bidi marks and embeddings, word joiner, BOM: a reader sees one word around them.
_JOINERS = frozenset(
    "\xad\u061c\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
# Characters that stand for themselves or for an ASCII equivalent in the skeleton.
_SAME = {**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’", "'"), "‹": "«", "›": "»"}
_SAME |= {**dict.fromkeys("‼۔。", "!"), **dict.fromkeys("⁇⁈⁉", "?")}
_SAME |= {ch: ch for ch in "«»،؛؟٫٬…"}


def visible(ch: str) -> bool:
    """Whether one character shows on the page: no space, control, format character (bidi, zero width) or surrogate."""
    return not ch.isspace() and unicodedata.category(ch) not in _INVISIBLE


def trim(text: str, start: int, end: int) -> Span | None:
    """Shrink a span until it begins on a visible character that is no combining mark and ends on a visible one.

    None when nothing is left, e.g. of spaces and bidi marks.
    """
    start, end = max(start, 0), min(end, len(text))
    while start < end and not (visible(text[start]) and unicodedata.category(text[start])[0] != "M"):
        start += 1
    while start < end and not visible(text[end - 1]):
        end -= 1
    return (start, end) if start < end else None


def check_text(text: str) -> None:
    """Raise ``InputError`` when the text holds a lone surrogate, which no file, tokenizer or JSON reader accepts."""
    if found := re.search("[\ud800-\udfff]", text):
        raise InputError(
            f"lone surrogate U+{ord(found[0]):04X} at character {found.start()}: the text was decoded wrongly; "
            "decode the bytes as UTF-8 with errors='replace', or remove the character"
        )


# ------------------------------------------------------------------------------------------------------------- words


class _Classes(dict[int, str]):
    """Code point → class character, filled as characters are met: a table for ``str.translate``.

    ASCII stays itself. α Latin letter, λ other letter, δ digit, μ combining mark, ζ zero-width joiner, ι other
    joining format character, ε emoji or pictograph, τ skin tone, ρ regional indicator, π other visible character,
    space, newline, and NUL for what is invisible and parts words.
    """

    def __missing__(self, code: int) -> str:
        self[code] = found = self._classify(chr(code))
        return found

    @staticmethod
    def _classify(ch: str) -> str:  # noqa: PLR0911
        category = unicodedata.category(ch)
        if ch in _LINE_ENDS or ch.isspace():
            return "\n" if ch in _LINE_ENDS else " "
        if ch in _JOINERS:
            return "ζ" if ch == "\u200d" else "ι"
        if category in _INVISIBLE:
            return "\0"
        if ch.isascii() or ch in _SAME:
            return _SAME.get(ch, ch)
        if category[0] in "LNM":
            latin = category[0] == "L" and unicodedata.name(ch, "").startswith("LATIN")
            return "α" if latin else {"L": "λ", "N": "δ", "M": "μ"}[category[0]]
        if "\U0001f1e6" <= ch <= "\U0001f1ff" or "\U0001f3fb" <= ch <= "\U0001f3ff":
            return "ρ" if category == "So" else "τ"
        return "ε" if category == "So" else "π"


_CLASSES = _Classes()
_REST = r"[A-Za-z0-9_αλδμ.~:/?#@!$&*+=%;,'()-]*[A-Za-z0-9_αλδμ/=&#~%+*-]"  # of a URL; may be an Arabic IRI
# None of these depends on context that a cut between two words could remove, so a slice has the same words; the
# alternatives without a group eat what is no address at once, which keeps the search linear.
_ADDRESSES = (
    re.compile(rf"(?P<url>(?<![A-Za-z])(?i:https?://|www\.){_REST})"),
    re.compile(
        r"[A-Za-z0-9][A-Za-z0-9._%+-]*(?P<email>@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)?"
        r"|(?P<user>@[A-Za-zαλ0-9δ_][A-Za-zαλ0-9δμ_]*)"
    ),
    re.compile(
        r"(?P<domain>[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.(?i:com|net|org|info|edu|gov|int|tv|co)"
        rf"(?:\.[A-Za-z]{{2}})?(?![A-Za-zα])(?:/(?:{_REST})?)?)"
        r"|[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*"
    ),
)
_LETTERS = r"[A-Za-zαλ][A-Za-zαλμ]*(?:(?:[ιζ]+|(?<=[A-Za-zαμ])'(?=[A-Za-zα]))[A-Za-zαλμ]+)*"
_NUMBER = r"[0-9δ]+(?:[.٫][0-9δ]+|[,٬][0-9δ]{1,3}(?![0-9δ]))*μ*"
_EMOJI = r"εμ*(?:τμ*)?"
_WORD = re.compile(
    rf"υν*μ*|(?:{_LETTERS}|{_NUMBER})(?:_+(?:{_LETTERS}|{_NUMBER}))*|ρρ?μ*|{_EMOJI}(?:ζ{_EMOJI})*|[^ \n\0ιζμ]μ*"
)


def _skeleton(text: str) -> str:
    """The text as class characters, of the same length, with υννν over a URL, an e-mail address or a user name."""
    skeleton = text.translate(_CLASSES)
    for pattern in _ADDRESSES:
        skeleton = pattern.sub(lambda m: "υ" + "ν" * (len(m[0]) - 1) if m.lastgroup else m[0], skeleton)
    return skeleton


def words(text: str) -> list[Span]:
    """Every word of the text, in order and disjoint.

    A word is a run of letters with their diacritics, tatweel and zero-width joiners, or a number (3.5, 1,200, ٣٫٥);
    letters and digits that touch are two words, an underscore joins (#عبدالملك_الحوثي is ``#`` and one word), a hyphen
    parts. A URL, an e-mail address and a @user are one word each; any other visible character, or emoji sequence, is a
    word of its own. No word begins or ends on an invisible character or begins with a combining mark.
    """
    return [found.span() for found in _WORD.finditer(_skeleton(text))]


# ----------------------------------------------------------------------------------------------------------- phrases

BRACKETS = {"«": "»", "(": ")", "[": "]", "{": "}"}
_CLOSE = frozenset(BRACKETS.values())
_SEPARATORS = frozenset("،,؛;:.…/-–—")
# Prepositions and the like: their phrase goes on after them.
_GOVERNOR = re.compile(
    "من|في|على|إلى|الى|عن|مع|بين|ضد|نحو|حول|حتى|منذ|خلال|عبر|لدى|عند|تجاه|إزاء|دون|بدون|ضمن|بسبب|رغم|تحت|فوق"
    "|بأن|التي|الذي|الذين"
)


def begins_phrase(word: str) -> bool:
    """Whether a phrase may begin with the word: not with a comma or the like, nor with a closing bracket."""
    return word not in _SEPARATORS and word not in _CLOSE


def ends_phrase(word: str) -> bool:
    """Whether a phrase may end with the word: not with a comma, an opening bracket, a preposition or the like."""
    return word not in _SEPARATORS and word not in BRACKETS and _GOVERNOR.fullmatch(word) is None


# --------------------------------------------------------------------------------------------------------- sentences

_ENDS = frozenset(".!?؟…")
_QUOTE_WORDS = 60  # a longer quotation is read as an unbalanced quote and protects nothing
_ABBREVIATION = re.compile("[وبل][دأم]|(?i:mr|mrs|ms|dr|prof|st|gen|sen|gov|rep|col|lt|sgt|jr|sr|vs|no|inc|ltd)")
# Latin letters spelled in Arabic, as in بي.بي.سي (BBC).
_LETTER_NAME = re.compile("[إأاآ][يفلمنرسو]|[إا]يه|[بستجدزك]ي|جيه|جاي|كيه|كاي|كيو|[إا]تش|يو|في|دبليو|[إا]كس|واي|زد")
_AFTER_NUMBER = frozenset("مقهصت")  # 2015 م. (A.D.), 5 م. (p.m.), 12 ص. (a.m.): not initials
_CONJUNCTION = re.compile("و(?!زار|زير|زراء|كال|لاي|حد).{3}|(?:ثم|لكن|حيث|كما|فيما|بينما)$")


class _Tokens:
    """The words of a text with the questions that sentence splitting asks about them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.skeleton = _skeleton(text)
        self.spans: list[Span] = [found.span() for found in _WORD.finditer(self.skeleton)]
        self.kinds = [self.skeleton[start] for start, _ in self.spans]  # class of the first character

    def glued(self, i: int) -> bool:
        """No space between word i - 1 and word i."""
        if not 0 < i < len(self.spans):
            return False
        return not self.skeleton[self.spans[i - 1][1] : self.spans[i][0]].strip("ιζμ")

    def lines(self) -> Iterator[Span]:
        """Ranges of words that share a line."""
        starts = [start for start, _ in self.spans]
        first = 0
        for newline in re.finditer("\n", self.skeleton):
            last = bisect_left(starts, newline.start(), first)
            if last > first:
                yield first, last
                first = last
        if first < len(starts):
            yield first, len(starts)

    def quotations(self, first: int, last: int) -> dict[int, int]:
        """Opening quote or bracket → its closing one, for those on one line that are short enough to be believed."""
        opened: dict[str, int] = {}
        pairs: dict[int, int] = {}
        for i in range(first, last):
            kind = self.kinds[i]
            if kind == '"':  # the same sign opens and closes (“ and ” too: they are often swapped): look at the spaces
                closer, left, right = kind, self.glued(i), i + 1 < last and self.glued(i + 1)
                opens = right if left != right else kind not in opened
            elif kind in BRACKETS or kind in _CLOSE:
                closer, opens = BRACKETS.get(kind, kind), kind in BRACKETS
            else:
                continue
            if not opens:
                at = opened.pop(closer, None)
                if at is not None and i - at <= _QUOTE_WORDS:
                    pairs[at] = i
            elif kind == '"' or i - opened.get(closer, -_QUOTE_WORDS - 1) > _QUOTE_WORDS:
                opened[closer] = i
        return pairs

    def initial(self, i: int, followed: bool) -> bool:
        """Word i is a single letter before a full stop (د. أ. J.), an abbreviation (ود. Dr.) or a part of بي.بي.سي."""
        start, end = self.spans[i]
        if _ABBREVIATION.fullmatch(self.text, start, end):
            return True
        if followed and _LETTER_NAME.fullmatch(self.text, start, end):
            return True
        if len(self.skeleton[start:end].rstrip("μιζ")) != 1 or not self.text[start].isalpha():
            return False
        return not (self.text[start] in _AFTER_NUMBER and i > 0 and self.kinds[i - 1] in "0123456789δ")

    def latin(self, i: int) -> bool:
        """Word i is Latin or a number, where an inner full stop is part of a name: Node.js, v2.x."""
        return self.kinds[i] in "αδ" or (self.kinds[i].isascii() and self.kinds[i].isalnum())

    def stop(self, start: int, i: int, j: int, last: int) -> bool:
        """Words i to j are the end marks after the sentence that began at start: do they end it?"""
        if i == start:
            return False
        if self.kinds[i:j].count(".") < j - i:
            return any(kind in "!?؟" for kind in self.kinds[i:j])
        if j - i > 2 or (j - i == 2 and self.glued(i + 1)):
            return False  # ellipsis
        if self.glued(i):
            listed = i - start <= 3 and not any(kind.isalpha() and kind not in "δεπρτ" for kind in self.kinds[start:i])
            if listed or self.initial(i - 1, followed=j < last and self.glued(j)):
                return False
        return not (j < last and self.glued(j) and self.latin(j) and (not self.glued(i) or self.latin(i - 1)))

    def quotation_stops(self, start: int, i: int, close: int) -> bool:
        """The quotation from i to close ends the sentence that began at start; a short «ماذا بعد؟» may be a title."""
        kind = self.kinds[close - 1]
        if kind not in _ENDS or kind == "…" or self.kinds[close - 2] == ".":
            return False
        if self.kinds[i] not in '"«':
            return i == start
        return kind == "." or close - i > 6 or (i > start and self.kinds[i - 1] == ":")

    def closes(self, i: int, pairs: dict[int, int]) -> bool:
        """Word i is a closing quote or bracket that belongs to the sentence before it."""
        if self.kinds[i] in _CLOSE or (self.kinds[i] == '"' and i not in pairs):
            return self.glued(i) or not self.glued(i + 1)
        return self.kinds[i] == "'" and self.glued(i)

    def split(self, first: int, last: int) -> Iterator[int]:
        """Where the sentences of one line end, as word indices."""
        pairs = self.quotations(first, last)
        start = i = first
        while i < last:
            if i in pairs:
                ends, i = self.quotation_stops(start, i, pairs[i]), pairs[i] + 1
            elif self.kinds[i] in _ENDS:
                j = i + 1
                while j < last and self.kinds[j] in _ENDS:
                    j += 1
                ends, i = self.stop(start, i, j, last), j
            else:
                ends, i = False, i + 1
            if ends:
                while i < last and (self.kinds[i] in _ENDS or self.closes(i, pairs)):
                    i += 1
                if i == last or self.kinds[i] not in ",،;؛:":
                    yield i
                    start = i
        if start < last:
            yield last

    def wordlike(self, first: int, last: int) -> bool:
        """Some word from first to last is more than punctuation or an emoji."""
        return any(kind.isalnum() and kind not in "ερτπ" for kind in self.kinds[first:last])

    def cut(self, first: int, last: int, max_words: int) -> int:
        """The best place to cut a long sentence: after ؛ … and the like, a comma, before a conjunction, at a space."""
        high = first + min(max_words, last - first - max_words // 4)
        low = first + max((high - first) // 2, 1)
        best, best_rank = high, -1
        for i in range(high, low - 1, -1):
            if self.glued(i):
                continue
            before, (start, end) = self.kinds[i - 1], self.spans[i]
            joins = _CONJUNCTION.match(self.text, start, end)
            rank = 3 if before in ".!?؟…؛;" else 2 if before in "،,:" else 1 if joins else 0
            if rank > best_rank:
                best, best_rank = i, rank
        return best


def sentences(text: str, max_words: int = 100) -> list[Span]:
    """Every sentence of the text, trimmed to its words; each word lies in exactly one sentence and none is cut.

    A line end always ends a sentence; so do . ! ? ؟ with the closing quotes behind them. Not: the stop of an initial
    (د. J.), a list number (1.), a decimal or a URL; an ellipsis; a stop inside a quotation of up to 60 words. A
    sentence of more than ``max_words`` words (punctuation counts) is cut at the best place inside.
    """
    if max_words < 1:
        raise ValueError(f"max_words must be at least 1, not {max_words}")
    tokens = _Tokens(text)
    found: list[Span] = []
    for line_start, line_end in tokens.lines():
        pieces: list[Span] = []
        first = line_start
        for last in tokens.split(line_start, line_end):
            if pieces and not tokens.wordlike(first, last):
                pieces[-1] = (pieces[-1][0], last)
            else:
                pieces.append((first, last))
            first = last
        for start, last in pieces:
            first = start
            while first < last:
                cut = tokens.cut(first, last, max_words) if last - first > max_words else last
                found.append((tokens.spans[first][0], tokens.spans[cut - 1][1]))
                first = cut
    return found


# ------------------------------------------------------------------------------------------------------------- names


_PROCLITIC = re.compile(f"[وفبكل]([\u064b-\u065f\u0670ـ{''.join(_JOINERS)}]*)")
_LONE_BA = frozenset("بمتقجسخذز")  # few names begin with ب and one of these, many words do: بمطار، بتنظيم، بقرار
# Folded words whose first letter is their own.
_OWN_WA = re.compile(
    "(?:وزار|وكال|ولاي|وحد)(?:ه|ات)|وزير|وزراء|ول[يد]|وليد|وف[دا]|وفاء|وقف|وس[اي]م|"
    "وسايل|وساطه|وهيب|وهاب|وهبي|وول|وضع|وصول|وجود|وثيقه|ورشه"
)
_OWN_LA = re.compile(
    "(?:لبنان|ليبي)(?:ا|ي|يون|يين)?|لندن|لج(?:نه|ان)|لحج|لواء|لو(?:كسمبورغ|زان|س|يس|لا|ران)|لحود|لطفي|"
    "لي(?:ون|و|لي|برمان|توانيا|بيريا|ندسي|ما|كود|ز)|لا(?:هاي|فروف|ريجاني|تفيا|وس|بيد|را|غوس|جي(?:ون|ين)?)"
)
_OWN_KA = "كاس"  # كأس, of all that begin with كأ


def strip_proclitics(word: str) -> list[str]:
    """Readings of a name without an attached و ف ب ك ل لل (and, so, in, like, to, to the), most plausible first.

    These are candidates, the word itself among them: spelling alone does not tell whether the first letter belongs to
    the name, the other mentions in the article do. A name of several words is read at its first.

    >>> strip_proclitics("والسعودية"), strip_proclitics("لإيران"), strip_proclitics("بغداد")
    (['السعودية', 'والسعودية'], ['إيران', 'لإيران'], ['بغداد', 'غداد'])
    """
    return list(dict.fromkeys(_readings(word, "وفبكل")))


def _readings(word: str, letters: str) -> Iterator[str]:
    """The word under each reading in which at most one of the letters (then one of ب ك ل) is attached to its front."""
    clitic = _PROCLITIC.match(word)
    rest = word[clitic.end() :] if clitic else ""
    first, next_first = fold(word).partition(" ")[0], fold(rest).partition(" ")[0]
    if not clitic or word[0] not in letters or len(next_first) < 2:
        yield word
        return
    letter, further = word[0], "بكل" if word[0] in "وف" else ""
    if letter == "ل" and rest[0] == "ل":  # للسعودية = ل + السعودية, but للبنان = ل + لبنان and للاذقية = ل + اللاذقية
        article = "ال" + rest[1:]
        yield from [rest, article] if _OWN_LA.fullmatch(next_first) else [article, rest]
        yield "ال" + rest
        yield word
        return
    attached = (
        (next_first.startswith("ال") and len(next_first) > 3)
        or (next_first.startswith(("لل", "بال", "كال")) and letter in "وف" and len(next_first) > 5)
        or (rest[0] in "أإآ" and first != _OWN_KA)
        or not "\u0621" <= rest[0] <= "\u06ff"
        or "ـ" in clitic[1]
        or (letter == "و" and not _OWN_WA.fullmatch(first) and rest[0] not in "اي")
        or (letter == "ل" and not _OWN_LA.fullmatch(first))
        or next_first == _OWN_KA
        or (letter == "ب" and (rest[0] in _LONE_BA or _OWN_WA.fullmatch(next_first) or _OWN_LA.fullmatch(next_first)))
    )
    if not attached:
        yield word
    yield from _readings(rest, further)
    if attached:
        yield word


class _Folding(dict[int, str]):
    """Decomposed code point → its folded form, for ``str.translate``."""

    def __missing__(self, code: int) -> str:
        ch = chr(code)
        if ch in _DROPPED or unicodedata.category(ch)[0] in "CM":
            ch = " " if ch.isspace() else ""
        elif ch.isdecimal():
            ch = str(unicodedata.decimal(ch))
        self[code] = ch
        return ch


_DROPPED = frozenset("ـ\"'`´«»‹›“”„‟‘’‚")
_FOLDING = _Folding(
    {ord(ch): to for to, chars in {"ا": "ٱ", "ي": "ىیې", "ه": "ةۃہھە", "ك": "ک", " ": "_"}.items() for ch in chars}
)


def fold(text: str) -> str:
    """A spelling-independent form for comparing names; offsets are NOT kept.

    Diacritics, tatweel, quotes and zero-width characters go, أإآٱ become ا, ؤ و, ئ ي, ى ي, ة ه, Persian and Urdu ک ی
    become ك ي, ligatures and presentation forms their letters, all digits ASCII; underscores (of hashtags) and runs of
    white space become one space; Latin loses case and accents. پ چ گ ڤ stay. ``fold(fold(x)) == fold(x)``.
    """
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return " ".join(decomposed.translate(_FOLDING).split())
