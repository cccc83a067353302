"""The commands of the evaluation room, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mawaqif.article import Article
from mawaqif.cli import app
from mawaqif.errors import MawaqifError
from mawaqif.jsonl import read_articles, write_articles


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def gold(tmp_path: Path, gold_articles: list[Article]) -> Path:
    write_articles(gold_articles, tmp_path / "gold.jsonl")
    return tmp_path / "gold.jsonl"


@pytest.fixture
def poorer(tmp_path: Path, gold_articles: list[Article]) -> Path:
    """Gold without the first stance of each article."""
    write_articles([a.model_copy(update={"stances": a.stances[1:]}) for a in gold_articles], tmp_path / "poorer.jsonl")
    return tmp_path / "poorer.jsonl"


def test_a_train_file_adds_the_gazetteer_and_the_seen_slices(gold: Path, poorer: Path) -> None:
    report = json.loads(run("evaluate", poorer, gold, "--json", "--train", gold)[1])
    assert set(report["baselines"]) == {"majority", "lexicon", "gazetteer"}
    assert {part["by"] for part in report["slices"]} >= {"length", "mention", "pair of the edge"}
    assert set(json.loads(run("evaluate", poorer, gold, "--json")[1])["baselines"]) == {"majority", "lexicon"}


def test_output_is_another_name_for_predictions(tiny_onnx_model: Path, gold: Path, tmp_path: Path) -> None:
    assert run("evaluate", tiny_onnx_model, gold, "-o", tmp_path / "out.jsonl", "--threads", 1)[0] == 0
    assert len(list(read_articles(tmp_path / "out.jsonl"))) == len(list(read_articles(gold)))


def test_compare_tagged_articles(gold: Path, poorer: Path) -> None:
    status, out, err = run("compare", poorer, gold, gold, "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert found["scores"]["stances_micro_f1"]["b"] == 1
    assert found["scores"]["stances_micro_f1"]["difference"] > 0
    assert found["scores"]["mentions_all_micro_f1"]["p"] == 1
    assert "stances_given_gold_micro_f1" not in found["scores"]
    status, out, _ = run("compare", poorer, gold, gold)
    assert status == 0
    assert "Articles that changed most" in out


def test_compare_models(tiny_onnx_model: Path, gold: Path, poorer: Path) -> None:
    same = json.loads(run("compare", tiny_onnx_model, tiny_onnx_model, gold, "--json")[1])
    assert {row["p"] for row in same["scores"].values()} == {1}
    assert "stances_given_gold_micro_f1" in same["scores"]
    assert same["changed"] == []
    assert "stances_given_gold_micro_f1" not in json.loads(run("compare", tiny_onnx_model, poorer, gold, "--json")[1])


def test_files_that_hold_nothing_are_named(gold: Path, tmp_path: Path) -> None:
    with pytest.raises(MawaqifError, match="no such file"):
        run("compare", gold, tmp_path / "none.jsonl", gold)
    with pytest.raises(MawaqifError, match="no such file"):
        run("evaluate", gold, gold, "--train", tmp_path / "none.jsonl")


def test_robustness_needs_a_model(tiny_onnx_model: Path, gold: Path) -> None:
    with pytest.raises(MawaqifError, match="needs a model"):
        run("evaluate", gold, gold, "--robustness")
    report = json.loads(run("evaluate", tiny_onnx_model, gold, "--robustness", "--json")[1])
    assert "spelling" in report["robustness"]
    assert set(report["robustness"]["unseen names"]["stances_micro_f1"]) == {"a", "b", "difference", "low", "high", "p"}
    status, out, _ = run("evaluate", tiny_onnx_model, gold, "--robustness")
    assert status == 0
    assert "unseen names" in out


def test_html(gold: Path, poorer: Path, tmp_path: Path) -> None:
    status, out, _ = run("evaluate", poorer, gold, "--html", tmp_path / "report.html", "--json")
    assert (status, json.loads(out)["articles"]) == (0, 3)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "poorer.jsonl on gold.jsonl" in page
    assert page.count('data-kind="stance missed"') == 3


def test_conll_gold_and_prediction_under_coarse_types(tmp_path: Path) -> None:
    gold, predicted = tmp_path / "gold.conll", tmp_path / "predicted.jsonl"
    gold.write_text("زار O\nرند B-PER\nسمر B-LOC\n\nحزب B-ORG\nالندى I-ORG\n", encoding="utf-8")
    rows = [
        {"tokens": ["زار", "رند", "سمر"], "tags": ["O", "B-PERS", "B-GPE"]},
        {"tokens": ["حزب", "الندى"], "tags": ["B-ACTOR", "B-ORG"]},
    ]
    predicted.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = json.loads(run("evaluate", predicted, gold, "--coarse", "--json")[1])
    micro = report["mentions"]["micro"]
    assert (micro["right"], micro["predicted"], micro["gold"]) == (2, 3, 3)
    assert report["baselines"] == {}
    status, out, _ = run("evaluate", predicted, gold, "--coarse", "--html", tmp_path / "page.html")
    assert status == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "mentions_all_micro_f1" in page
    for text in (out, page):
        assert "Stances" not in text
        assert "stances_micro_f1" not in text
    with pytest.raises(MawaqifError, match="give one of the two"):
        run("evaluate", predicted, gold, "--coarse", "--robustness")


def test_agreement(gold: Path, poorer: Path) -> None:
    found = json.loads(run("data", "agreement", gold, poorer, "--json")[1])
    assert found["words"]["value"] == 1
    assert 0 < found["pairs"]["value"] < 1
    assert found["report"]["headline"]["mentions_all_micro_f1"]["value"] == 1
    status, out, _ = run("data", "agreement", gold, poorer)
    assert status == 0
    assert "Krippendorff" in out
