"""Builds the tokenizer of a model directory: normalisation, word splitting and sub-words in one `tokenizer.json`.

Because the normaliser runs inside the `tokenizers` library, every token's offsets point into the ORIGINAL text by
construction. The rules are those of AraBERT v0.2's preprocessor (Antoun et al. 2020, https://aclanthology.org/2020.osact-1.2):
diacritics and tatweel go, Arabic-Indic and Persian digits become ASCII, a character repeated more than twice is kept
twice, URLs, e-mail addresses and user names become one token each, punctuation and digits are split from letters.
Two differences are meant: پ چ گ ڤ and other letters are kept, and the embedded model's tokenizer also folds hamza
on alef (أ إ آ ٱ → ا), since scraped text writes it unreliably and a small encoder should not learn each name twice.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from mawaqif.errors import ConfigError
from mawaqif.words import CONTINUES, pieces_of

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
URL, EMAIL, USER = "[رابط]", "[بريد]", "[مستخدم]"

_ALPHABET = 400  # letters and signs, the most frequent, of which pieces are made
_DIGITS = [(chr(base + d), str(d)) for base in (0x0660, 0x06F0) for d in range(10)]
_INVISIBLE = r"[\u00AD\u061C\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFE0F\uFEFF]"
_DIACRITICS = r"[\u0610-\u061A\u064B-\u065F\u0670\u06D6-\u06ED]"


def normalizer(*, fold_alef: bool = True) -> normalizers.Normalizer:
    """The text rules of this module as one `tokenizers` normaliser."""
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace(Regex(r"(?:https?://|www\.)[^\s<>\"«»،؛]+"), f" {URL} "),
        normalizers.Replace(Regex(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+"), f" {EMAIL} "),
        normalizers.Replace(Regex(r"(?<![\w@])@\w+"), f" {USER} "),
        normalizers.NFKC(),
        normalizers.Replace(Regex(f"{_INVISIBLE}|{_DIACRITICS}|ـ"), ""),
        *(normalizers.Replace(digit, ascii_digit) for digit, ascii_digit in _DIGITS),
        normalizers.Replace("ی", "ي"),
        normalizers.Replace("ک", "ك"),
        normalizers.Replace(Regex(r"([^\d\s])\1\K\1+"), ""),
    ]
    if fold_alef:
        steps.append(normalizers.Replace(Regex("[أإآٱ]"), "ا"))
    return normalizers.Sequence([*steps, normalizers.Lowercase()])


def pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    """Runs of letters, runs of digits, and every other visible character by itself."""
    pieces = r"\[(?:رابط|بريد|مستخدم)\]|[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]"
    return pre_tokenizers.Split(Regex(pieces), behavior="removed", invert=True)


# What AraBERT v0.2's preprocessor keeps; it puts a space in place of everything else.
_ARABERT_KEPT = r"0-9\u0621-\u063A\u0640-\u066C\u0671-\u0674a-zA-Z\[\]!\"#$%'()*+,.:;\-<=·>?@\\^_`{|}~—٪’،؟`୍“؛”ۚ»؛\s«–…‘"
_ARABIC = r"\u0621-\u063A\u0641-\u064A\u0660-\u066C"
_ARABERT_URL = (
    r"(?:https?://.)?(?:www\.)?[-a-zA-Z0-9@:%._+~#=]{2,256}\.[a-z]{2,6}\b[-a-zA-Z0-9@:%_+.~#?&/=]*"
    r"|https?://[a-zA-Z0-9_\-./~?=%&]+|www[a-zA-Z0-9_\-?=%&/.~]+|[a-zA-Z]+\.com|http\S*|www\S*|://"
)
_ENTITIES = {"quot": '"', "amp": "&", "lt": "<", "gt": ">", "nbsp": " ", "#39": "'", "laquo": "«", "raquo": "»"}


def with_arabert_preprocessing(tokenizer: Tokenizer) -> Tokenizer:
    """AraBERT v0.2's own tokenizer with the rules of its preprocessor inside, so that raw text can be given to it.

    The reference is `ArabertPreprocessor("bert-base-arabertv02")` of the package arabert 1.0.1, followed by the same
    tokenizer. Where that puts spaces around a character or parts letters from digits, the pre-tokeniser cuts.
    """
    steps: list[normalizers.Normalizer] = [
        *(normalizers.Replace(f"&{entity};", char) for entity, char in _ENTITIES.items()),
        normalizers.Replace(Regex(r"[\u064B-\u0652ـ]"), ""),
        normalizers.Replace(Regex(_ARABERT_URL), f" {URL} "),
        normalizers.Replace(Regex(r"\S+@\S+"), f" {EMAIL} "),
        normalizers.Replace(Regex(r"@\w+"), f" {USER} "),
        normalizers.Replace(Regex(r"</?[^>]+>"), " "),
        *(normalizers.Replace(digit, ascii_digit) for digit, ascii_digit in _DIGITS[:10]),
        normalizers.Replace(Regex(r"(\D)\1\K\1+"), ""),
        normalizers.Replace("/", "-"),
        normalizers.Replace(Regex(f"[^{_ARABERT_KEPT}]"), " "),
    ]
    own = tokenizer.normalizer
    changed = Tokenizer.from_str(tokenizer.to_str())
    changed.normalizer = normalizers.Sequence([*steps, *([own] if own else [])])
    apart = rf"[0-9]+(?=[{_ARABIC}])|(?<=[{_ARABIC}])[0-9]+|[^0-9\u0621-\u063A\u0641-\u064A\u0660-\u0669a-zA-Z\[\]]"
    cuts = pre_tokenizers.Split(Regex(apart), behavior="isolated")
    changed.pre_tokenizer = pre_tokenizers.Sequence([tokenizer.pre_tokenizer, cuts])
    return changed


def train_tokenizer(texts: Sequence[str], vocab_size: int, *, fold_alef: bool = True) -> Tokenizer:
    """A WordPiece tokenizer of `vocab_size` pieces learned from `texts`, with [CLS] and [SEP] put around each input.

    The same texts give the same pieces with the same ids. The library alone numbers the letters inside words in the
    order of a hash table, and so breaks ties between pieces by chance, as it does between letters where there are more
    than it keeps; here both are chosen before, and letters inside words are numbered first, as special tokens of a
    learner whose vocabulary is then taken over without them.
    """
    special = [*SPECIAL_TOKENS, URL, EMAIL, USER]
    normal = normalizer(fold_alef=fold_alef)
    often = Counter(letter for text in texts for letter in normal.normalize_str(text) if not letter.isspace())
    alphabet = sorted(often, key=lambda letter: (-often[letter], letter))[:_ALPHABET]
    first = _learn(texts, special, 1, alphabet, fold_alef)
    letters = sorted(piece for piece in first if piece.startswith(CONTINUES))
    tokenizer = _empty(_learn(texts, special + letters, vocab_size, alphabet, fold_alef), fold_alef)
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B {SEP}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (CLS, SEP)],
    )
    return tokenizer


def _learn(
    texts: Sequence[str], first: list[str], vocab_size: int, alphabet: list[str], fold_alef: bool
) -> dict[str, int]:
    """The vocabulary of `vocab_size` pieces, or of the letters alone where that is more; `first` have the first ids."""
    learner = _empty({}, fold_alef)
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=first,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        min_frequency=3,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    return learner.get_vocab()


def _empty(vocab: dict[str, int], fold_alef: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=UNK, max_input_chars_per_word=100))
    tokenizer.normalizer = normalizer(fold_alef=fold_alef)
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def read_tokenizer(directory: Path, key: str) -> Tokenizer:
    """The tokenizer in a model directory; `key` is the setting that names it."""
    try:
        return Tokenizer.from_file(str(directory / "tokenizer.json"))
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigError(f"{key}: {directory / 'tokenizer.json'} cannot be read ({error})") from error


def special_pieces(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """Which pieces are special tokens. Shape [vocabulary]."""
    return np.isin(np.array(pieces_of(tokenizer)), SPECIAL_TOKENS)
