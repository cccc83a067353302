"""Formats of other tools: whatever the text, what went there and back is the same, and what was changed counts."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from mawaqif.article import AUTHOR, Article
from mawaqif.data.formats import FORMATS, guess, lost, read, write
from mawaqif.data.formats.marks import marks_of, to_article
from mawaqif.errors import ArticleError, InputError
from mawaqif.text import words

Edit = Callable[[str], str]
NAMES = sorted(FORMATS)
TOOLS = ("brat", "doccano", "label-studio", "prodigy")

# Emoji (with joiners and tones), diacritics, tatweel, CRLF, tabs, direction marks, empty lines, Latin, odd spaces, and
# signs that mean something in one of the formats.
PIECES = (
    "حزب", "النخيل", "وَٱلْحُكُومَةِ", "قـــال", "😀", "👨‍👩‍👧", "👍🏽", "🇯🇴", "\r\n", "\n", "\n\n", "\t", " ", "  ",
    "\u200f", "\u202b", "\u200d", "\xa0", "\u2028", "\x85", "\x0b", "#", "# x = y", "_", "-DOCSTART-", "O", "B-ORG",
    ".", "؟", "«", "»", "،", "NATO", "é", "e\u0301", "\u064b", "3,5", "\\n", '"', "\ufeff", "𝒜",
)  # fmt: skip


@st.composite
def annotated_articles(draw: st.DrawFn, disjoint: bool = False, text: str | None = None) -> Article:
    """An article of nasty text with mentions of whole words, or (unless `disjoint`) of anything anywhere."""
    text = text or "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=40)))
    spans = words(text)
    if not spans:
        text, spans = text + "حزب", words(text + "حزب")
    mentions: list[dict[str, Any]] = []
    entities = [f"e{n}" for n in range(draw(st.integers(0, 4)))]
    types = dict(
        zip(entities, draw(st.lists(st.sampled_from(["ORG", "PERS", "ISSUE"]), min_size=4, max_size=4)), strict=False)
    )

    def add(start: int, end: int) -> None:
        entity = draw(st.sampled_from([*entities, None]))
        mention = {"start": start, "end": end, "type": types.get(entity, "GPE"), "entity": entity}
        mentions.append({key: value for key, value in mention.items() if value is not None})

    first = 0
    while first < len(spans) and draw(st.booleans()):
        last = min(first + draw(st.integers(0, 2)), len(spans) - 1)
        add(spans[first][0], spans[last][1])
        first = last + 1 + draw(st.integers(0, 1))  # adjacent mentions too
    if not disjoint:
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, len(text) - 1))
            add(start, draw(st.integers(start + 1, len(text))))
    pairs = draw(
        st.lists(st.tuples(st.sampled_from([AUTHOR, *entities]), st.sampled_from([*entities, ""])), unique=True)
    )
    stances = []
    for holder, target in pairs:
        if target and holder != target:
            stance: dict[str, Any] = {
                "holder": holder,
                "target": target,
                "stance": draw(st.sampled_from(["favor", "against"])),
            }
            if draw(st.booleans()):
                start = draw(st.integers(0, len(text) - 1))
                stance |= {"voice": "speech", "evidence": [start, draw(st.integers(start + 1, len(text)))]}
            if draw(st.booleans()):
                stance["score"] = 0.25
            stances.append(stance)
    extra = draw(st.sampled_from([{}, {"title": "عنوان"}, {"topic": "elections", "n": [1, None]}]))
    named = [{"id": id, "type": types[id], "name": f"اسم {id}"} for id in entities]
    article_id = draw(st.sampled_from(["n1", "a/b: ج.١", "..", "x" * 300]))
    return Article.from_dict(
        {"id": article_id, "text": text, "mentions": mentions, "entities": named, "stances": stances, **extra}
    )


def there_and_back(article: Article, format: str, *, plain: bool = False, edit: Edit | None = None) -> Article:
    """The article after a file of the format was written, perhaps edited, and read."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "out"
        assert write([article], path, format=format, plain=plain) == 1
        if edit:
            file = next(path.glob("*.ann")) if format == "brat" else path
            with file.open(encoding="utf-8", newline="") as stream:
                content = stream.read()
            assert edit(content) != content
            with file.open("w", encoding="utf-8", newline="") as stream:
                stream.write(edit(content))
        (back,) = read(path, format=format)
    return back


@pytest.mark.parametrize("format", NAMES)
@given(article=annotated_articles())
def test_every_format_gives_the_same_article_back(format: str, article: Article) -> None:
    if not article.text.strip():
        article = Article.from_dict({**article.to_dict(), "text": article.text + "."})
    assert there_and_back(article, format) == article


@pytest.mark.parametrize("format", TOOLS)
@given(article=annotated_articles())
def test_the_marks_alone_hold_every_span_and_link(format: str, article: Article) -> None:
    back = there_and_back(article, format, plain=True)
    assert back.text == article.text
    assert sorted(marks_of(back).spans) == sorted(marks_of(article).spans)
    pairs = {(link.source, link.target, link.label) for link in marks_of(article).links}
    assert len(back.stances) <= len(pairs)
    if format != "brat":  # there coreference is kept as well, so that a link may join other mentions of the same two
        for stance in back.stances:
            ends = [[(m.start, m.end, m.type) for m in back.mentions_of(e)] for e in (stance.holder, stance.target)]
            assert any((a, b, stance.stance) in pairs for a in ends[0] for b in ends[1])


@given(article=annotated_articles(disjoint=True))
def test_brat_alone_holds_coreference_voice_and_evidence(article: Article) -> None:
    back = there_and_back(article, "brat", plain=True)

    def stances(of: Article) -> set[Any]:
        linked = {link[:3] for link in marks_of(of).links}
        return {(link.voice, link.evidence, link.label) for link in marks_of(of, details=True).links if linked}

    def groups(of: Article) -> set[frozenset[Any]]:
        return {frozenset(group) for group in marks_of(of, same=True).same}

    assert groups(back) == groups(article)
    assert stances(back) == stances(article)


@pytest.mark.parametrize("format", ["conll", "conll-columns"])
def test_conll_alone_holds_the_words_and_their_types(format: str, gold_articles: list[Article]) -> None:
    for article in gold_articles:
        back = there_and_back(article, format, plain=True)

        def typed(of: Article) -> list[tuple[str, list[str]]]:
            ordered = sorted(of.mentions, key=lambda mention: mention.start)
            return [(m.type, [of.text[a:b] for a, b in words(of.text) if m.start <= a < m.end]) for m in ordered]

        assert typed(back) == typed(article)
        assert back.stances == []


def test_conll_looks_as_it_should(gold_articles: list[Article], tmp_path: Path) -> None:
    write(gold_articles[:1], tmp_path / "a.conll", plain=True)
    lines = (tmp_path / "a.conll").read_text(encoding="utf-8").split("\n")
    assert lines[:7] == ["-DOCSTART-\tO", "", "أعلن\tO", "حزب\tB-ORG", "النخيل\tI-ORG", "الأخضر\tI-ORG", "رفضه\tO"]
    write(gold_articles[:1], tmp_path / "b.conll", format="conll-columns", plain=True)
    lines = (tmp_path / "b.conll").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "-DOCSTART-\t_\t_\t_\tO"
    assert lines[3] == "حزب\t5\t8\te1\tB-ORG"


@pytest.mark.parametrize(
    ("lines", "spans"),
    [
        ("a B-X\nb I-X\nc B-X\n", [(0, 3), (4, 5)]),  # IOB2
        ("a I-X\nb I-X\nc B-X\nd I-Y\n", [(0, 3), (4, 5), (6, 7)]),  # IOB1
        ("a S-X\nb B-X\nc I-X\nd E-X\n", [(0, 1), (2, 7)]),  # IOBES
        ("a U-X\nb B-X\nc L-X\nd U-X\n", [(0, 1), (2, 5), (6, 7)]),  # BILOU
        ("a NN I-NP B-X\nb NN I-NP I-X\nc VB O O\n", [(0, 3)]),  # four columns, spaces
        ("a B-X\n\nb I-X\n", [(0, 1), (2, 3)]),  # a sentence end ends a mention
        ("# sent_id = 7\na B-X\r\n# O\r\nc O", [(0, 1)]),  # a comment; the word #; CRLF
    ],
)
def test_conll_of_others(tmp_path: Path, lines: str, spans: list[tuple[int, int]]) -> None:
    path = tmp_path / "others.conll"
    path.write_bytes(lines.encode())
    (article,) = read(path)
    assert [(m.start, m.end) for m in article.mentions] == spans
    assert article.id == "others:1"


def test_conll_documents_and_their_faults(tmp_path: Path) -> None:
    path = tmp_path / "two.conll"
    path.write_text("-DOCSTART- O\n\na B-X\n\n-DOCSTART- O\n\nb B-X\nc X\n", encoding="utf-8")
    errors: list[InputError] = []
    assert [article.text for article in read(path, on_error=errors.append)] == ["a"]
    assert "two.conll:8" in str(errors[0])
    assert "'X'" in str(errors[0])
    path.write_text("nothing here\nis tagged\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column of IOB tags"):
        list(read(path))


# ------------------------------------------------------------------------------------------------ edited in the tool


@given(data=st.data())
def test_after_any_edit_the_file_says_which_spans_and_stances_there_are(data: st.DataObject) -> None:
    """The marks of one annotation come back in the file of another one of the same text."""
    before = data.draw(annotated_articles())
    after = data.draw(annotated_articles(text=before.text))
    found, written = marks_of(after, details=True), marks_of(before, details=True)
    try:
        merged = to_article(before.text, found, id="n", base=before, written=written)
    except ArticleError as error:  # one mention of an entity was relabelled and another was not
        if "make them agree" not in str(error):
            raise
        reject()
    assert sorted(marks_of(merged).spans) == sorted(found.spans)
    assert {stance.stance for stance in merged.stances} <= {s.stance for a in (before, after) for s in a.stances}
    assert merged.id == before.id
    again = to_article(before.text, marks_of(merged), id="n", base=merged, written=marks_of(merged))
    assert again == merged


def edit_json(change: Callable[[Any], None]) -> Edit:
    def edit(content: str) -> str:
        data = json.loads(content)
        change(data)
        return json.dumps(data, ensure_ascii=False)

    return edit


def doccano_edit(record: Any) -> None:
    first, second = record["entities"][:2]
    second["label"] = "LAW"
    record["relations"] = [r for r in record["relations"] if r["from_id"] != first["id"]]
    new = {"id": 99, "label": "FAC", "start_offset": 0, "end_offset": 4}
    record["entities"] = [first, second, *record["entities"][3:], new]
    record["relations"].append({"id": 98, "from_id": 99, "to_id": first["id"], "type": "favor"})


def prodigy_edit(record: Any) -> None:
    first = record["spans"][0]
    record["spans"][1]["label"] = "LAW"
    for relation in record["relations"]:
        for end in ("head_span", "child_span"):
            if relation[end]["start"] == record["spans"][1]["start"]:
                relation[end]["label"] = "LAW"
    record["relations"] = [r for r in record["relations"] if r["head_span"]["start"] != first["start"]]
    new = {"start": 0, "end": 4, "label": "FAC"}
    record["spans"] = [*record["spans"][:2], *record["spans"][3:], new]
    record["relations"].append({"head": 0, "child": 3, "label": "favor", "head_span": new, "child_span": first})


def label_studio_edit(tasks: Any) -> None:
    result = tasks[0]["annotations"][0]["result"]
    result[1]["value"]["labels"] = ["LAW"]
    gone = result.pop(2)["id"]
    kept = [r for r in result if r.get("from_id") != "m0" and gone not in (r.get("from_id"), r.get("to_id"))]
    kept.append({"id": "new", "type": "labels", "value": {"start": 0, "end": 4, "text": "أعلن", "labels": ["FAC"]}})
    kept.append({"type": "relation", "from_id": "new", "to_id": "m0", "direction": "right", "labels": ["favor"]})
    tasks[0]["annotations"][0]["result"] = kept


def brat_edit(content: str) -> str:
    lines = [line for line in content.split("\n") if line and not line.startswith(("T3\t", "R1\t", "#1\t"))]
    lines = [
        line.replace("\tISSUE ", "\tLAW ") if line.startswith("T2\t") else line.replace(" T3", "") for line in lines
    ]
    return "\n".join([*lines, "T9\tFAC 0 4\tأعلن", "R9\tfavor Arg1:T9 Arg2:T1"]) + "\n"


@pytest.mark.parametrize(
    ("format", "edit"),
    [
        ("brat", brat_edit),
        ("doccano", edit_json(doccano_edit)),
        ("prodigy", edit_json(prodigy_edit)),
        ("label-studio", edit_json(label_studio_edit)),
    ],
)
def test_what_was_changed_in_the_tool_counts_and_nothing_else(format: str, edit: Edit) -> None:
    """A mention relabelled, one with its entity removed, a stance removed, a mention and a stance added."""
    text = "أعلن حزب النخيل رفضه خطة الجسر، وقال الوراق."
    spans = [(5, 15, "ORG", "e1"), (21, 30, "ISSUE", "e2"), (37, 43, "PERS", "e3")]
    article = Article.from_dict(
        {
            "id": "n1",
            "text": text,
            "topic": "bridges",
            "mentions": [{"start": a, "end": b, "type": t, "entity": e, "score": 0.5} for a, b, t, e in spans],
            "entities": [{"id": e, "type": t, "name": text[a:b]} for a, b, t, e in spans],
            "stances": [
                {"holder": "e1", "target": "e2", "stance": "against", "voice": "speech", "evidence": [0, 30]},
                {"holder": AUTHOR, "target": "e2", "stance": "favor", "voice": "narration", "evidence": [21, 30]},
                {"holder": AUTHOR, "target": "e3", "stance": "favor"},
            ],
        }
    )
    back = there_and_back(article, format, edit=edit)
    assert back.model_extra == {"topic": "bridges"}
    assert [(back.surface(m), m.type, m.entity, m.score) for m in back.mentions] == [
        ("حزب النخيل", "ORG", "e1", 0.5),
        ("خطة الجسر", "LAW", "e2", 0.5),
        ("أعلن", "FAC", "e4", None),
    ]
    assert [(e.id, e.type) for e in back.entities] == [("e1", "ORG"), ("e2", "LAW"), ("e4", "FAC")]
    assert [(s.holder, s.target, s.stance, s.voice) for s in back.stances if s.holder != "e4"] == [
        (AUTHOR, "e2", "favor", "narration")
    ]
    assert [(s.target, s.stance) for s in back.stances if s.holder == "e4"] == [("e1", "favor")]


# ------------------------------------------------------------------------------------------------ files of other makers


def test_brat_of_others(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("حزب النخيل يرفض\nالخطة، والحزب", encoding="utf-8")
    lines = [
        "T1\tORG 0 10\tحزب النخيل",
        "T2\tISSUE 16 21\tالخطة",
        "T3\tORG 23 29\tوالحزب",
        "*\tEquiv T1 T3",
        "R1\tagainst Arg1:T3 Arg2:T2",
        "A1\tNegated T1",
    ]
    (tmp_path / "d.ann").write_text("\n".join(lines), encoding="utf-8")
    told: list[str] = []
    (article,) = read(tmp_path, warn=told.append)
    assert article.id == "d"
    assert [m.entity for m in article.mentions] == ["e1", "e2", "e1"]
    assert [(s.holder, s.target, s.stance) for s in article.stances] == [("e1", "e2", "against")]
    assert article.entity("e1").name == "حزب النخيل"
    assert len(told) == 1
    assert "Negated" in told[0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("T1\tORG 0 3;11 15\tحزب يرفض", "discontinuous"),
        ("T1 ORG 0 3", "no line of brat"),
        ("T1\tORG 0 300\tحزب", "no span of the text"),
        ("R1\tagainst Arg1:T1 Arg2:T2", "T1"),
    ],
)
def test_brat_faults_name_the_file(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "d.txt").write_text("حزب النخيل يرفض", encoding="utf-8")
    (tmp_path / "d.ann").write_text(line + "\n", encoding="utf-8")
    errors: list[InputError] = []
    assert list(read(tmp_path, on_error=errors.append)) == []
    assert reason in str(errors[0])
    assert str(tmp_path / "d.") in str(errors[0])


def test_brat_is_careful_with_directories_and_labels(tmp_path: Path, gold_articles: list[Article]) -> None:
    write(gold_articles, tmp_path / "brat")
    assert "[entities]\nORG\n" in (tmp_path / "brat" / "annotation.conf").read_text(encoding="utf-8")
    assert list(read(tmp_path / "brat")) == gold_articles
    with pytest.raises(InputError, match="already"):
        write(gold_articles, tmp_path / "brat")
    bad = Article.from_dict({"id": "x", "text": "حزب", "mentions": [{"start": 0, "end": 3, "type": "شخص"}]})
    with pytest.raises(ArticleError, match="no label that brat takes"):
        write([bad], tmp_path / "other")
    with pytest.raises(InputError, match=r"no \.txt"):
        list(read(tmp_path, format="brat"))


def task(regions: list[Any], text: str = "😀 حزب النخيل يرفض") -> str:
    return json.dumps([{"id": 4, "data": {"text": text}, "annotations": [{"result": regions}]}])


def region(start: int, end: int, text: str | None, **fields: Any) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": ["ORG"]} | ({} if text is None else {"text": text})
    return {"id": "r", "type": "labels", "value": value, **fields}


@pytest.mark.parametrize(
    "given_region",
    [
        region(3, 13, "حزب النخيل"),  # UTF-16
        region(2, 12, "حزب النخيل"),  # code points
        region(13, 3, "حزب النخيل"),  # selected backwards
        region(3, 13, "حزب\\nالنخيل"),  # a line end as backslash and n
        region(3, 13, None),
    ],
)
def test_label_studio_offsets(tmp_path: Path, given_region: Any) -> None:
    path = tmp_path / "export.json"
    path.write_text(task([given_region]), encoding="utf-8")
    (article,) = read(path)
    assert article.id == "4"
    assert [article.surface(mention) for mention in article.mentions] == ["حزب النخيل"]


def test_label_studio_writes_utf16(tmp_path: Path) -> None:
    mention = {"start": 2, "end": 12, "type": "ORG"}
    article = Article.from_dict({"id": "n", "text": "😀 حزب النخيل يرفض", "mentions": [mention]})
    write([article], tmp_path / "a.json")
    (found,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    value = found["annotations"][0]["result"][0]["value"]
    assert (value["start"], value["end"], value["text"]) == (3, 13, "حزب النخيل")


def test_label_studio_exports(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    party, other = region(3, 13, "حزب النخيل", id="a"), region(14, 18, "يرفض", id="b")
    left = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "left", "labels": ["favor"]}
    many = [
        {"result": [party], "was_cancelled": True},
        {"result": []},
        {"result": [party, other, left], "ground_truth": True},
    ]
    rating = {"type": "rating", "from_name": "quality", "value": {"rating": 3}}
    data = {"text": "😀 حزب النخيل يرفض"}
    tasks = [
        {"id": 1, "data": data, "annotations": many},
        {"id": 2, "data": data, "completions": [{"result": [party, rating]}]},
        {"id": 3, "data": data, "annotations": [], "predictions": [{"result": [party]}]},
        {"id": 4, **data, "label": [party["value"]]},
        {"id": 5, "data": data, "annotations": [{"result": [region(0, 5, "غير هذا")]}]},
        {"id": 6, "data": {"body": "x"}},
    ]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    told: list[str] = []
    errors: list[InputError] = []
    articles = list(read(path, on_error=errors.append, warn=told.append))
    assert [len(article.mentions) for article in articles] == [2, 1, 1, 1]
    (stance,) = articles[0].stances
    assert articles[0].name_of(stance.holder) == "يرفض"
    assert ["ground truth" in told[0], "rating" in told[1], "predictions" in told[2], len(told)] == [
        True,
        True,
        True,
        3,
    ]
    assert "'5'" in str(errors[0])
    assert "not what stands at" in str(errors[0])
    assert "data.text" in str(errors[1])


@pytest.mark.parametrize(
    ("record", "format"),
    [
        ({"id": 3, "text": "حزب النخيل يرفض", "label": [[0, 10, "ORG"]]}, "doccano"),
        ({"id": 3, "text": "حزب النخيل يرفض", "labels": [[0, 10, "ORG"]], "Comments": []}, "doccano"),
        (["حزب النخيل يرفض", {"entities": [[0, 10, "ORG"]]}], "prodigy"),
        ({"text": "حزب النخيل يرفض", "spans": [{"start": 0, "end": 10, "label": "ORG"}]}, "prodigy"),
    ],
)
def test_json_lines_of_others(tmp_path: Path, record: Any, format: str) -> None:
    path = tmp_path / "others.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert guess(path, existing=True) == format
    (article,) = read(path)
    assert [(article.surface(m), m.type) for m in article.mentions] == [("حزب النخيل", "ORG")]


@pytest.mark.parametrize("format", ["doccano", "prodigy"])
def test_bad_lines_are_named_and_the_others_read(tmp_path: Path, format: str) -> None:
    good = {"text": "حزب النخيل", "spans": [], "entities": [], "relations": []}
    broken = {**good, "entities": [{"start": 1}], "spans": [{"start": 1}]}
    outside = {**good, "entities": [{"id": 1, "start_offset": 0, "end_offset": 99, "label": "X"}]}
    outside["spans"] = [{"start": 0, "end": 99, "label": "X"}]
    lines = ["{", json.dumps(broken), json.dumps(outside), json.dumps({"text": 3}), json.dumps(good)]
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    errors: list[InputError] = []
    assert [article.id for article in read(path, format=format, on_error=errors.append)] == ["lines:5"]
    assert [error.line for error in errors] == [1, 2, 3, 4]
    assert "lines.jsonl:3" in str(errors[2])
    assert "99" in str(errors[2])


def test_rejected_tasks_are_left_out_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"text": "حزب", "spans": [], "answer": "reject"}) + "\n", encoding="utf-8")
    told: list[str] = []
    assert list(read(path, warn=told.append)) == []
    assert "'reject'" in told[0]


# ---------------------------------------------------------------------------------------------------- Hugging Face


@pytest.fixture
def quiet_datasets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return datasets


def test_datasets_loads_json_lines_and_parquet(
    quiet_datasets: Any, tmp_path: Path, gold_articles: list[Article]
) -> None:
    from mawaqif.data.formats.parquet import from_row

    gold_articles[0].stances[0].score = 0.5  # a field that only one has
    for name, builder in (("a.jsonl", "json"), ("a.parquet", "parquet")):
        write(gold_articles, tmp_path / name)
        rows = quiet_datasets.load_dataset(
            builder, data_files=str(tmp_path / name), split="train", cache_dir=str(tmp_path)
        )
        assert [from_row(row).to_dict() for row in rows] == [article.to_dict() for article in gold_articles]


def test_datasets_loads_a_directory_of_splits(
    quiet_datasets: Any, tmp_path: Path, gold_articles: list[Article]
) -> None:
    (tmp_path / "corpus").mkdir()
    for part, article in zip(("train", "dev", "test"), gold_articles, strict=True):
        write([article], tmp_path / "corpus" / f"{part}.jsonl")
    found = quiet_datasets.load_dataset(str(tmp_path / "corpus"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in found.items()} == {"train": 1, "validation": 1, "test": 1}


def test_parquet_faults(tmp_path: Path, gold_articles: list[Article]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "a.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        list(read(tmp_path / "a.parquet"))
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="no column `text`"):
        list(read(tmp_path / "b.parquet"))
    pq.write_table(pa.table({"id": ["x"], "text": ["حزب"], "extra": ["{"]}), tmp_path / "c.parquet")
    with pytest.raises(ArticleError, match="Drop the column"):
        list(read(tmp_path / "c.parquet"))


# --------------------------------------------------------------------------------------------------- which format


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("news.jsonl", "jsonl"),
        ("news.jsonl.gz", "jsonl"),
        ("news.doccano.jsonl", "doccano"),
        ("news.prodigy.jsonl.gz", "prodigy"),
        ("news.conll", "conll"),
        ("news.json", "label-studio"),
        ("news.parquet", "parquet"),
        ("news", "brat"),
    ],
)
def test_the_name_of_a_new_file_tells_its_format(name: str, format: str) -> None:
    assert guess(Path("nowhere") / name, existing=False) == format


@pytest.mark.parametrize("format", [name for name in NAMES if name not in ("parquet", "conll-columns")])
def test_the_content_of_a_file_tells_its_format(format: str, tmp_path: Path, gold_articles: list[Article]) -> None:
    ending = {"conll": ".txt", "label-studio": ".json", "brat": ""}.get(format, ".jsonl")
    path = tmp_path / f"file{ending}"
    write(gold_articles, path, format=format)
    assert guess(path, existing=True) == format
    assert list(read(path)) == gold_articles


def test_a_format_that_nothing_tells_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--from or --to"):
        guess("news.docx", existing=False)
    with pytest.raises(InputError, match="no such file"):
        guess(tmp_path / "none.jsonl", existing=True)


def test_compressed_files(tmp_path: Path, gold_articles: list[Article]) -> None:
    for name in ("a.doccano.jsonl.gz", "a.conll.gz", "a.label-studio.json.gz"):
        write(gold_articles, tmp_path / name)
        assert gzip.decompress((tmp_path / name).read_bytes())
        assert list(read(tmp_path / name)) == gold_articles


def test_what_plain_loses_is_said(gold_articles: list[Article]) -> None:
    market = gold_articles[1]
    assert lost(market, "jsonl") == lost(market, "parquet") == []
    assert lost(market, "conll") == ["all stances", "ids and names of entities", "further fields"]
    assert lost(market, "doccano")[:2] == ["stances of the author or of what is not mentioned", "voice and evidence"]
    assert "voice and evidence" not in lost(market, "brat")
