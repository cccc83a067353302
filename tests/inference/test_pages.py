"""The page shows every word, mark and stance of an article, and nothing in an article can become markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mawaqif.article import Article
from mawaqif.inference.pages import to_html, write_html
from mawaqif.labels import LabelSet
from mawaqif.views import in_reading_order, one_line

LABELS = LabelSet.default()
TEXT = "انتقد سامر الورّاق خطة الجسر.\n\nوقال الورّاق إنه يدعم نادي النخيل، وإن الخطة ستفشل."
VOID = {"meta"}
ELEMENTS = """html head meta title style body header h1 h2 h3 bdi p span small b details summary ul ol li nav main
article div section a strong blockquote footer script"""
ATTRIBUTES = """lang dir charset http-equiv content name class id href title tabindex aria-label aria-labelledby
data-m data-ev data-tag data-number data-holder data-target"""


@dataclass
class Node:
    tag: str
    attrs: dict[str, str]
    parent: Node | None = None
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def classes(self) -> list[str]:
        return self.attrs.get("class", "").split()

    def all(self, css: str = "") -> list[Node]:
        """All nodes below with this tag or, after a dot, this class."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                if not css or css == child.tag or css.removeprefix(".") in child.classes:
                    found.append(child)
                found += child.all(css)
        return found

    def one(self, css: str) -> Node:
        (node,) = self.all(css)
        return node


class Parser(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.at = self.root = Node("", {})
        self.feed(page)
        self.close()
        assert self.at is self.root, "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.at.tag
        assert self.at.parent
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parse(*articles: Article, title: str | None = None) -> Node:
    """The page as a tree, after all that must hold for any page was checked."""
    page = to_html(articles, LABELS, title=title)
    root = Parser(page).root
    nodes = root.all()
    assert page.startswith("<!doctype html>")
    assert {node.tag for node in nodes} <= set(ELEMENTS.split())
    assert {name for node in nodes for name in node.attrs} <= set(ATTRIBUTES.split())
    policy = next(node.attrs["content"] for node in nodes if "http-equiv" in node.attrs)
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(root.one(tag).text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"url\(|@import", root.one("style").text)
    ids = [node.attrs["id"] for node in nodes if "id" in node.attrs]
    assert len(set(ids)) == len(ids)
    assert {node.attrs["href"].removeprefix("#") for node in nodes if "href" in node.attrs} <= set(ids)
    return root


def span(words: str, text: str = TEXT, nth: int = 0) -> tuple[int, int]:
    start = [match.start() for match in re.finditer(re.escape(words), text)][nth]
    return start, start + len(words)


def mention(words: str, entity: str, type: str, nth: int = 0) -> dict[str, object]:
    start, end = span(words, nth=nth)
    return {"start": start, "end": end, "entity": entity, "type": type}


@pytest.fixture
def article() -> Article:
    return Article.from_dict(
        {
            "id": "t1",
            "text": TEXT,
            "title": "خلاف على الجسر",
            "date": "2031-02-03",
            "source": "صحيفة الخيال",
            "entities": [
                {"id": "e1", "type": "PERS", "name": "سامر الورّاق"},
                {"id": "e2", "type": "ISSUE", "name": "خطة الجسر"},
                {"id": "e3", "type": "ORG", "name": "نادي النخيل"},
            ],
            "mentions": [
                mention("سامر الورّاق", "e1", "PERS"),
                mention("خطة الجسر", "e2", "ISSUE"),
                mention("الورّاق", "e1", "PERS", nth=1),
                mention("نادي النخيل", "e3", "ORG"),
            ],
            "stances": [
                {"holder": "AUTHOR", "target": "e1", "stance": "against", "voice": "narration"},
                {
                    "holder": "e1",
                    "target": "e3",
                    "stance": "favor",
                    "voice": "speech",
                    "evidence": span("يدعم نادي النخيل"),
                    "score": 0.874,
                },
                {
                    "holder": "e1",
                    "target": "e2",
                    "stance": "against",
                    "voice": "speech",
                    "evidence": span("انتقد سامر"),
                },
            ],
        }
    )


def pieces(root: Node, name: str, number: int) -> list[Node]:
    return [node for node in root.one(".text").all("span") if str(number) in node.attrs.get(name, "").split()]


def test_the_text_is_whole(article: Article) -> None:
    root = parse(article)
    assert [p.text for p in root.one(".text").all("p")] == TEXT.split("\n\n")


def test_mentions_are_marked_and_tied_to_their_entity(article: Article) -> None:
    root = parse(article)
    assert [node.text for node in pieces(root, "data-m", 3)] == ["نادي النخيل"]
    first, rest, second = pieces(root, "data-m", 1)  # evidence ends inside the first mention
    assert (first.text, rest.text, second.text) == ("سامر", " الورّاق", "الورّاق")
    assert ["data-tag" in node.attrs for node in (first, rest, second)] == [False, True, True]
    assert rest.attrs["data-tag"] == "شخص"
    assert rest.attrs["title"] == "سامر الورّاق · شخص"
    person = f"t{LABELS.type_names.index('PERS')}"
    assert all(person in node.classes for node in (first, rest, second))


def test_legend_counts_the_types_that_are_there(article: Article) -> None:
    legend = parse(article).one("article").all(".chips")[0]
    assert [re.sub(r"\s+", " ", node.text) for node in legend.all("li")] == [
        "شخص person 2",
        "منظمة organisation 1",
        "قضية policy or act 1",
    ]


def test_stances_are_sentences_in_reading_order(article: Article) -> None:
    items = parse(article).all(".stance")
    assert [re.sub(r"\s+", " ", node.one(".edge").text) for node in items] == [
        "1 سامر الورّاق ضد خطة الجسر",
        "2 سامر الورّاق مع نادي النخيل",
        "3 كاتب المقال ضد سامر الورّاق",
    ]
    assert [node.text for item in items for node in item.all("blockquote")] == ["انتقد سامر", "يدعم نادي النخيل"]
    assert ["87%" in node.text for node in items] == [False, True, False]
    assert "قول" in items[0].text
    assert "سرد" in items[2].text
    assert [(node.attrs.get("data-holder"), node.attrs["data-target"]) for node in items] == [
        ("1", "2"),
        ("1", "3"),
        (None, "1"),
    ]
    assert [node.attrs.get("tabindex") for node in items] == [None, None, "0"]  # the others hold a link


def test_evidence_is_marked_and_linked_both_ways(article: Article) -> None:
    root = parse(article)
    assert "".join(node.text for node in pieces(root, "data-ev", 1)) == "انتقد سامر"
    mark, _ = root.all(".mark")
    assert (mark.attrs["id"], mark.attrs["href"]) == ("a1-v1", "#a1-s1")
    assert mark.text == ""  # its number is drawn by the style sheet, or it would be copied with the text
    assert root.all(".stance")[0].one("a").attrs["href"] == "#a1-v1"


def test_evidence_may_overlap_and_run_across_lines(article: Article) -> None:
    spans = [(0, 20), (10, 45), (10, 20), (len(TEXT) - 5, len(TEXT))]
    ids = ["e1", "e2", "e3"]
    pairs = [(holder, target) for holder in ids for target in ids if holder != target]
    stances = [
        {"holder": holder, "target": target, "stance": "favor", "evidence": evidence}
        for (holder, target), evidence in zip(pairs, spans, strict=False)
    ]
    article = Article.from_dict({**article.to_dict(), "stances": stances})
    root = parse(article)
    for number, stance in enumerate(in_reading_order(article), 1):
        assert stance.evidence
        shown = "".join(node.text for node in pieces(root, "data-ev", number))
        assert shown == article.surface(stance.evidence).replace("\n", "")
    assert [node.attrs["id"] for node in root.all(".mark")] == ["a1-v1", "a1-v2", "a1-v3", "a1-v4"]


def test_head_of_page_and_article(article: Article) -> None:
    root = parse(article, title="تجربة")
    assert (root.one("title").text, root.one("h1").text) == ("تجربة", "تجربة")
    assert root.one("h2").text == "خلاف على الجسر"
    header = root.one("article").one("header").text
    assert all(fact in header for fact in ("t1", "2031-02-03", "صحيفة الخيال"))
    assert (root.one("html").attrs["lang"], root.one("html").attrs["dir"]) == ("ar", "rtl")
    assert not root.all("nav")


def test_an_article_without_anything_found() -> None:
    root = parse(Article(id="e", text=""), Article(id="f", text="  \nسطر\n"))
    first, second = root.all("article")
    assert first.one(".text").all("p") == []
    assert [p.text for p in second.one(".text").all("p")] == ["سطر"]
    assert not root.one("main").all(".chips")
    assert "لا مواقف" in first.text


def test_no_articles() -> None:
    assert "لا مقالات" in parse().one("main").text


def test_many_articles_share_a_page(article: Article) -> None:
    other = article.model_copy(update={"title": None, "id": "t2"})
    root = parse(*[article, other] * 20)
    assert len(root.all("article")) == 40
    contents = root.one("nav").all("li")
    assert contents[0].one("a").text == "خلاف على الجسر"
    assert contents[1].one("a").text == "انتقد سامر الورّاق خطة الجسر."  # without a title: the first line
    assert contents[1].one("a").attrs["href"] == "#a2"


def test_paragraphs_take_their_direction_from_most_letters() -> None:
    lines = ["ABC News: قال رئيس النادي إن الجسر سيبقى", "Photo: agency", "12 34", "\u202eنص"]
    root = parse(Article(id="d", text="\n".join(lines)))
    assert [p.attrs["dir"] for p in root.one(".text").all("p")] == ["rtl", "ltr", "rtl", "rtl"]
    assert root.one(".text").all("p")[3].text == lines[3]


def test_unknown_labels_are_shown_by_name() -> None:
    article = Article.from_dict(
        {
            "id": "u",
            "text": "زيد",
            "entities": [{"id": "a", "type": "CLUB", "name": "زيد"}, {"id": "b", "type": "CLUB", "name": "عمرو"}],
            "mentions": [{"start": 0, "end": 3, "type": "CLUB", "entity": "a"}, {"start": 0, "end": 3, "type": "X"}],
            "stances": [{"holder": "a", "target": "b", "stance": "wary", "voice": "song"}],
        }
    )
    root = parse(article)
    assert root.one(".badge").text == "wary"
    assert "song" in root.one(".how").text
    assert "CLUB" in root.one("article").all(".chips")[0].text


def test_write_html(tmp_path: Path, article: Article) -> None:
    write_html(iter([article]), tmp_path / "page.html", LABELS)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == to_html([article], LABELS)


def test_one_line() -> None:
    assert one_line(" وزارة\n\tالجسور\u202e\u2069 \x00") == "وزارة الجسور \ufffd"


HOSTILE = [
    "<script>alert(1)</script>",
    "</style></title></script>",
    "<!-- ",
    "]]>",
    "<img src=http://x.example/ onerror=a()>",
    "\"'&amp;&#60;",
    '" onload="a()',
    "{{ 7 * 7 }}{% raw %}",
    "\u202e\u2067\u2069\u2066",
    "\x00\x1b[31m\x7f\x85\r\n",
    "javascript:a()",
]
words = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=12) | st.sampled_from(["كلام", " ", "\n"]), max_size=8)
hostile = words.map("".join)
names = hostile.filter(bool)


@st.composite
def hostile_articles(draw: st.DrawFn) -> Article:
    text = draw(hostile)
    places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted).filter(lambda x: x[0] < x[1])
    spans = st.lists(places, max_size=5) if text else st.just([])
    ids = draw(st.lists(names.filter(lambda x: x != "AUTHOR"), min_size=2, max_size=6, unique=True))
    entities = [
        {"id": id, "type": draw(names | st.sampled_from(LABELS.type_names)), "name": draw(hostile)} for id in ids
    ]
    mentions = [
        {"start": start, "end": end, "type": entity["type"], "entity": entity["id"]}
        for (start, end), entity in zip(draw(spans), entities, strict=False)  # each entity once
    ]
    stances = [
        {"holder": holder, "target": target, "stance": draw(names), "voice": draw(hostile), "evidence": evidence}
        for evidence, holder, target in zip(draw(spans), ids, [*ids[1:], ids[0]], strict=False)
    ]
    optional = {key: draw(st.none() | hostile) for key in ("title", "date", "source")}
    return Article.from_dict(
        {"id": draw(names), "text": text, "entities": entities, "mentions": mentions, "stances": stances, **optional}
    )


CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
BIDI_CONTROL = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def visible(text: str, start: int = 0, end: int | None = None, *, blank: bool = False) -> list[str]:
    """What a page can show of text[start:end]: line by line, without the breaks, none of it where a line is blank."""
    shown, place = [], 0
    for kept in text.splitlines(keepends=True):
        line = kept.splitlines()[0]
        if blank or line.strip():
            shown.append(CONTROL.sub("\ufffd", line[max(start - place, 0) : max((end or len(text)) - place, 0)]))
        place += len(kept)
    return shown


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(article=hostile_articles(), title=hostile)
def test_nothing_in_an_article_becomes_markup(article: Article, title: str) -> None:
    root = parse(article, title=title)  # checks elements, attributes, links, script and style
    assert [p.text for p in root.one(".text").all("p")] == visible(article.text)
    for number, entity in enumerate(article.entities, 1):
        for found in article.mentions_of(entity.id):
            marked = "".join(node.text for node in pieces(root, "data-m", number))
            assert marked == "".join(visible(article.text, found.start, found.end))
    for number, stance in enumerate(in_reading_order(article), 1):
        assert stance.evidence
        marked = "".join(node.text for node in pieces(root, "data-ev", number))
        assert marked == "".join(visible(article.text, *stance.evidence))
        surface = article.surface(stance.evidence)
        quotes = [node.text for node in root.all(".stance")[number - 1].all("blockquote")]
        assert [quote.split() for quote in quotes] == (
            [" ".join(visible(surface, blank=True)).split()] if surface.strip() else []
        )
    outside = [node.text for css in ("title", "h1", "h2", ".meta", ".chips", ".edge", ".how") for node in root.all(css)]
    assert not BIDI_CONTROL.search("".join(outside))
