"""The page in headless Chromium, as it looks: nothing is cut off on a phone, no name covers another, colours have
contrast in light and dark, and axe-core finds nothing to complain of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("playwright")

from playwright.sync_api import expect

from mawaqif.article import Article

Open = Callable[..., Any]


SCHEMES = ("light", "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("locale", ["ar-EG", "en-GB"])
def test_axe_finds_no_barrier(locale: str, scheme: str, open_page: Open, service: Any, article: Article) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def barriers() -> list[str]:
        found = axe.run(page.page).response["violations"]
        return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]

    def answer(request: Any, asked: Article) -> Article:
        return article

    page = open_page(service(answer), locale=locale, color_scheme=scheme)
    assert barriers() == []
    page.locator("#tag").click()  # without a text: an error
    assert barriers() == []
    page.paste(article.text)
    page.slide(18)
    page.locator("#entities-box summary").click()
    page.locator("#types input").first.uncheck()
    page.locator("#text .m").first.click()
    page.locator("#stances .edge").first.click()
    assert barriers() == []


@pytest.mark.parametrize("locale", ["ar-EG", "en-GB"])
def test_a_phone_shows_all_of_it(locale: str, open_page: Open, service: Any, article: Article) -> None:
    long = article.model_copy(update={"title": "وزارة" * 30})
    long.entities[0].name = "اللجنة الوطنية العليا المستقلة لمتابعة تنفيذ خطة الجسر " * 2
    options = {"viewport": {"width": 375, "height": 700}, "has_touch": True, "is_mobile": True}
    page = open_page(service(lambda request, asked: long), locale=locale, **options)
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) == 375
    page.locator("#input").fill(article.text)
    page.locator("#tag").tap()
    expect(page.locator("#result")).to_be_visible()
    page.slide(18)
    assert page.evaluate(width) == 375
    outside = """() => [...document.querySelectorAll("#result *")].filter(node => {
        const {left, right, width} = node.getBoundingClientRect();
        return width && (left < -1 || right > 376) && !node.closest(".unseen");
    }).map(node => node.outerHTML.slice(0, 80))"""
    assert page.evaluate(outside) == []
    page.locator("#stances .edge").nth(1).tap()
    assert page.marked("is-evidence") == "ورحبت |وزارة الطرق| |بالخطة"
    evidence = page.locator("#text .is-evidence").first.bounding_box()
    bar = page.locator("#chosen").bounding_box()
    assert 0 < evidence["y"] < bar["y"]  # the text has come to the evidence, above the bar that tells what it is of
    assert bar["y"] + bar["height"] <= 701
    page.locator("#back").tap()
    assert 0 <= page.locator("#stances .edge").nth(1).bounding_box()["y"] < 700
    page.locator("#close").tap()
    assert page.locator("#chosen").is_hidden()


@pytest.mark.parametrize("width", [375, 1280])
def test_no_name_of_the_map_covers_another(width: int, open_page: Open, service: Any, build: Any) -> None:
    names = [f"{name} {i}" for i in range(7) for name in ("حزب", "وزارة الشؤون الخارجية في جمهورية تلال الغيم")]
    pairs = [(i, (i * 5 + 3) % 14) for i in range(14)] + [(0, 1), (1, 0), (2, 4), (4, 2), (6, 8)]
    made = build(
        "، ".join(names),
        {f"e{i}": ("ORG", name, [name]) for i, name in enumerate(names)},
        [(f"e{a}", f"e{b}", ("favor", "against")[a % 2], "speech", None, 0.5) for a, b in dict.fromkeys(pairs)],
    )
    page = open_page(service(lambda request, asked: made), viewport={"width": width, "height": 800}).paste(made.text)
    boxes = [node.bounding_box() for node in page.locator("#graph button").all()]
    assert len(boxes) == 14
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            beside = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert beside or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
    lines = page.locator("#graph g .line")
    assert lines.count() == len(made.stances)
    assert len({line.get_attribute("d") for line in lines.all()}) == len(made.stances)  # there and back are two lines


def test_a_long_article_has_a_map_of_its_surest_stances(open_page: Open, service: Any, build: Any) -> None:
    names = [f"حزب{i}" for i in range(40)]
    made = build(
        " ".join(names),
        {f"e{i}": ("ORG", name, []) for i, name in enumerate(names)},
        [(f"e{i}", f"e{i + 1}", "favor", "speech", None, 0.5 + i / 100) for i in range(39)],
    )
    page = open_page(service(lambda request, asked: made)).paste(made.text)
    assert page.locator("#stances li").count() == 39
    nodes = page.locator("#graph button").all_text_contents()
    assert sorted(nodes) == sorted(names[-24:])
    expect(page.locator("#graph g")).to_have_count(23)
    expect(page.locator("#graph-key")).to_contain_text("23 من 39")


def test_the_map_is_drawn_anew_for_another_size(read: Any) -> None:
    before = read.locator("#graph .head").first.get_attribute("d")
    read.set_viewport_size({"width": 700, "height": 700})
    expect(read.locator("#graph .head").first).not_to_have_attribute("d", before)


def luminance(color: Any) -> float:
    parts = [part / 255 for part in color[:3]]
    linear = [part / 12.92 if part <= 0.04045 else math.pow((part + 0.055) / 1.055, 2.4) for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_arrows_stand_out_and_differ_by_more_than_colour(
    scheme: str, open_page: Open, service: Any, article: Article
) -> None:
    page = open_page(service(lambda request, asked: article), color_scheme=scheme).paste(article.text)
    drawn = """() => {
        const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
        const rgb = color => {
            canvas.fillStyle = color;
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data];
        };
        const lines = [...document.querySelectorAll("#graph .line")].map(line =>
            [rgb(getComputedStyle(line).stroke), getComputedStyle(line).strokeDasharray]);
        return [rgb(getComputedStyle(document.body).backgroundColor), lines];
    }"""
    paper, lines = page.evaluate(drawn)
    for color, _ in lines:
        lights = sorted([luminance(color), luminance(paper)])
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 3  # WCAG 2.2, 1.4.11
    against, favor, _ = lines
    assert against[0] != favor[0]
    assert against[1] != favor[1]
