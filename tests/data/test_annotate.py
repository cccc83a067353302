"""mawaqif data annotate: what the page shows, what it sends becomes an article, and each article is saved whole."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mawaqif.article import Article
from mawaqif.cli import app
from mawaqif.data.annotation import Annotation
from mawaqif.data.annotation_server import AnnotationServer
from mawaqif.errors import ArticleError, InputError
from mawaqif.jsonl import read_articles, write_articles
from mawaqif.labels import LabelSet
from mawaqif.text import words

PARTS = ("mentions", "entities", "stances")


def parts(view: dict[str, Any]) -> dict[str, Any]:
    """What the page sends back of an article: a copy, as JSON makes it."""
    sent: dict[str, Any] = json.loads(json.dumps({name: view[name] for name in PARTS}))
    return sent


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "gold.jsonl"


@pytest.fixture
def annotation(gold_articles: list[Article], output: Path, labels: LabelSet) -> Annotation:
    return Annotation(gold_articles, output, labels)


def test_an_article_saved_as_it_was_is_the_same(
    annotation: Annotation, gold_articles: list[Article], output: Path
) -> None:
    for index in (2, 0, 1):
        annotation.save(index, parts(annotation.view(index)))
    saved = list(read_articles(output))
    assert [article.id for article in saved] == ["a1", "a2", "a3"]  # in the order given, not of saving
    for article, gold in zip(saved, gold_articles, strict=True):
        ordered = sorted(gold.mentions, key=lambda mention: mention.start)
        assert article == gold.model_copy(update={"mentions": ordered})


PIECES = (
    "حزب",
    "قـــال",
    "وَٱلْحُكُومَةِ",
    "😀",
    "👨\u200d👩",
    "\r\n",
    "\n\n",
    "\t",
    " ",
    "\u200f",
    "\u202b",
    "\xa0",
    "#",
    "،",
    "NATO",
    "\u064b",
    "𝒜",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=30), lengths=st.lists(st.integers(1, 3), min_size=1, max_size=9)
)
def test_words_carry_every_span_there_and_back(
    pieces: list[str], lengths: list[int], tmp_path: Path, labels: LabelSet
) -> None:
    text = "".join([*pieces, "حزب"])
    spans, mentions, first = words(text), [], 0
    for length in lengths:
        if first + length <= len(spans):
            start, end = spans[first][0], spans[first + length - 1][1]
            mentions.append({"start": start, "end": end, "type": "ORG", "entity": "e1"})
            first += length
    entities = [{"id": "e1", "type": "ORG", "name": "حزب"}]
    article = Article.from_dict({"id": "n", "text": text, "mentions": mentions, "entities": entities, "more": [1]})
    output = tmp_path / "gold.jsonl"
    output.unlink(missing_ok=True)
    annotation = Annotation([article], output, labels)
    view = annotation.view(0)
    assert text.startswith("".join(gap + word for gap, word in view["words"]))
    assert annotation.save(0, parts(view)) == article
    assert list(read_articles(output)) == [article]


def test_corrections_are_saved(annotation: Annotation, output: Path) -> None:
    view = annotation.view(0)
    sent = parts(view)
    first = [word for _, word in view["words"]].index("الجسر")
    sent["entities"].append({"id": "e7", "type": "FAC", "name": ""})
    sent["mentions"] = [m for m in sent["mentions"] if m["entity"] != "e2"]
    sent["mentions"].append({"span": [first, first + 1], "type": "FAC", "entity": "e7"})
    sent["entities"] = [e for e in sent["entities"] if e["id"] != "e2"]
    sent["stances"] = [{"holder": "e1", "target": "e7", "stance": "favor", "voice": "action", "evidence": [0, 4]}]
    saved = annotation.save(0, sent)
    assert saved.entity("e7").name == "الجسر الجديد"
    (stance,) = saved.stances
    assert saved.surface(stance.evidence or (0, 0)) == "أعلن حزب النخيل الأخضر رفضه"
    assert list(read_articles(output)) == [saved]
    assert annotation.view(0)["done"] is True
    assert [article["done"] for article in annotation.overview()] == [True, False, False]


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: sent.pop("mentions"),
        lambda sent: sent["mentions"][0].update(span=[0, 9999]),
        lambda sent: sent["mentions"][0].update(span=[3, 1]),
        lambda sent: sent["mentions"][0].update(type="LAW"),
        lambda sent: sent["stances"][0].update(holder="e99"),
        lambda sent: sent["entities"].append({"id": "e50", "type": "ORG", "name": ""}),
        lambda sent: sent.update(stances="none"),
    ],
)
def test_what_is_no_annotation_is_refused_and_nothing_is_written(
    change: Any, annotation: Annotation, output: Path
) -> None:
    sent = parts(annotation.view(0))
    change(sent)
    with pytest.raises(ArticleError) as caught:
        annotation.save(0, sent)
    assert caught.value.article_id == "a1"
    assert not output.exists()
    with pytest.raises(IndexError):
        annotation.save(9, sent)


def test_a_model_goes_first_and_its_scores_go(gold_articles: list[Article], output: Path, labels: LabelSet) -> None:
    asked = []

    def tag(article: Article) -> Article:
        asked.append(article.id)
        gold_articles[1].mentions[0].score = gold_articles[1].stances[0].score = 0.7
        return gold_articles[1].model_copy(update={"id": article.id})

    bare = gold_articles[1].clean()
    annotation = Annotation([gold_articles[0], bare], output, labels, tag)
    assert len(annotation.view(0)["stances"]) == 3
    assert len(annotation.view(1)["stances"]) == len(annotation.view(1)["stances"]) == 4
    assert asked == ["a2"]  # once, and not for the article that has mentions
    saved = annotation.save(1, parts(annotation.view(1)))
    assert all(part.score is None for part in (*saved.mentions, *saved.stances))
    again = Annotation([gold_articles[0], bare], output, labels, tag)
    assert len(again.view(1)["stances"]) == 4
    assert asked == ["a2"]  # done before: taken from the file
    with pytest.raises(InputError, match="another file"):
        Annotation([gold_articles[0]], output, labels)


def test_a_failure_leaves_the_old_file(annotation: Annotation, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotation.save(0, parts(annotation.view(0)))
    before = output.read_bytes()

    def full(*_: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no room"):
        annotation.save(1, parts(annotation.view(1)))
    assert output.read_bytes() == before
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    assert annotation.view(1)["done"] is False


# ------------------------------------------------------------------------------------------------------------- server


@pytest.fixture
def server(annotation: Annotation) -> Iterator[AnnotationServer]:
    with AnnotationServer(annotation) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: AnnotationServer,
    path: str,
    *,
    method: str = "GET",
    body: Any = None,
    secret: str | None = None,
    host: str | None = None,
) -> tuple[int, Any]:
    connection = HTTPConnection(*server.server_address[:2], timeout=20)
    headers = {"X-Mawaqif": server.secret if secret is None else secret}
    if host:
        headers["Host"] = host
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, json.loads(content) if "json" in (answer.getheader("Content-Type") or "") else content


def test_the_server_gives_and_takes_articles(server: AnnotationServer, output: Path) -> None:
    assert ask(server, "/api/articles")[1][1]["id"] == "a2"
    status, view = ask(server, "/api/articles/1")
    assert (status, view["id"], view["done"]) == (200, "a2", False)
    status, saved = ask(server, "/api/articles/1", method="PUT", body=parts(view))
    assert (status, saved["done"]) == (200, True)
    assert [article.id for article in read_articles(output)] == ["a2"]
    broken = parts(view)
    broken["stances"][0]["target"] = "e99"
    status, answer = ask(server, "/api/articles/1", method="PUT", body=broken)
    assert status == 422
    assert "e99" in answer["error"]
    assert [ask(server, path)[0] for path in ("/api/articles/77", "/etc/passwd", "/api/articles/-1")] == [404] * 3
    assert ask(server, "/api/articles/77", method="PUT", body={})[0] == 404
    assert ask(server, "/api/articles/1", method="PUT")[0] == 404


def test_the_server_is_for_this_page_on_this_machine_alone(server: AnnotationServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/api/articles", secret="guessed")[0] == 403
    assert ask(server, "/api/articles/0", method="PUT", body={}, secret="")[0] == 403
    assert ask(server, "/api/articles", host="evil.example")[0] == 403
    assert ask(server, "/?key=guessed", secret="guessed")[0] == 403
    status, page = ask(server, f"/?key={server.secret}", secret="")
    assert status == 200
    assert "SETTINGS*/" not in page
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing from elsewhere


def test_the_command_serves_until_it_is_stopped(
    tmp_path: Path, gold_articles: list[Article], output: Path, tiny_onnx_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_articles([article.clean() for article in gold_articles], tmp_path / "in.jsonl")
    saved = []

    def serve(server: AnnotationServer) -> None:
        view = server.annotation.view(0)
        saved.append(server.annotation.save(0, parts(view)))
        raise KeyboardInterrupt

    monkeypatch.setattr(AnnotationServer, "serve_forever", serve)
    arguments = ["data", "annotate", str(tmp_path / "in.jsonl"), "-o", str(output), "--no-browser"]
    result = CliRunner().invoke(app, [*arguments, "--model", str(tiny_onnx_model)])
    url, last = result.stdout.splitlines()
    assert url.startswith("http://127.0.0.1:")
    assert last == f"1 articles in {output}"
    assert list(read_articles(output)) == saved
    assert saved[0].mentions  # the model's


# ------------------------------------------------------------------------------------------------------------ browser


@pytest.fixture
def page(server: AnnotationServer, chromium: Any) -> Iterator[Any]:
    """The page in headless Chromium."""
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(server.url)
    page.wait_for_selector("#text [data-word]")
    yield page
    assert complaints == []
    page.close()


def expect(page: Any, selector: str) -> Any:
    from playwright.sync_api import expect

    return expect(page.locator(selector))


def test_an_article_is_corrected_with_the_keyboard(page: Any, output: Path, gold_articles: list[Article]) -> None:
    before = gold_articles[0]
    assert page.evaluate("getComputedStyle(document.getElementById('text')).direction") == "rtl"
    assert page.locator("#stances li").count() == 3
    page.keyboard.press("ArrowLeft")  # the second word, first of a mention
    assert page.locator("#text .selected").inner_text() == "حزب"
    page.keyboard.press("5")  # the fifth type, FAC, for the whole entity
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")  # the mention of the plan, one of three
    page.keyboard.press("Control+z")
    page.keyboard.press("Delete")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator("#text .selected").inner_text() == "أعلن"
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("s")
    page.locator("#holder").select_option("AUTHOR")
    page.locator("#target").select_option("e1")
    page.locator("#stance").select_option("against")
    page.locator("#voice").select_option("narration")
    page.keyboard.press("Tab")
    page.locator("#stance-ok").press("Enter")
    expect(page, "#stances li").to_have_count(4)
    page.keyboard.press("Control+Enter")
    expect(page, "#title").to_contain_text("a2")
    (saved,) = read_articles(output)
    assert [(saved.surface(m), m.type) for m in saved.mentions_of("e1")] == [
        ("حزب النخيل الأخضر", "FAC"),
        ("الحزب", "FAC"),
    ]
    assert len(saved.mentions_of("e2")) == len(before.mentions_of("e2")) - 1
    new = saved.stances[-1]
    assert (new.holder, new.target, new.stance, new.voice) == ("AUTHOR", "e1", "against", "narration")
    assert saved.surface(new.evidence or (0, 0)) == "أعلن حزب"
    assert saved.stances[:-1] == before.stances


def test_mentions_are_made_and_joined_to_entities(page: Any, output: Path) -> None:
    page.keyboard.press("[")  # nothing before the first article
    page.locator("[data-word='9']").click()  # وقال
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("2")
    page.locator("#entities input").last.fill("اسم جديد")
    page.locator("#text").focus()
    page.keyboard.press("Control+s")
    expect(page, "#state").to_have_text("محفوظ")
    (saved,) = read_articles(output)
    assert saved.entity("e7").name == "اسم جديد"
    (mention,) = saved.mentions_of("e7")
    assert len(saved.surface(mention).split()) == 2
    page.locator("[data-word='9']").click()
    page.keyboard.press("e")
    page.locator("#entity").select_option("e1")
    page.locator("#entity-form button[value=ok]").press("Enter")
    expect(page, "#state").to_have_text("غير محفوظ")  # the page acts once the form is closed
    page.keyboard.press("Control+s")
    expect(page, "#state").to_have_text("محفوظ")
    (saved,) = read_articles(output)
    assert len(saved.mentions_of("e1")) == 3
    assert all(entity.id != "e7" for entity in saved.entities)
