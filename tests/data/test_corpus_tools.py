"""mawaqif data split, stats, agreement and sample."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mawaqif.article import AUTHOR, Article
from mawaqif.cli import app
from mawaqif.data.formats import read, write
from mawaqif.data.sample import doubt, sample
from mawaqif.data.split import parse_parts, split
from mawaqif.data.stats import statistics
from mawaqif.data.stats_page import to_html
from mawaqif.errors import ConfigError, InputError
from mawaqif.eval.agreement import differences
from mawaqif.labels import LabelSet

THREE = {"train": 0.8, "dev": 0.1, "test": 0.1}


@pytest.fixture(scope="module")
def corpus() -> list[Article]:
    directory = Path(str(files("mawaqif.data"))) / "corpus"
    return [article for part in ("train", "dev", "test") for article in read(directory / f"{part}.jsonl")]


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


# -------------------------------------------------------------------------------------------------------------- split


def numbered(count: int) -> list[Article]:
    """Articles that share no trigram, each of one of two sources."""
    letters = "بتثجحخدذرزسشصضطظعغفقكلمنهوي"
    texts = [
        " ".join(letters[(i * k + k) % 27] * (i % 5 + 2) + letters[i % 27] for k in range(1, 7)) for i in range(count)
    ]
    return [Article(id=f"n{i}", text=f"{text} {i}", source="أ" if i % 3 else "ب") for i, text in enumerate(texts)]


def test_the_parts_are_like_the_whole(corpus: list[Article]) -> None:
    parts = split(corpus, THREE)
    assert {name: len(articles) for name, articles in parts.items()} == {"train": 163, "dev": 21, "test": 20}
    assert sorted(a.id for part in parts.values() for a in part) == sorted(a.id for a in corpus)

    def count(articles: list[Article], label: str) -> int:
        return sum(stance.stance == label for article in articles for stance in article.stances)

    for label in ("favor", "against"):
        for name, share in THREE.items():
            assert count(parts[name], label) / count(corpus, label) == pytest.approx(share, abs=0.012)
    for name in ("dev", "test"):
        assert len({(a.model_extra or {})["topic"] for a in parts[name]}) == 12  # every topic is in every part


def test_a_split_is_the_same_again_and_another_with_another_seed(corpus: list[Article]) -> None:
    first, again, other = (split(corpus[:60], THREE, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert [a.id for a in first["test"]] != [a.id for a in other["test"]]


@given(
    count=st.integers(1, 60),
    shares=st.lists(st.floats(0.05, 1), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    copies=st.integers(0, 5),
)
def test_every_article_is_in_one_part_and_copies_are_together(
    count: int, shares: list[float], seed: int, copies: int
) -> None:
    articles = numbered(count)
    doubles = [a.model_copy(update={"id": f"{a.id} again"}) for a in articles[:copies]]
    parts = split([*articles, *doubles], {f"p{i}": share / sum(shares) for i, share in enumerate(shares)}, seed=seed)
    where = {article.id: name for name, part in parts.items() for article in part}
    assert Counter(where.keys()) == Counter(article.id for article in [*articles, *doubles])
    assert all(where[double.id] == where[double.id.removesuffix(" again")] for double in doubles)
    if not doubles:
        for i, share in enumerate(shares):
            assert abs(len(parts[f"p{i}"]) - count * share / sum(shares)) < 1


@pytest.mark.parametrize("text", ["train", "train=x", "a=1,a=2", "a=0", "a=-1", "=1", "a=inf", "a/b=1", ""])
def test_parts_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match=r"train=0\.8"):
        parse_parts(text)


def test_the_split_command(tmp_path: Path, corpus: list[Article]) -> None:
    write(corpus[:10], tmp_path / "all.jsonl")
    status, output = run("split", tmp_path / "all.jsonl", "-o", tmp_path / "out", "--parts", "train=8,test=2")
    assert (status, len(output.splitlines())) == (0, 2)
    assert [len(list(read(tmp_path / "out" / f"{name}.jsonl"))) for name in ("train", "test")] == [8, 2]
    with pytest.raises(InputError, match="there already"):
        run("split", tmp_path / "all.jsonl", "-o", tmp_path / "out", "--parts", "train=8,test=2")


# -------------------------------------------------------------------------------------------------------------- stats


def test_statistics(gold_articles: list[Article], labels: LabelSet) -> None:
    found = statistics(gold_articles, labels)
    assert (found.articles, found.by_author) == (3, 1)
    assert found.stances == {
        "favor": {"speech": 2, "action": 0, "narration": 2},
        "against": {"speech": 4, "action": 1, "narration": 0},
    }
    assert list(found.mentions) == list(labels.type_names)
    assert found.mentions["PERS"] == 2
    assert found.entities["ORG"] == 8
    assert found.fields == {"terms": {"open": 2, "closed": 1}}
    spread = found.stances_an_article
    assert (spread.least, spread.median, spread.mean, spread.most, spread.total) == (2, 3.0, 3.0, 4, 9)
    assert spread.histogram == [(2, 3, 1), (3, 4, 1), (4, 5, 1)]
    assert ("قانون الآبار", {"favor": 1, "against": 1}) in found.for_and_against
    assert ("سلوانيا", "GPE", 1) in found.names


def test_statistics_of_nothing_and_of_unknown_labels(labels: LabelSet) -> None:
    assert statistics([], labels).words.histogram == []
    odd = Article.from_dict({"id": "x", "text": "حزب", "mentions": [{"start": 0, "end": 3, "type": "PARTY"}]})
    assert statistics([odd], labels).mentions["PARTY"] == 1
    assert "PARTY" in to_html(statistics([odd], labels), labels)


def test_the_stats_command(tmp_path: Path, gold_articles: list[Article]) -> None:
    gold_articles[0].entities[0].name = "<b>حزب</b>"
    write(gold_articles, tmp_path / "a.jsonl")
    status, output = run("stats", tmp_path / "a.jsonl", "--json", "--html", tmp_path / "a.html")
    assert status == 0
    assert json.loads(output)["stances_an_article"]["total"] == 9
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 8
    assert "<b>حزب" not in page
    assert "&lt;b&gt;حزب" in page
    assert "against: 4" not in page  # stacked by voice
    assert "speech: 4" in page
    assert run("stats", tmp_path / "a.jsonl")[1].startswith("articles: 3\n")


# ---------------------------------------------------------------------------------------------------------- agreement


def test_differences_are_named(annotated: list[Article], gold_articles: list[Article]) -> None:
    assert list(differences(gold_articles, gold_articles)) == []
    first = gold_articles[0]
    lost = next(m for m in first.mentions if m.entity == "e6")
    first.mentions.remove(lost)
    first.stances[0].stance = "favor"
    first.stances[1].voice = "action"
    del first.stances[2]
    told = list(differences(annotated, gold_articles[:2]))
    assert [(d["what"], d["a"] is None, d["b"] is None) for d in told] == [
        ("mention", False, True),
        ("stance", False, False),
        ("stance", False, False),
        ("stance", False, True),
    ]
    assert "سلوانيا" in told[0]["a"]
    assert told[1]["b"].startswith("حزب النخيل الأخضر → خطة الجسر الجديد: favor, speech (أعلن")


def test_nothing_in_common_is_an_error() -> None:
    bare, other = [Article(id="x", text="لا شيء هنا.")], [Article(id="y", text="لا شيء هنا.")]
    with pytest.raises(InputError, match="no article is in both"):
        list(differences(bare, other))


def test_the_agreement_command(tmp_path: Path, gold_articles: list[Article]) -> None:
    write(gold_articles, tmp_path / "a.jsonl")
    gold_articles[0].stances[0].stance = "favor"
    write(gold_articles, tmp_path / "b.conll")
    out = tmp_path / "d.jsonl"
    status, output = run("agreement", tmp_path / "a.jsonl", tmp_path / "b.conll", "--json", "--differences", out)
    assert (status, json.loads(output)["labels"]["units"]) == (0, 9)
    assert [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()] == ["a1"]
    assert "Krippendorff" in run("agreement", tmp_path / "a.jsonl", tmp_path / "b.conll")[1]


# ------------------------------------------------------------------------------------------------------------- sample


def scored(id: str, text: str, mentions: float, stances: float) -> Article:
    """An article with eight mentions and one stance of the given scores."""
    spans = [{"start": i, "end": i + 1, "type": "ORG", "entity": f"e{i}", "score": mentions} for i in range(8)]
    entities: list[Any] = [{"id": f"e{i}", "type": "ORG", "name": "س"} for i in range(8)]
    pairs = [{"holder": AUTHOR, "target": f"e{i}", "stance": "favor", "score": stances} for i in range(8)]
    return Article.from_dict({"id": id, "text": text, "mentions": spans, "entities": entities, "stances": pairs})


def test_doubt_is_greatest_at_one_half() -> None:
    doubts = [doubt(scored("x", "نص طويل هنا", p, p)) for p in (0.5, 0.7, 0.9, 0.99, 1.0)]
    assert doubts[0] == pytest.approx(1)
    assert doubts == sorted(doubts, reverse=True)
    assert doubts[-1] == 0
    assert doubt(scored("x", "نص طويل هنا", 0.5, 1.0)) == pytest.approx(0.5)
    assert doubt(Article(id="x", text="لا شيء")) == 0


def test_the_least_sure_come_first_and_not_all_of_one_topic() -> None:
    fish = "بحث وزير الصيد حصص السردين ومواسم الصيد في الميناء مع البحارة"
    water = "نقص المياه والآبار يهدد مزارع الزيتون والمزارعين في السهول"
    articles = [scored(f"fish{i}", f"{fish} {i}", 0.5, 0.5 + i / 100) for i in range(4)]
    articles += [scored("water", water, 0.75, 0.75), scored("sure", "شيء آخر تماما لا علاقة له بما سبق", 1, 1)]
    assert [a.id for a in sample(articles, 3, diversity=0)] == ["fish0", "fish1", "fish2"]
    taken = sample(articles, 3, diversity=0.5)
    assert [a.id for a in taken][:2] == ["fish0", "water"]
    assert (taken[0].model_extra or {})["doubt"] == 1.0
    assert len(sample(articles, 99)) == 6
    with pytest.raises(InputError, match="mawaqif tag"):
        sample([Article(id="x", text="لا شيء")], 1)


def test_the_sample_command(tmp_path: Path) -> None:
    write([scored(f"n{i}", f"نص رقم {i} من عشرة", 0.5 + i / 20, 0.9) for i in range(10)], tmp_path / "tagged.jsonl")
    write([Article(id="n0", text="نص")], tmp_path / "done.jsonl")
    arguments = ("-n", "2", "--diversity", "0", "--exclude", tmp_path / "done.jsonl", "-o", tmp_path / "next.jsonl")
    assert run("sample", tmp_path / "tagged.jsonl", *arguments) == (0, "2 articles\n")
    assert [article.id for article in read(tmp_path / "next.jsonl")] == ["n1", "n2"]
    assert run("sample", tmp_path / "tagged.jsonl", *arguments, "--clean") == (0, "2 articles\n")
    assert [len(article.mentions) for article in read(tmp_path / "next.jsonl")] == [0, 0]
