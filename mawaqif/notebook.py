"""An article in a notebook: a fragment of HTML with its mentions marked and its stances as sentences.

The fragment brings nothing that could reach beyond itself: no script, no style sheet, no id, only styles on its own
elements, which also outlive the cleaning that notebooks give to the output of others. It keeps its own light ground, so
that it reads alike in light and dark notebooks.
"""

from __future__ import annotations

from functools import cache

from mawaqif.article import Article
from mawaqif.labels import LabelSet
from mawaqif.templates import template
from mawaqif.views import LINES, Glosses, Piece, view

__all__ = ["to_fragment"]

_UNKNOWN = "#d8d8d8"


def to_fragment(article: Article, labels: LabelSet | None = None) -> str:
    """The article as a right-to-left HTML fragment. Labels that `labels` (None: the default ones) lacks are grey."""
    labels = labels or _default_labels()
    glosses = Glosses(labels)
    colors = {glosses.types[label.name].css: label.color for label in labels.types}
    colors |= {glosses.stances[label.name].css: label.color for label in labels.stances}
    lines = {glosses.stances[name].css: LINES[i % len(LINES)] for i, name in enumerate(labels.stance_names)}

    def style(piece: Piece) -> str:
        """A ground in the colour of the type for a mention, a line below for evidence."""
        css = piece.css.split()
        kind = next((name for name in css if name.startswith("t")), "")
        stance = next((name for name in css if name.startswith("s")), "")
        mention = f"background:{colors.get(kind, _UNKNOWN)};border-radius:.15em;padding:.1em 0;" if "m" in css else ""
        evidence = f"border-bottom:2px {lines.get(stance, 'solid')} #6b6459;" if "ev" in css else ""
        return mention + evidence

    def color(css: str) -> str:
        return colors.get(css, _UNKNOWN)

    return template("mawaqif", "notebook.html.j2", trim_blocks=True).render(
        article=view(1, article, glosses), style=style, color=color
    )


@cache
def _default_labels() -> LabelSet:
    return LabelSet.default()
