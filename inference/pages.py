"""Tagged articles as one HTML page that explains itself: the text with its mentions and evidence marked, beside the
stances as sentences. The page is one file without outside resources, for readers of Arabic, on screen, phone and paper.

Articles are scraped from anywhere, so nothing in them is trusted. Jinja2 escapes every value, and the page's own policy
lets the browser run the one script and the one style sheet that stand in `page.html.j2` and fetch nothing. Apart from
the control characters that `mawaqif.views` replaces, the text is what the article holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mawaqif.article import Article
from mawaqif.labels import LabelSet
from mawaqif.templates import template
from mawaqif.views import LINES, Glosses, one_line, view

__all__ = ["to_html", "write_html"]


def to_html(articles: Iterable[Article], labels: LabelSet, *, title: str | None = None) -> str:
    """The articles as one self-contained HTML page, in their order. `title` heads the page.

    Types, stances and voices that `labels` does not know are shown by their names, in grey.
    """
    glosses = Glosses(labels)
    views = [view(number, article, glosses) for number, article in enumerate(articles, 1)]
    return template("mawaqif.inference", "page.html.j2").render(
        title=one_line(title) if title else None,
        articles=views,
        lines=LINES,
        types=[(glosses.types[label.name].css, label.color) for label in labels.types],
        stances=[(glosses.stances[label.name], label.color) for label in labels.stances],
        most_stances=max((len(view.stances) for view in views), default=0),
    )


def write_html(articles: Iterable[Article], path: str | Path, labels: LabelSet, *, title: str | None = None) -> None:
    """Write `to_html` to a file, as UTF-8."""
    Path(path).write_text(to_html(articles, labels, title=title), encoding="utf-8")
