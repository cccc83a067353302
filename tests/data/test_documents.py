"""Documents are read whole, and those about who stands where are picked. Every name is invented."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from mawaqif.article import Article
from mawaqif.cues import count_cues
from mawaqif.data.documents import read_documents
from mawaqif.data.silver import pick_documents, silver
from mawaqif.errors import InputError
from mawaqif.labels import LabelSet
from mawaqif.text import words

TEXT = "قال الحزب\nفقرة ثانية\n\n\nوثيقة أخرى\n  \nثالثة\n"
DOCUMENTS = ["قال الحزب\nفقرة ثانية", "وثيقة أخرى", "ثالثة"]


@pytest.mark.parametrize("name", ["text.txt", "text.txt.xz"])
@pytest.mark.parametrize("text", [TEXT, "\ufeff" + TEXT, TEXT.strip(), TEXT.replace("\n", "\r\n")])
def test_documents_are_parted_by_blank_lines(tmp_path: Path, name: str, text: str) -> None:
    content = text.encode()
    (tmp_path / name).write_bytes(lzma.compress(content) if name.endswith("xz") else content)
    assert list(read_documents(tmp_path / name)) == DOCUMENTS


def test_a_share_is_random_and_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(f"وثيقة {n}" for n in range(400)), encoding="utf-8")
    first = list(read_documents(path, 0.3, seed=1))
    assert 80 < len(first) < 160
    assert list(read_documents(path, 0.3, seed=1)) == first
    assert list(read_documents(path, 0.3, seed=2)) != first
    assert len(list(read_documents(path))) == 400


@pytest.mark.parametrize("damage", ["cut", "garbled", "latin", "none", "directory"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / ("text.txt" if damage == "latin" else "text.txt.xz")
    packed = lzma.compress(TEXT.encode() * 50)
    if damage == "directory":
        path.mkdir()
    elif damage != "none":
        path.write_bytes({"cut": packed[:-20], "garbled": b"no xz at all", "latin": b"caf\xe9\n"}[damage])
    with pytest.raises(InputError, match="cannot be read as text") as caught:
        list(read_documents(path))
    assert caught.value.path == str(path)


STANCES = "رفض حزب النخيل الخطة، وأدان اتحاد الصيادين الحزب، ورحبت الوزيرة بالقرار. "
FILLER = "زار الوفد مصنع الزجاج في بلدة القناديل ثم عاد. "


def test_documents_with_stance_cues_are_picked(tmp_path: Path) -> None:
    path = tmp_path / "news.2031.txt"
    path.write_text("\n\n".join([FILLER * 10, STANCES + FILLER * 8, STANCES, STANCES + FILLER * 90]), encoding="utf-8")
    assert count_cues(STANCES, words(STANCES)) == 3
    picked = list(pick_documents(path, terms="open"))
    assert [article.id for article in picked] == ["news:2"]  # the others have no cue, too few words, too many
    assert (picked[0].model_extra or {})["terms"] == "open"
    assert len(list(pick_documents(path, min_cues=0, min_words=1, max_words=2000))) == 4


def test_silver_stances_take_the_place_of_others(gold_articles: list[Article], labels: LabelSet) -> None:
    weak = list(silver(gold_articles, labels))
    assert weak
    for article in weak:
        own = next(a for a in gold_articles if a.id == article.id)
        assert (article.text, article.mentions, article.entities) == (own.text, own.mentions, own.entities)
        assert article.stances != own.stances
        assert Article.from_json(article.to_json()) == article
    assert list(silver(gold_articles, labels, min_stances=99)) == []
