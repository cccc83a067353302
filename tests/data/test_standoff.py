"""Annotation comes back onto its texts whole, holds none of them, and is put on no other. Every name is invented."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mawaqif.article import Article
from mawaqif.cli import app
from mawaqif.data.standoff import attach, detach, read_texts, write_standoff
from mawaqif.errors import ArticleError, InputError
from mawaqif.jsonl import read_articles, write_articles


def _attach(path: Path, texts: dict[str, str]) -> tuple[list[Article], list[str]]:
    problems: list[str] = []
    return list(attach(path, texts.items(), lambda error: problems.append(str(error)))), problems


def _without_names(article: Article) -> dict[str, object]:
    data = article.to_dict()
    return data | {"entities": [{"id": e["id"], "type": e["type"]} for e in data["entities"]]}


def test_annotation_comes_back_and_holds_no_word_of_the_text(tmp_path: Path, gold_articles: list[Article]) -> None:
    path = tmp_path / "standoff.jsonl"
    assert write_standoff(gold_articles, path) == len(gold_articles)
    written = path.read_text(encoding="utf-8")
    assert not any("\u0620" <= letter <= "\u06ff" for letter in written)
    found, problems = _attach(path, {article.id: article.text for article in gold_articles})
    assert not problems
    assert list(map(_without_names, found)) == list(map(_without_names, gold_articles))
    for article in found:
        for entity in article.entities:
            assert any(entity.name in article.surface(m) for m in article.mentions_of(entity.id))


@given(data=st.data())
def test_any_spans_come_back(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = data.draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30))
    cuts = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
    spans = data.draw(st.lists(cuts, min_size=2, max_size=4))
    evidence = data.draw(st.none() | cuts)
    article = Article.from_dict(
        {
            "id": "x",
            "text": text,
            "entities": [{"id": f"e{n}", "type": "ORG", "name": "اسم"} for n in range(len(spans))],
            "mentions": [{"start": a, "end": b, "type": "ORG", "entity": f"e{n}"} for n, (a, b) in enumerate(spans)],
            "stances": [
                {"holder": "e0", "target": "e1", "stance": "favor"} | ({"evidence": evidence} if evidence else {})
            ],
        }
    )
    path = tmp_path_factory.mktemp("standoff") / "a.jsonl"
    write_standoff([article], path)
    found, problems = _attach(path, {"x": text})
    assert not problems
    assert _without_names(found[0]) == _without_names(article)


def test_annotation_is_put_on_no_other_text(tmp_path: Path, gold_articles: list[Article]) -> None:
    path = tmp_path / "standoff.jsonl"
    write_standoff(gold_articles, path)
    first, second, third = gold_articles
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": 1}\n{\n' + json.dumps(detach(first) | {"id": "y", "mentions": [[1]]}) + "\n")
    found, problems = _attach(path, {first.id: first.text + " ", second.id: second.text, "y": first.text})
    assert [article.id for article in found] == [second.id]
    assert [problem.split(": ")[0] for problem in problems] == [f"{path}:{line}" for line in (1, 3, 4, 5, 6)]
    for problem, reason in zip(
        problems, ("another version", "in none of", "in none of", "JSON", "no annotation"), strict=True
    ):
        assert reason in problem
    assert third.id in problems[1]


def test_a_mention_of_no_entity_has_no_place(gold_articles: list[Article]) -> None:
    article = gold_articles[0]
    loose = article.model_copy(update={"mentions": [article.mentions[0].model_copy(update={"entity": None})]})
    with pytest.raises(ArticleError, match="belongs to no entity"):
        detach(loose)


def test_the_commands(tmp_path: Path, gold_articles: list[Article]) -> None:
    """Texts come from documents, called after their file and number, and from articles."""
    documents = tmp_path / "news.txt.xz"
    documents.write_bytes(lzma.compress("\n\n".join(a.text.replace("\n\n", "\n") for a in gold_articles[:2]).encode()))
    named = [
        article.model_copy(update={"id": name})
        for article, (name, _) in zip(gold_articles[:2], read_texts(documents), strict=True)
    ]
    others, gold = tmp_path / "others.jsonl", tmp_path / "gold.jsonl"
    write_articles([gold_articles[2].clean()], others)
    write_articles([*named, gold_articles[2]], gold)
    apart, whole = tmp_path / "apart.jsonl", tmp_path / "whole.jsonl"
    run = CliRunner().invoke
    assert run(app, ["data", "detach", str(gold), "-o", str(apart)]).exit_code == 0
    result = run(app, ["data", "attach", str(apart), str(documents), str(others), "-o", str(whole)])
    assert (result.exit_code, result.stdout) == (0, "3 articles\n")
    assert [article.id for article in read_articles(whole)] == ["news:1", "news:2", gold_articles[2].id]
    result = run(app, ["data", "attach", str(apart), str(others), "-o", str(whole)])
    assert result.exit_code == 1
    assert "news:1" in result.stderr
    with pytest.raises(InputError, match="cannot be read"):
        list(read_texts(tmp_path / "none.txt"))
