"""The command line: what goes in, what comes out, and what it says and returns when something is wrong."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import mawaqif
from mawaqif.article import Article
from mawaqif.cli import app, main
from mawaqif.jsonl import read_articles, write_articles
from mawaqif.saved import open_model

Fails = Callable[..., str]
TEXT = "رفض البرلمان النوري الخطة، وأيدها حزب النخيل.\nوقال سليم الوراق إن الخطة ستفشل!"


def run(*arguments: str | Path, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def articles_in(output: str) -> list[Article]:
    return [Article.from_json(line) for line in output.splitlines()]


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "n1.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Runs `main`, which must end with status 2, and gives what it wrote to standard error."""

    def fails(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["mawaqif", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert (stopped.value.code, out) == (2, "")
        return err

    return fails


# ---------------------------------------------------------------------------------------------------------------- tag


def test_a_text_becomes_one_line_of_json(tiny_onnx_model: Path, text_file: Path) -> None:
    status, out, err = run("tag", text_file, "-m", tiny_onnx_model, "--min-score", "0")
    assert (status, err) == (0, "")
    (article,) = articles_in(out)
    assert (article.id, article.text) == ("n1", TEXT)
    assert article.stances
    assert all(article.surface(mention) == TEXT[mention.start : mention.end] for mention in article.mentions)
    assert article == mawaqif.load(tiny_onnx_model)(Article(id="n1", text=TEXT), min_score=0)


def test_json_lines_keep_their_fields_and_order(tiny_onnx_model: Path, tmp_path: Path) -> None:
    records = [{"id": f"n{n}", "text": TEXT, "url": n} for n in range(40)]
    path = tmp_path / "news.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    status, out, _ = run("tag", path, "-m", tiny_onnx_model)
    assert status == 0
    assert [(a.id, a.text, a.model_extra) for a in articles_in(out)] == [
        (record["id"], TEXT, {"url": record["url"]}) for record in records
    ]


@pytest.mark.parametrize("stdin", [TEXT.encode(), json.dumps({"id": "stdin", "text": TEXT}).encode()])
def test_standard_input(tiny_onnx_model: Path, stdin: bytes) -> None:
    status, out, _ = run("tag", "-", "-m", tiny_onnx_model, stdin=stdin)
    assert status == 0
    assert [(a.id, a.text) for a in articles_in(out)] == [("stdin", TEXT)]


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_an_output_file(tiny_onnx_model: Path, text_file: Path, name: str) -> None:
    output = text_file.with_name(name)
    assert run("tag", text_file, "-m", tiny_onnx_model, "-o", output) == (0, "", "")
    assert [article.text for article in read_articles(output)] == [TEXT]
    assert (output.read_bytes()[:2] == gzip.compress(b"")[:2]) == name.endswith(".gz")


def test_an_html_page(tiny_onnx_model: Path, text_file: Path) -> None:
    page, other = text_file.with_name("page.html"), text_file.with_name("page.htm")
    assert run("tag", text_file, "-m", tiny_onnx_model, "-o", page) == (0, "", "")
    assert page.read_text(encoding="utf-8").startswith("<!")
    status, out, _ = run("tag", text_file, "-m", tiny_onnx_model, "--html", other)
    assert (status, len(articles_in(out))) == (0, 1)
    assert other.read_bytes() == page.read_bytes()
    output = text_file.with_name("out.jsonl")
    assert run("tag", text_file, "-m", tiny_onnx_model, "--html", page, "-o", output) == (0, "", "")
    assert len(list(read_articles(output))) == 1


def test_bad_records_are_named_and_the_rest_is_tagged(tiny_onnx_model: Path, tmp_path: Path, text_file: Path) -> None:
    news = tmp_path / "news.jsonl"
    news.write_bytes(
        json.dumps({"id": "a", "text": TEXT}).encode()
        + b'\n[oops]\n{"id": "b"}\n{"id": "c", "text": "\xc7"}\n'
        + json.dumps({"id": "d", "text": TEXT}).encode()
    )
    status, out, err = run("tag", news, "missing.txt", text_file, "-m", tiny_onnx_model)
    assert status == 1
    assert [article.id for article in articles_in(out)] == ["a", "d", "n1"]
    starts = [f"skipped {news}:2: ", f"skipped {news}:3: article 'b', ", f"skipped {news}:4: ", "skipped missing.txt: "]
    assert len(err.splitlines()) == len(starts)
    assert all(line.startswith(start) for line, start in zip(err.splitlines(), starts, strict=True))


def test_nothing_usable_is_status_1(tiny_onnx_model: Path, tmp_path: Path) -> None:
    status, out, err = run("tag", tmp_path, "-m", tiny_onnx_model)
    assert (status, out, len(err.splitlines())) == (1, "", 1)


def test_an_output_in_the_input_directory_is_not_read(tiny_onnx_model: Path, text_file: Path) -> None:
    output = text_file.with_name("out.jsonl")
    for _ in range(2):
        assert run("tag", text_file.parent, "-m", tiny_onnx_model, "-o", output)[0] == 0
        assert [article.id for article in read_articles(output)] == ["n1"]


def test_an_input_is_never_written_over(tiny_onnx_model: Path, tmp_path: Path, fails: Fails) -> None:
    news = tmp_path / "news.jsonl"
    news.write_text(before := json.dumps({"id": "a", "text": TEXT}), encoding="utf-8")
    for option in ("-o", "--html"):
        assert "is to be read and to be written" in fails("tag", news, "-m", tiny_onnx_model, option, news)
    assert news.read_text(encoding="utf-8") == before


def test_an_output_that_cannot_be_written_is_one_line(tiny_onnx_model: Path, text_file: Path, fails: Fails) -> None:
    error = fails("tag", text_file, "-m", tiny_onnx_model, "-o", text_file.with_name("none") / "out.jsonl")
    assert error == f"error {text_file.with_name('none') / 'out.jsonl'}: No such file or directory\n"
    assert "out.docx: cannot be written; choose a name" in fails(
        "tag", text_file, "-m", tiny_onnx_model, "-o", "out.docx"
    )


def test_a_terminal_gets_a_table(
    tiny_onnx_model: Path, text_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    app(["tag", str(text_file), "-m", str(tiny_onnx_model)], standalone_mode=False)
    assert "n1" in capsys.readouterr().out
    app(["tag", str(text_file), "-m", str(tiny_onnx_model), "--json"], standalone_mode=False)
    assert len(articles_in(capsys.readouterr().out)) == 1


# ------------------------------------------------------------------------------------------------------------- errors


def test_an_error_is_one_line_and_status_2(tmp_path: Path, text_file: Path, fails: Fails) -> None:
    assert (
        fails("tag", text_file, "-m", tmp_path / "[red]none")
        == f"error {tmp_path}/[red]none: no such model directory\n"
    )


@pytest.mark.parametrize(
    ("arguments", "module", "extra"),
    [
        (["train", "c.yaml"], "torch", "train"),
        (["train", "c.yaml"], "onnxscript", "train"),
        (["pretrain", "c.yaml"], "transformers", "train"),
        (["words", "c.yaml", "-o", "words"], "sklearn", "train"),
        (["boundaries", "model", "articles.jsonl"], "torch", "train"),
        (["export", "model"], "onnx", "train"),
        (["evaluate", "model", "gold.jsonl"], "seqeval", "eval"),
        (["evaluate", "model", "gold.jsonl"], "scipy", "eval"),
        (["calibrate", "model", "gold.jsonl"], "seqeval", "eval"),
    ],
)
def test_a_missing_extra_is_named(
    arguments: list[str], module: str, extra: str, monkeypatch: pytest.MonkeyPatch, fails: Fails
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert fails(*arguments) == (f"error this needs {module}, which is not installed: pip install 'mawaqif[{extra}]'\n")


def test_a_model_without_graphs_names_the_extra(
    tiny_model: Path, text_file: Path, monkeypatch: pytest.MonkeyPatch, fails: Fails
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert fails("tag", text_file, "-m", tiny_model).endswith("not installed: pip install 'mawaqif[train]'\n")


def test_version_and_help() -> None:
    assert run("--version") == (0, f"mawaqif {mawaqif.__version__}\n", "")
    assert "tag" in run("--help")[1]
    for command in ("tag", "train", "pretrain", "words", "evaluate", "calibrate", "boundaries", "export"):
        assert run(command, "--help")[0] == 0


# -------------------------------------------------------------------------------------------------------------- words


def test_vectors_of_words_are_made_from_text(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "text.txt").write_text("وصل الوفد إلى الميناء.\n\nغادر الوفد الميناء.\n", encoding="utf-8")
    config = tmp_path / "pretrain.yaml"
    config.write_text(f"output: {tmp_path}\nsources: [{{path: {tmp_path}/text.txt}}]\nmax_tokens: 1\nencoder: {{}}\n")
    made = ["words", config, "-o", tmp_path / "words", "-m", tiny_model, "--size", "2", "--width", "4"]
    assert run(*made) == (0, f"{tmp_path}/words: 2 words\n", "")
    assert set((tmp_path / "words" / "words.txt").read_text(encoding="utf-8").split()) == {"الوفد", "الميناء"}
    assert np.load(tmp_path / "words" / "vectors.npy").shape == (2, 4)


# ----------------------------------------------------------------------------------------------------------- evaluate

HEADLINE = {
    "mentions_named_micro_f1",
    "mentions_all_micro_f1",
    "entities_b3_f1",
    "stances_micro_f1",
    "stances_macro_f1",
    "stances_given_gold_micro_f1",
    "stances_given_gold_macro_f1",
    "tuples_weighted_f1",
}


@pytest.fixture
def gold(tmp_path: Path, gold_articles: list[Article]) -> Path:
    write_articles(gold_articles, tmp_path / "gold.jsonl")
    return tmp_path / "gold.jsonl"


def test_evaluate_prints_tables(tiny_onnx_model: Path, gold: Path, gold_articles: list[Article]) -> None:
    status, out, err = run("evaluate", tiny_onnx_model, gold)
    assert (status, err) == (0, "")
    assert all(name in out for name in HEADLINE)
    assert f"{len(gold_articles)} gold articles, {len(gold_articles)} of them predicted" in out


def test_evaluate_prints_json(tiny_onnx_model: Path, gold: Path, gold_articles: list[Article]) -> None:
    predicted = gold.with_name("predicted.jsonl")
    status, out, _ = run("evaluate", tiny_onnx_model, gold, "--json", "--predictions", predicted, "--min-score", 0)
    report = json.loads(out)
    assert (status, report["articles"], report["missing"]) == (0, len(gold_articles), 0)
    assert set(report["headline"]) == HEADLINE
    assert [a.id for a in read_articles(predicted)] == [a.id for a in gold_articles]


def test_evaluate_scores_tagged_articles(gold: Path, tmp_path: Path, gold_articles: list[Article]) -> None:
    """Whoever made them: here the cue lexicon, between gold entities."""
    silver = tmp_path / "silver.jsonl"
    status, out, _ = run("data", "silver", gold, "-o", silver, "--min-stances", 0)
    assert (status, out) == (0, f"{len(gold_articles)} articles\n")
    status, out, _ = run("evaluate", silver, gold, "--json")
    report = json.loads(out)
    assert status == 0
    assert report["headline"]["mentions_all_micro_f1"]["value"] == 1
    assert 0 < report["headline"]["stances_micro_f1"]["value"] < 1
    assert report["stances_given_gold"] is None


def test_documents_are_picked_from_text(tmp_path: Path) -> None:
    text = tmp_path / "news.txt"
    stance = "رفض حزب النخيل الخطة وأدان المجلس القرار ورحبت الوزيرة بالبيان. "
    text.write_text("\n\n".join([stance * 8, "زار الوفد المصنع. " * 30, stance * 9]), encoding="utf-8")
    status, out, _ = run("data", "documents", text, "-o", tmp_path / "news.jsonl", "--limit", 1, "--terms", "open")
    assert (status, out) == (0, "1 articles\n")
    assert [a.id for a in read_articles(tmp_path / "news.jsonl")] == ["news:1"]


def test_a_dry_run_trains_nothing(tiny_encoder: Path, gold: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"output: {tmp_path / 'run'}\ndata: {{train: [{gold}], dev: {gold}}}\n", encoding="utf-8")
    status, out, _ = run("train", config, f"model.encoder={tiny_encoder}", "model.max_tokens=128", "--dry-run")
    told = yaml.safe_load(out)
    assert (status, told["plan"]["articles"], told["configuration"]["model"]["max_tokens"]) == (0, 3, 128)
    assert not (tmp_path / "run").exists()


def test_broken_gold_is_named_and_the_rest_is_scored(tiny_onnx_model: Path, gold: Path) -> None:
    lines = gold.read_text(encoding="utf-8").splitlines()
    record = json.loads(lines[0]) | {"id": "broken"}
    record["mentions"][0]["end"] = 10**6
    lines.insert(1, json.dumps(record))
    gold.write_text("\n".join(lines), encoding="utf-8")
    status, out, err = run("evaluate", tiny_onnx_model, gold, "--json")
    assert (status, json.loads(out)["articles"]) == (1, len(lines) - 1)
    assert err.startswith(f"skipped {gold}:2: article 'broken', mentions[0]: ")
    assert err.count("\n") == 1


def test_gold_without_an_article_is_an_error(tiny_onnx_model: Path, tmp_path: Path, fails: Fails) -> None:
    assert "no such file" in fails("evaluate", tiny_onnx_model, tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text("[]\n")
    assert "bad.jsonl: holds no usable article" in fails("evaluate", tiny_onnx_model, tmp_path / "bad.jsonl")


def test_calibrate_sets_the_temperature_and_then_the_default_min_score(
    tiny_onnx_model: Path, tmp_path: Path, gold: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_onnx_model, model)
    status, out, err = run("calibrate", model, gold)
    assert (status, err) == (0, "")
    *tried, chosen = out.splitlines()
    tagger = mawaqif.load(model)
    scaling = tagger.scaling
    assert chosen == f"chosen: phrase_bias {scaling.phrase_bias}, min_score {tagger.min_score:.2f}"
    told = f"temperature {scaling.temperature:.3f}, none_bias {scaling.none_bias:+.3f}, NLL "
    (best,) = [line for line in tried if line.startswith(f"phrase_bias {scaling.phrase_bias}: {told}")]
    assert f"; min_score {tagger.min_score:.2f}, stance F1 " in best
    f1 = [float(line.split("F1 ")[1].split()[0]) for line in tried]
    assert len(f1) == 5
    assert f1[tried.index(best)] == max(f1)
    assert scaling.temperature != 1
    assert run("calibrate", model, gold) == (0, out, "")  # fitted anew at temperature 1, so the same


# ----------------------------------------------------------------------------------------------------- train and export


@pytest.fixture
def config(tmp_path: Path, tiny_model: Path, gold_articles: list[Article]) -> Path:
    write_articles(gold_articles[:2], tmp_path / "train.jsonl")
    settings = {
        "output": str(tmp_path / "run"),
        "data": {"train": [str(tmp_path / "train.jsonl")], "dev": str(tmp_path / "train.jsonl")},
        "model": {"encoder": str(tiny_model), "max_tokens": 128, "stance_width": 16, "stance_heads": 2},
        "training": {"epochs": 1, "batch_articles": 2},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return tmp_path / "run.yaml"


def test_train_leaves_a_model_that_tags(config: Path, text_file: Path) -> None:
    status, out, err = run("train", config, "training.seed=1")
    model = config.with_name("run")
    assert (status, out) == (0, f"{model}\n")
    assert "1/1" in err  # progress, with the dev scores
    card = (model / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlanguage: ar\n")
    assert "seed: 1" in card
    assert "train.jsonl" in card
    status, out, err = run("tag", text_file, "-m", model, "--engine", "onnx", "--min-score", 0)
    assert (status, err) == (0, "")
    assert articles_in(out)[0].stances


def test_crossfit_finds_entities_that_training_then_uses(config: Path) -> None:
    status, out, err = run("crossfit", config, "--folds", "2")
    assert (status, out) == (0, "2 articles\n"), err
    output = Path(yaml.safe_load(config.read_text(encoding="utf-8"))["output"])
    noisy = output / "noisy.jsonl"
    gold = list(read_articles(config.parent / "train.jsonl"))
    found = {article.id: article for article in read_articles(noisy)}
    assert {id_: article.text for id_, article in found.items()} == {article.id: article.text for article in gold}
    for number in range(2):
        left_out = json.loads((output / f"fold{number}" / "run.json").read_text(encoding="utf-8"))["data"]["fold"]
        assert left_out == {"number": number, "of": 2}
    status, _, err = run("train", config, f"data.noisy=[{noisy}]", "training.noisy_share=1.0")
    assert status == 0, err


def test_crossfit_with_a_model_that_is_there_trains_none(config: Path, tiny_model: Path) -> None:
    status, out, err = run("crossfit", config, "--model", tiny_model)
    assert (status, out) == (0, "2 articles\n"), err
    output = Path(yaml.safe_load(config.read_text(encoding="utf-8"))["output"])
    assert [path.name for path in output.iterdir()] == ["noisy.jsonl"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "unknown key 'training.epoch'; did you mean 'epochs'?"),
        ("training.epochs=many", "training.epochs = 'many': input should be a valid integer"),
        ("training.epochs", "override 'training.epochs': write it as key.sub=value"),
        ("data.dev=none.jsonl", "none.jsonl: there is no such file"),
        ("model.encoder=./none", "model.encoder: none: no such directory"),
    ],
)
def test_train_with_a_wrong_setting_says_which(config: Path, override: str, message: str, fails: Fails) -> None:
    error = fails("train", config, override)
    assert error.startswith("error ")
    assert message in error
    assert error.count("\n") == 1


def test_boundaries_are_fitted_and_used(tiny_onnx_model: Path, tmp_path: Path, gold: Path, text_file: Path) -> None:
    model = Path(shutil.copytree(tiny_onnx_model, tmp_path / "model"))
    articles = [
        tagged.model_copy(update={"id": str(n)})
        for n, tagged in enumerate(
            mawaqif.load(model).pipe([article.clean() for article in read_articles(gold)] * 4, min_score=0)
        )
    ]
    write_articles(articles, tmp_path / "unseen.jsonl")
    status, out, err = run("boundaries", model, tmp_path / "unseen.jsonl")
    assert status == 0, err
    assert re.fullmatch(r"\d+ mentions; 0\.\d+ of \d+ held out have the right bounds, \d\.\d+ with the network\n", out)
    assert run("tag", text_file, "-m", model, "--min-score", 0)[0] == 0


def test_boundaries_without_anything_to_learn_from(tiny_model: Path, tmp_path: Path, gold: Path, fails: Fails) -> None:
    write_articles([article.clean() for article in read_articles(gold)], tmp_path / "bare.jsonl")
    assert "only 0 mentions of ACTOR and ISSUE were found near annotated ones; give more articles" in fails(
        "boundaries", tiny_model, tmp_path / "bare.jsonl"
    )


def test_export_writes_the_graphs(tiny_model: Path, tmp_path: Path, text_file: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    status, out, _ = run("export", model)
    names = ("encoder.onnx", "stances.onnx", "encoder.int8.onnx", "stances.int8.onnx")
    assert (status, out.split()) == (0, [str(model / name) for name in names])
    assert run("tag", text_file, "-m", model, "--engine", "onnx")[0] == 0


@pytest.mark.parametrize(("cost", "chosen"), [(0.004, "int8"), (0.006, "fp32"), (-0.1, "int8")])
def test_8_bits_become_the_default_where_they_cost_little(
    tiny_onnx_model: Path, tmp_path: Path, gold: Path, monkeypatch: pytest.MonkeyPatch, cost: float, chosen: str
) -> None:
    model = Path(shutil.copytree(tiny_onnx_model, tmp_path / "model"))
    used: list[object] = []

    def scored(*_: object, **__: object) -> SimpleNamespace:
        used.append(None)
        return SimpleNamespace(headline={"edges": SimpleNamespace(value=0.5 - cost * (len(used) - 1))})

    monkeypatch.setattr("mawaqif.precision.evaluate", scored)
    status, out, err = run("export", model, "--gold", gold)
    assert status == 0, err
    assert out.splitlines()[-2:] == [
        f"edges: fp32 0.5000, int8 {0.5 - cost:.4f}",
        f"default precision: {chosen}",
    ]
    assert open_model(model).precision == chosen
    assert mawaqif.load(model).saved.precision == chosen
