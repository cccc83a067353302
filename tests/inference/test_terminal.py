"""The terminal view shows entities and stances at any width, keeps Arabic in its cells, and sends no stray codes."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from mawaqif.article import Article
from mawaqif.inference.terminal import render
from mawaqif.labels import LabelSet

LABELS = LabelSet.default()
TEXT = "انتقد سامر الورّاق خطة الجسر. وقال إن نادي النخيل لن يقبل بها، وإنها ستفشل كما فشلت خطة العام الماضي."
EVIDENCE = "نادي النخيل لن يقبل بها، وإنها ستفشل كما فشلت خطة العام الماضي"
STYLE_CODE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def article() -> Article:
    start = TEXT.index(EVIDENCE)
    return Article.from_dict(
        {
            "id": "t1",
            "text": TEXT,
            "title": "خلاف على [bold]الجسر[/bold]",
            "date": "2031-02-03",
            "entities": [
                {"id": "e1", "type": "PERS", "name": "سامر الورّاق"},
                {"id": "e2", "type": "ISSUE", "name": "خطة الجسر"},
                {"id": "e3", "type": "ORG", "name": "نادي النخيل"},
            ],
            "mentions": [{"start": i, "end": i + 1, "type": "PERS", "entity": "e1"} for i in (40, 6, 30, 20)],
            "stances": [
                {"holder": "AUTHOR", "target": "e1", "stance": "favor"},
                {
                    "holder": "e3",
                    "target": "e2",
                    "stance": "against",
                    "voice": "speech",
                    "evidence": (start, start + len(EVIDENCE)),
                    "score": 0.874,
                },
            ],
        }
    )


def show(article: Article, *, width: int = 100, terminal: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        color_system="truecolor" if terminal else None,
        legacy_windows=False,
        _environ={},
    )
    console.print(render(article, LABELS))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_everything_is_there(article: Article) -> None:
    shown = " ".join(show(article, width=200).split())
    assert "خلاف على [bold]الجسر[/bold] t1 · 2031-02-03" in shown  # rich markup in data is data
    assert "سامر الورّاق PERS 4 6, 20, 30, …" in shown
    assert f"نادي النخيل against خطة الجسر speech {EVIDENCE}" in shown
    assert "0.87 38-100" in shown
    assert shown.index("against") < shown.index("AUTHOR favor سامر الورّاق")  # reading order


def test_long_evidence_wraps_and_loses_no_word(article: Article) -> None:
    shown = show(article, width=60)
    assert all(cell_len(line) <= 60 for line in shown.splitlines())
    column = shown[shown.index("Stances") :]
    assert all(word in column for word in EVIDENCE.split())


def test_each_line_of_arabic_is_isolated_in_a_terminal_only(article: Article) -> None:
    shown = show(article, width=60, terminal=True)
    plain = STYLE_CODE.sub("", shown)
    assert not re.search("[\u2068\u2069]", show(article))
    for line in plain.splitlines():
        assert re.fullmatch("(?:[^\u2068\u2069]|\u2068[^\u2068\u2069]*\u2069)*", line)
        assert not re.search("[\u0600-\u06ff]", re.sub("\u2068[^\u2069]*\u2069", "", line))
    assert re.sub("[\u2068\u2069]", "", plain) == show(article, width=60)  # they take no room


def test_labels_have_their_colours(article: Article) -> None:
    shown = show(article, terminal=True)
    for label in (LABELS.types[0], *LABELS.stances):
        red, green, blue = bytes.fromhex(label.color.removeprefix("#"))
        assert re.search(rf"48;2;{red};{green};{blue}m{label.name}", shown)


def test_an_article_without_anything_found() -> None:
    assert show(Article(id="e", text="")).split() == ["e", "no", "stances"]


def test_unknown_labels_are_shown(article: Article) -> None:
    stance = article.stances[1].model_copy(update={"stance": "wary", "voice": "song"})
    assert "wary" in show(article.model_copy(update={"stances": [stance]}), terminal=True)


pieces = st.sampled_from(["\x1b[2J", "\x1b]0;t\x07", "[red]", "\x9b1m", "\u202e", "\u2069", "\r", "\n", "كلام ", "語"])
hostile = st.lists(pieces | st.text(max_size=8), min_size=1, max_size=6).map("".join).filter(bool)


@settings(max_examples=50, deadline=None)
@given(text=hostile, name=hostile, id=hostile, label=hostile, width=st.integers(60, 120))
def test_no_control_code_gets_through(text: str, name: str, id: str, label: str, width: int) -> None:
    article = Article.from_dict(
        {
            "id": id,
            "title": name,
            "text": text,
            "entities": [{"id": "e1", "type": label, "name": name}, {"id": "e2", "type": "ORG", "name": name}],
            "stances": [
                {"holder": "e1", "target": "e2", "stance": label, "voice": label, "evidence": (0, len(text))},
            ],
        }
    )
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", show(article, width=width))
