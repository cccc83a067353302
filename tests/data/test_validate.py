"""mawaqif data validate: every kind of problem is found where it was planted, and nothing is found where none is."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mawaqif.article import Article
from mawaqif.cli import app
from mawaqif.data.formats import write
from mawaqif.data.near_duplicates import groups, near_duplicates
from mawaqif.data.problems import CODES, Problem
from mawaqif.data.validate import Report, validate
from mawaqif.data.validation_page import to_html
from mawaqif.errors import InputError
from mawaqif.labels import LabelSet

Plant = Callable[[dict[str, Any]], Any]


@pytest.fixture
def check(tmp_path: Path, labels: LabelSet) -> Callable[..., Report]:
    """Writes each list of articles (or lines) to a file of its own, part0.jsonl and so on, and validates them."""

    def check(*parts: list[Any], min_examples: int = 0) -> Report:
        paths = []
        for number, part in enumerate(parts):
            paths.append(tmp_path / f"part{number}.jsonl")
            lines = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in part]
            paths[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
        return validate(paths, labels, min_examples=min_examples)

    return check


@pytest.fixture
def good(gold_articles: list[Article]) -> list[dict[str, Any]]:
    return [article.to_dict() for article in gold_articles]


def found(report: Report) -> set[tuple[str, int | None, str | None, str | None]]:
    return {(p.code, p.line, p.article_id, p.field) for p in report.problems}


def test_good_articles_have_no_problem(check: Callable[..., Report], good: list[Any]) -> None:
    report = check(good)
    assert report.problems == []
    assert (len(report.sources), report.errors, report.warnings, report.files) == (3, 0, 0, 1)


def test_the_corpus_has_no_errors(labels: LabelSet) -> None:
    report = validate([str(files("mawaqif.data") / "corpus")], labels)
    assert report.files == 3
    assert [str(problem) for problem in report.problems if problem.severity == "error"] == []


PLANTED: dict[str, tuple[Plant, str, str]] = {
    "an end outside the text": (lambda a: a["mentions"][0].update(end=9999), "broken-offset", "mentions[0]"),
    "an empty span": (lambda a: a["mentions"][1].update(end=a["mentions"][1]["start"]), "broken-offset", "mentions[1]"),
    "a start that is text": (lambda a: a["mentions"][0].update(start="5"), "broken-offset", "mentions[0]"),
    "evidence outside": (lambda a: a["stances"][0].update(evidence=[3, 9999]), "broken-offset", "stances[0].evidence"),
    "a cut word": (lambda a: a["mentions"][0].update(end=a["mentions"][0]["end"] - 1), "cut-word", "mentions[0]"),
    "a space too many": (lambda a: a["mentions"][0].update(end=a["mentions"][0]["end"] + 1), "cut-word", "mentions[0]"),
    "an overlap": (lambda a: a["mentions"].append(a["mentions"][0]), "overlap", "mentions[9]"),
    "an unknown type": (lambda a: a["entities"][2].update(type="PER"), "unknown-label", "entities[2].type"),
    "an unknown type of a mention": (lambda a: a["mentions"][3].update(type="x"), "unknown-label", "mentions[3].type"),
    "an unknown stance": (lambda a: a["stances"][1].update(stance="Against"), "unknown-label", "stances[1].stance"),
    "an unknown voice": (lambda a: a["stances"][1].update(voice="shout"), "unknown-label", "stances[1].voice"),
    "a mention of no entity": (lambda a: a["mentions"][0].update(entity="e99"), "dangling", "mentions[0].entity"),
    "a holder of no entity": (lambda a: a["stances"][0].update(holder="e99"), "dangling", "stances[0].holder"),
    "a target of no entity": (lambda a: a["stances"][0].update(target="AUTHOR"), "dangling", "stances[0].target"),
    "types that differ": (lambda a: a["entities"][0].update(type="GPE"), "contradiction", "mentions[0].type"),
    "an entity id twice": (lambda a: a["entities"].append(a["entities"][0]), "contradiction", "entities[6].id"),
    "AUTHOR as an entity": (lambda a: a["entities"][5].update(id="AUTHOR"), "contradiction", "entities[5].id"),
    "a stance to itself": (lambda a: a["stances"][0].update(target="e1"), "contradiction", "stances[0].target"),
    "a second stance of a pair": (
        lambda a: a["stances"].append({**a["stances"][0], "stance": "favor"}),
        "contradiction",
        "stances[3]",
    ),
    "no evidence": (lambda a: a["stances"][2].pop("evidence"), "evidence", "stances[2]"),
    "evidence that cuts a word": (lambda a: a["stances"][0].update(evidence=[0, 3]), "evidence", "stances[0].evidence"),
    "an issue without stance": (lambda a: a.update(stances=[]), "role", "entities[1]"),
    "an issue that holds": (lambda a: a["stances"][0].update(holder="e2", target="e1"), "role", "stances[0].holder"),
    "an entity without mention": (lambda a: a["mentions"].pop(6), "unmentioned", "entities[4]"),
    "no text": (lambda a: a.update(text=7), "unreadable", "text"),
    "text of spaces": (lambda a: a.update(text="  "), "unreadable", "text"),
    "a lone surrogate": (lambda a: a.update(title="\ud800"), "unreadable", "title"),
    "a field of a wrong kind": (lambda a: a["entities"][0].update(name=3), "unreadable", "entities[0].name"),
    "mentions that are no list": (lambda a: a.update(mentions={"x": 1}), "unreadable", "mentions"),
}


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_problem_is_found(name: str, check: Callable[..., Report], good: list[Any]) -> None:
    plant, code, field = PLANTED[name]
    good[0]["mentions"].sort(key=lambda mention: mention["start"])
    plant(good[0])
    lines = [good[1], json.dumps(good[0])]  # surrogates cannot be written unescaped
    report = check(lines)
    assert (code, 2, "a1", field) in found(report)
    assert {problem.line for problem in report.problems} == {2}
    assert all("part0.jsonl:2" in str(problem) and "'a1'" in str(problem) for problem in report.problems)
    assert any(source.article.id == "a2" for source in report.sources)


def test_all_faults_of_an_article_are_found_at_once(check: Callable[..., Report], good: list[Any]) -> None:
    for name in ("an end outside the text", "an unknown stance", "a holder of no entity", "an unknown type"):
        PLANTED[name][0](good[0])
    report = check(good)
    assert {code for code, *_ in found(report)} >= {"broken-offset", "unknown-label", "dangling"}
    assert len(report.problems) >= 5


@pytest.mark.parametrize(
    ("lines", "message"),
    [(["{"], "not a JSON object"), (["[]"], "list"), ([""], "is empty")],
)
def test_lines_that_are_no_articles(lines: list[str], message: str, check: Callable[..., Report]) -> None:
    (problem,) = check(lines).problems
    assert (problem.code, problem.severity) == ("unreadable", "error")
    assert message in problem.message


def test_a_missing_file_does_not_stop_the_others(
    tmp_path: Path, labels: LabelSet, gold_articles: list[Article]
) -> None:
    write(gold_articles, tmp_path / "a.jsonl")
    report = validate([tmp_path / "none.jsonl", tmp_path / "a.jsonl"], labels, min_examples=0)
    assert [problem.code for problem in report.problems] == ["unreadable"]
    assert len(report.sources) == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither"):
        validate([tmp_path / "empty"], labels)


def simple(id: str, text: str, *names: tuple[str, str], stance: bool = False) -> dict[str, Any]:
    """An article with the first occurrence of each name tagged."""
    mentions = []
    for number, (name, type_) in enumerate(names):
        start = text.index(name)
        mentions.append({"start": start, "end": start + len(name), "type": type_, "entity": f"e{number}"})
    entities = [{"id": f"e{i}", "type": type_, "name": name} for i, (name, type_) in enumerate(names)]
    return {"id": id, "text": text, "mentions": mentions, "entities": entities, "stances": []}


def test_far_and_long_evidence(check: Callable[..., Report]) -> None:
    text = "رفض حزب النخيل القرار. " + "وتحدث مراسلون عن الطقس وأسعار الخضار. " * 40
    article = simple("n", text, ("حزب النخيل", "ORG"), ("القرار", "ISSUE"))
    stance = {"holder": "e0", "target": "e1", "stance": "against", "voice": "speech"}
    for evidence, words in (([0, len(text) - 1], "shortest clause"), ([len(text) - 8, len(text) - 2], "right place")):
        article["stances"] = [{**stance, "evidence": evidence}]
        (problem,) = check([article]).problems
        assert (problem.code, problem.span) == ("evidence", tuple(evidence))
        assert words in problem.message


def test_one_name_with_two_types(check: Callable[..., Report]) -> None:
    articles = [
        simple("n1", "زار الوزير القناديل أمس.", ("القناديل", "GPE")),
        simple("n2", "وصل إلى القناديل وفد كبير.", ("القناديل", "GPE")),
        simple("n3", "فازت بالقناديل جائزة أخرى.", ("بالقناديل", "ORG")),
    ]
    (problem,) = check(articles).problems
    assert (problem.code, problem.article_id, problem.span) == ("two-types", "n3", (5, 14))
    assert "GPE 2 times" in problem.message
    assert "n1" in problem.message


def test_a_name_tagged_here_and_not_there(check: Callable[..., Report]) -> None:
    texts = [
        "زار الوزير تلال الغيم أمس.",
        "وصل إلى تلال الغيم وفد.",
        "نفى سكان تلال الغيم الخبر.",
        "بحث رئيس تلال الغيم الأمر.",
    ]
    articles = [simple(f"n{i}", text, ("تلال الغيم", "GPE")) for i, text in enumerate(texts)]
    bare = simple("bare", "غادر الوفد متجها لتلال الغيم ثم عاد، وتلال أخرى بلا اسم.")
    (problem,) = check([*articles, bare]).problems
    assert (problem.code, problem.article_id) == ("untagged", "bare")
    assert bare["text"][slice(*problem.span or ())] == "لتلال الغيم"
    common = [simple(f"c{i}", f"{word} تلال الغيم هنا.") for i, word in enumerate(["بعيد", "قريب", "جميل"])]
    assert check([*articles, *common]).problems == []  # words that often are no name


TEXT = (
    "أعلن مجلس بلدة القناديل يوم الاثنين خطة لتجديد شبكة المياه القديمة في الأحياء الشرقية، وقال رئيس المجلس إن "
    "الأعمال ستبدأ مطلع الربيع وتستمر عامين، وإن كلفتها ستغطى من صندوق التنمية المحلي."
)


def test_copies(check: Callable[..., Report]) -> None:
    corrected = TEXT.replace("الاثنين", "الثلاثاء").replace("أعلن", "أَعْلَنَ")
    one, other = simple("n1", TEXT), simple("n2", corrected)
    (problem,) = check([one, other]).problems
    assert (problem.code, problem.severity, problem.article_id) == ("near-duplicate", "warning", "n2")
    (problem,) = check([one], [other]).problems
    assert (problem.code, problem.severity) == ("leak", "error")
    assert "part0.jsonl:1 (n1)" in problem.message
    assert (
        check(
            [one], [simple("n3", "اجتمعت لجنة الصيد في الميناء وبحثت مواعيد الموسم الجديد مع ممثلي البحارة.")]
        ).problems
        == []
    )


def test_near_duplicates_are_counted_exactly_and_grouped() -> None:
    base = [first + second for first in "بتثج" for second in "سشصضطظعغفق"]
    texts = [" ".join(words) for words in (base, [*base[:38], "س", "ص"], base[::-1], [*base[:38], "س", "ع"])]
    pairs = {(i, j): round(similarity, 3) for i, j, similarity in near_duplicates(texts)}
    assert pairs == {(0, 1): round(36 / 40, 3), (0, 3): round(36 / 40, 3), (1, 3): round(37 / 39, 3)}
    assert groups(texts) == [[0, 1, 3], [2]]
    assert groups(["", "!", "كلمة", "كلمة"]) == [[0], [1], [2, 3]]


def test_ids(check: Callable[..., Report]) -> None:
    one, other = simple("n", TEXT), simple("n", "اجتمعت لجنة الصيد في الميناء.")
    for parts in ([[one, other]], [[one], [other]]):
        (problem,) = check(*parts).problems
        assert (problem.code, problem.severity) == ("duplicate-id", "error")


def test_labels_with_too_few_examples(check: Callable[..., Report], good: list[Any]) -> None:
    messages = [problem.message for problem in check(good, min_examples=2).problems]
    assert any("there are 0 mentions of type 'EVENT'" in message for message in messages)
    assert any("there are 1 stances of voice 'action'" in message for message in messages)
    assert not any("'favor'" in message or "'ORG'" in message for message in messages)


def test_every_code_is_planted_somewhere() -> None:
    elsewhere = {"leak", "near-duplicate", "two-types", "untagged", "few-examples", "duplicate-id", "left-out"}
    assert {code for _, code, _ in PLANTED.values()} | elsewhere == set(CODES)


@pytest.mark.parametrize("format", ["brat", "doccano", "label-studio", "conll", "parquet"])
def test_other_formats(format: str, tmp_path: Path, labels: LabelSet, gold_articles: list[Article]) -> None:
    gold_articles[0].entities[4].type = gold_articles[0].mentions[6].type = "MINISTRY"
    write(gold_articles, tmp_path / "there", format=format)
    report = validate([tmp_path / "there"], labels, format=format, min_examples=0)
    assert {(p.code, p.article_id) for p in report.problems} == {("unknown-label", "a1")}


def test_what_a_reader_leaves_out_is_a_warning(tmp_path: Path, labels: LabelSet) -> None:
    (tmp_path / "d.txt").write_text("حزب النخيل يرفض", encoding="utf-8")
    (tmp_path / "d.ann").write_text("T1\tORG 0 10\tحزب النخيل\nE1\tAttack:T1\n", encoding="utf-8")
    (problem,) = validate([tmp_path], labels, min_examples=0).problems
    assert (problem.code, problem.severity) == ("left-out", "warning")
    assert "Attack" in problem.message


# ------------------------------------------------------------------------------------------------- command and page


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", "validate", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_the_exit_status_is_for_continuous_integration(tmp_path: Path, gold_articles: list[Article]) -> None:
    path = tmp_path / "a.jsonl"
    write(gold_articles, path)
    assert run(path, "--min-examples", "0") == (0, "3 articles: 0 errors, 0 warnings\n")
    assert run(path)[0] == 0  # warnings: labels with few examples
    assert run(path, "--strict")[0] == 1
    path.write_text(path.read_text(encoding="utf-8").replace('"favor"', '"for"'), encoding="utf-8")
    status, output = run(path, "--min-examples", "0", "--json")
    report = json.loads(output)
    assert (status, report["errors"], report["by_code"]) == (1, 4, {"unknown-label": 4})
    assert report["problems"][0] == {
        "severity": "error",
        "code": "unknown-label",
        "message": "'for' is no known label; did you mean 'favor'?",
        "path": str(path),
        "line": 1,
        "article_id": "a1",
        "field": "stances[2].stance",
        "span": list(gold_articles[0].stances[2].evidence or ()),
    }


def test_the_page_shows_articles_and_trusts_nothing_in_them(
    check: Callable[..., Report], good: list[Any], labels: LabelSet, tmp_path: Path
) -> None:
    good[0]["text"] = good[0]["text"][:-1] + "<script>alert(1)</script>"
    good[0]["mentions"][0]["end"] -= 1
    good[1]["mentions"][0]["end"] = 9999
    page = to_html(check([*good, "{"]), labels)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert 'class="t1 doubt e"' in page
    assert page.count("<article>") == 2
    assert "not a JSON object" in page
    assert "src=" not in page
    problem = Problem("cut-word", "x", "p", 1, "y", span=(0, 2))
    assert "<h2><bdi>y</bdi>" in to_html(Report([problem]), labels)  # an article that is not there any more
