"""What the tests of all rooms share: a tiny tokenizer, encoder and model, made in seconds, and annotated articles.

Every sentence, place and person is invented.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Before anything imports torch, transformers or tokenizers: one thread, no network, and no GPU, whose sums vary.
os.environ |= {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}

import pytest
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer

from mawaqif.article import Article
from mawaqif.labels import LabelSet

# A busy machine is no fault of the code.
settings.register_profile("mawaqif", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mawaqif")

SENTENCES = (
    "أعلن حزب النخيل الأخضر رفضه خطة الجسر الجديد.",
    "وقال رئيس الحزب سامر الوراق إن الخطة ستضر بمدينة واحة الريم.",
    "ورحبت وزارة الطرق في سلوانيا بالخطة، ووصفتها بأنها ضرورية.",
    "انتقدت صحيفة المنارة قرار مجلس واحة الريم إغلاق سوق السمك.",
    "ودافع نعيم الزيتوني عن القرار وأشاد بالمجلس أمام الصحفيين.",
    "لكن اتحاد الصيادين هاجم المجلس بشدة ودعا إلى إضراب عام.",
    "والقرار خطوة موفقة تخدم سكان المدينة جميعا.",
    "اجتمعت لجنة المياه أمس في قصر السرو لبحث قانون الآبار.",
    "أيدت نقابة المزارعين قانون الآبار وطالبت بتطبيقه فورا.",
    "ورفضت شركة الينابيع القانون، وقالت إنه يهدد 3500 عامل.",
    "وصل وفد سلوانيا إلى واحة الريم يوم 12 مارس 2031.",
    "أدان البرلمان هجوم الميناء القديم ووصفه بالعمل الجبان.",
    "رحب السلوانيون باتفاق الحدود مع جمهورية تلال الغيم.",
    "قالت الوزيرة هالة البستاني إن الحكومة تدعم الاتفاق.",
    "نشر الحزب بيانه على www.example.org وعلى @nakhil_party.",
    "وأكد المتحدث أن المفاوضات ستبدأ الأسبوع المقبل.",
    "يقع مطار السهل على بعد 20 كيلومترا من العاصمة.",
    "شارك آلاف الطلاب في مسيرة القمر احتجاجا على رفع الرسوم.",
    "طالب الطلاب الحكومة بالتراجع عن رفع الرسوم.",
    "وحذر خبراء من أن نهر الزمرد قد يجف خلال عشر سنوات.",
    "وعد الرئيس بإصلاح الطرق وبناء مدارس جديدة.",
    "اتهم زعيم المعارضة الحكومة بالفشل في إدارة الأزمة.",
    "رد وزير الطرق بأن المعارضة تبحث عن الأضواء.",
    "ووافق المجلس على الميزانية بأغلبية 61 صوتا.",
    "تراجعت أسعار القمح بنسبة 4.5% هذا الشهر.",
    "وأعرب الأهالي عن غضبهم من انقطاع الكهرباء.",
    "زار الوفد مصنع الزجاج في بلدة القناديل.",
    "The ministry of roads said the new bridge is open.",
    "كتب مراسل صحيفة المنارة من بلدة القناديل.",
    "انتهى الاجتماع من دون بيان مشترك.",
)


def annotate(
    id: str,
    sentences: Sequence[int],
    entities: Mapping[str, tuple[str, str, Sequence[str]]],
    stances: Sequence[tuple[str, str, str, str, str]],
    **fields: Any,
) -> Article:
    """An article of SENTENCES; entities: id to type, name, mentions; stances: holder, target, stance, voice, evidence.

    Mentions and evidence are whole words, of which the first occurrence is meant.
    """
    text = " ".join(SENTENCES[n] for n in sentences)

    def span(words: str) -> tuple[int, int]:
        found = re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text)
        assert found, words
        return found.span()

    mentions = [
        {"start": start, "end": end, "type": type_, "entity": key}
        for key, (type_, _, found) in entities.items()
        for start, end in map(span, found)
    ]
    return Article.from_dict(
        {
            "id": id,
            "text": text,
            "mentions": sorted(mentions, key=lambda mention: mention["start"]),
            "entities": [{"id": key, "type": type_, "name": name} for key, (type_, name, _) in entities.items()],
            "stances": [
                {"holder": holder, "target": target, "stance": stance, "voice": voice, "evidence": span(evidence)}
                for holder, target, stance, voice, evidence in stances
            ],
            **fields,
        }
    )


@pytest.fixture(scope="session")
def labels() -> LabelSet:
    return LabelSet.default()


@pytest.fixture
def gold_articles(annotated: list[Article]) -> list[Article]:
    """The annotated articles, as copies to change."""
    return [article.model_copy(deep=True) for article in annotated]


@pytest.fixture(scope="session")
def annotated() -> list[Article]:
    """Three annotated articles, with every voice, both stances and a stance of the author."""
    bridge = annotate(
        "a1",
        (0, 1, 2),
        {
            "e1": ("ORG", "حزب النخيل الأخضر", ["حزب النخيل الأخضر", "الحزب"]),
            "e2": ("ISSUE", "خطة الجسر الجديد", ["خطة الجسر الجديد", "الخطة", "بالخطة"]),
            "e3": ("PERS", "سامر الوراق", ["سامر الوراق"]),
            "e4": ("GPE", "واحة الريم", ["واحة الريم"]),
            "e5": ("ORG", "وزارة الطرق", ["وزارة الطرق"]),
            "e6": ("GPE", "سلوانيا", ["سلوانيا"]),
        },
        [
            ("e1", "e2", "against", "speech", "أعلن حزب النخيل الأخضر رفضه خطة الجسر الجديد"),
            ("e3", "e2", "against", "speech", "الخطة ستضر بمدينة واحة الريم"),
            ("e5", "e2", "favor", "narration", "ورحبت وزارة الطرق في سلوانيا بالخطة"),
        ],
        terms="open",
    )
    market = annotate(
        "a2",
        (3, 4, 5, 6),
        {
            "e1": ("ORG", "صحيفة المنارة", ["صحيفة المنارة"]),
            "e2": ("ORG", "مجلس واحة الريم", ["مجلس واحة الريم", "بالمجلس", "المجلس"]),
            "e3": ("ISSUE", "إغلاق سوق السمك", ["قرار", "إغلاق سوق السمك", "والقرار"]),
            "e4": ("PERS", "نعيم الزيتوني", ["نعيم الزيتوني"]),
            "e5": ("ORG", "اتحاد الصيادين", ["اتحاد الصيادين"]),
        },
        [
            ("e1", "e3", "against", "speech", "انتقدت صحيفة المنارة قرار"),
            ("e4", "e2", "favor", "speech", "وأشاد بالمجلس"),
            ("e5", "e2", "against", "action", "هاجم المجلس بشدة"),
            ("AUTHOR", "e3", "favor", "narration", "خطوة موفقة تخدم سكان المدينة"),
        ],
        terms="open",
    )
    wells = annotate(
        "a3",
        (7, 8, 9, 29),
        {
            "e1": ("ORG", "لجنة المياه", ["لجنة المياه"]),
            "e2": ("FAC", "قصر السرو", ["قصر السرو"]),
            "e3": ("LAW", "قانون الآبار", ["قانون الآبار", "القانون"]),
            "e4": ("ORG", "نقابة المزارعين", ["نقابة المزارعين"]),
            "e5": ("ORG", "شركة الينابيع", ["شركة الينابيع"]),
        },
        [
            ("e4", "e3", "favor", "speech", "أيدت نقابة المزارعين قانون الآبار"),
            ("e5", "e3", "against", "speech", "ورفضت شركة الينابيع القانون"),
        ],
        terms="closed",
    )
    return [bridge, market, wells]


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Tokenizer:
    """The project's own tokenizer, with some 400 pieces learned from SENTENCES."""
    from mawaqif.train.tokenizer import train_tokenizer

    return train_tokenizer(SENTENCES * 3, 400)


@pytest.fixture(scope="session")
def tiny_shape(tiny_tokenizer: Tokenizer) -> dict[str, int]:
    """The configuration of a tiny encoder of any kind."""
    return {
        "vocab_size": tiny_tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 128,
    }


@pytest.fixture(scope="session")
def tiny_modernbert(tiny_shape: dict[str, int]) -> dict[str, int]:
    """The configuration of a tiny ModernBERT with a global and a local layer."""
    special = {"pad_token_id": 0, "bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
    return {**tiny_shape, "local_attention": 16, "global_attn_every_n_layers": 2, **special}


@pytest.fixture(scope="session")
def tiny_encoder(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer, tiny_modernbert: dict[str, int]
) -> Path:
    """A Hugging Face directory of a random two-layer ModernBERT for 128 positions, as pre-training saves it."""
    import torch
    from transformers import ModernBertConfig, ModernBertForMaskedLM

    from mawaqif.train.pretrain import save_encoder

    directory = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    save_encoder(ModernBertForMaskedLM(ModernBertConfig(**tiny_modernbert)), tiny_tokenizer, directory)
    return directory


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, labels: LabelSet) -> Path:
    """A saved model with random weights: it finds mentions and stances, though no sensible ones."""
    import torch

    from mawaqif.model import JointModel
    from mawaqif.train.encoders import load_encoder

    directory = tmp_path_factory.mktemp("model")
    encoder, tokenizer = load_encoder(str(tiny_encoder))
    torch.manual_seed(0)
    settings = {"max_tokens": 64, "stance_width": 32, "stance_heads": 2, "min_score": 0.5}
    JointModel(encoder, labels, settings).save(directory, tokenizer)
    return directory


@pytest.fixture(scope="session")
def tiny_onnx_model(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The same model with its ONNX graphs."""
    from mawaqif.train.export import export_onnx

    directory = tmp_path_factory.mktemp("onnx") / "model"
    shutil.copytree(tiny_model, directory)
    export_onnx(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_word_model(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, labels: LabelSet) -> Path:
    """A model that has vectors of whole words too, with its ONNX graphs."""
    import torch

    from mawaqif.model import JointModel, WordVectors
    from mawaqif.train.encoders import load_encoder
    from mawaqif.train.export import export_onnx
    from mawaqif.words import WordTable, fold_word

    directory = tmp_path_factory.mktemp("words") / "model"
    encoder, tokenizer = load_encoder(str(tiny_encoder))
    torch.manual_seed(0)
    settings = {"max_tokens": 64, "stance_width": 32, "stance_heads": 2, "min_score": 0.5}
    words = [fold_word(word) for word in ("الحزب", "المجلس", "سلوانيا", "الريم", "خطة", "قرار", "رفضه", "نعيم")]
    vectors = WordVectors.begin(WordTable(words, tokenizer), torch.randn(len(words), 16), encoder.config.hidden_size)
    torch.nn.init.normal_(vectors.into.weight)
    model = JointModel(encoder, labels, settings, words=vectors)
    model.save(directory, tokenizer)
    export_onnx(directory)
    return directory


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser; skipped where playwright or Chromium is not there.

    It ends with its module: while it lasts an event loop is running, and other tests start their own.
    """
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
