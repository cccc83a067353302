"""What the tests of the page share: an application with it, and the page in headless Chromium, without a socket: the
browser's requests go to the application within the process, and any that would leave it fail the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from mawaqif.article import Article
from mawaqif.inference.server.page import router

HOST = "http://mawaqif.test"
Answer = Callable[[Request, Article], Response | Article]


@dataclass
class Service:
    """An application with the page and a `/tag` that answers what the test says; `asked`: the articles it was sent."""

    answer: Answer
    asked: list[Article] = field(default_factory=list)

    def __post_init__(self) -> None:
        app = FastAPI()
        app.include_router(router())

        @app.post("/tag")
        async def tag(request: Request) -> Response:
            article = Article.from_json(await request.body(), default_id="request:1")
            self.asked.append(article)
            answer = self.answer(request, article)
            if isinstance(answer, Article):
                return Response(answer.to_json(), media_type="application/json")
            return answer

        self.client = TestClient(app, base_url=HOST)


@dataclass
class Reader:
    """A page of playwright, and what a reader does with this one."""

    page: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def paste(self, text: str) -> Reader:
        """Has a text tagged."""
        self.locator("#input").fill(text)
        self.locator("#tag").click()
        self.wait_for_selector("#result:not([hidden])")
        return self

    def slide(self, percent: int) -> None:
        """Moves the slider of the least confidence."""
        self.locator("#least").fill(str(percent))

    def tab_to(self, selector: str, *, back: bool = False) -> None:
        """Presses Tab until what has the focus is this."""
        for _ in range(40):
            self.keyboard.press("Shift+Tab" if back else "Tab")
            if self.evaluate("s => document.activeElement.matches(s)", selector):
                assert self.evaluate("document.activeElement.matches(':focus-visible')")
                return
        raise AssertionError(f"the Tab key does not reach {selector}")

    def sentences(self) -> list[str]:
        """The stances of the list."""
        return [re.sub(r"\s+", " ", text).strip() for text in self.locator("#stances .edge").all_text_contents()]

    def marked(self, css: str) -> str:
        """The pieces of the text that have this class, with bars between them."""
        return "|".join(self.locator(f"#text .{css}").all_text_contents())


def _build(
    text: str,
    entities: Mapping[str, tuple[str, str, Sequence[str]]],
    stances: Sequence[tuple[str, str, str, str, str | None, float | None]],
    **fields: Any,
) -> Article:
    """entities: id to type, name and mentions (words of the text); stances: holder, target, stance, voice, evidence
    (words of the text) and score."""

    def span(words: str) -> tuple[int, int]:
        return text.index(words), text.index(words) + len(words)

    return Article.from_dict(
        {
            "id": "n1",
            "text": text,
            "entities": [{"id": id, "type": type, "name": name} for id, (type, name, _) in entities.items()],
            "mentions": [
                {"start": span(words)[0], "end": span(words)[1], "type": type, "entity": id}
                for id, (type, _, found) in entities.items()
                for words in found
            ],
            "stances": [
                {"holder": holder, "target": target, "stance": stance, "voice": voice, "score": score}
                | ({"evidence": span(evidence)} if evidence else {})
                for holder, target, stance, voice, evidence, score in stances
            ],
            **fields,
        }
    )


@pytest.fixture
def build() -> Callable[..., Article]:
    """Makes an article of words; see `_build`."""
    return _build


@pytest.fixture
def article() -> Article:
    """Four entities and four stances with scores from 0.18 to 0.624. Its emoji are one code point each, two units in
    JavaScript."""
    return _build(
        "😀 أعلن حزب النخيل 🌴 رفضه خطة الجسر.\n\nورحبت وزارة الطرق بالخطة، وقالت BBC إن الحزب أخطأ.",
        {
            "e1": ("ORG", "حزب النخيل", ["حزب النخيل", "الحزب"]),
            "e2": ("ISSUE", "خطة الجسر", ["خطة الجسر", "بالخطة"]),
            "e3": ("ORG", "وزارة الطرق", ["وزارة الطرق"]),
            "e4": ("ORG", "BBC", ["BBC"]),
        },
        [
            ("AUTHOR", "e1", "against", "narration", None, 0.18),
            ("e3", "e2", "favor", "narration", "ورحبت وزارة الطرق بالخطة", 0.45),
            ("e4", "e1", "against", "speech", "وقالت BBC إن الحزب أخطأ", 0.3),
            ("e1", "e2", "against", "speech", "رفضه خطة الجسر", 0.624),
        ],
        title="خلاف على الجسر",
        date="2031-02-03",
        more={"kept": [1, "<b>"]},
    )


@pytest.fixture
def service() -> type[Service]:
    """To make a service of: `service(answer)`."""
    return Service


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Reader]]:
    """Opens the page of a service. At the end nothing may have complained or asked for anything from elsewhere.

    `expected`: what the console may say all the same, as Chromium does of every answer that is an error.
    """
    complaints: list[str] = []
    contexts = []

    def open_page(service: Service, *, expected: str | None = None, locale: str = "ar-EG", **options: Any) -> Reader:
        def serve(route: Any) -> None:
            request = route.request
            if not request.url.startswith(HOST + "/"):
                complaints.append(f"a request to {request.url}")
                route.abort()
                return
            answer = service.client.request(
                request.method, request.url, content=request.post_data_buffer, headers=request.headers
            )
            route.fulfill(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

        def complain(text: str) -> None:
            if expected is None or expected not in text:
                complaints.append(text)

        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = chromium.new_context(locale=locale, accept_downloads=True, reduced_motion="reduce", **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        context.route("**/*", serve)
        page = context.new_page()
        page.on("console", lambda message: complain(message.text))
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(HOST + "/")
        page.wait_for_selector(".example")
        return Reader(page)

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def read(open_page: Callable[..., Reader], article: Article) -> Reader:
    """The page after the article was pasted and tagged."""
    return open_page(Service(lambda request, asked: article)).paste(article.text)
