"""Weak supervision: unlabelled news becomes articles with silver stances, which cost nobody an annotation.

mawaqif data documents news.txt.xz -o news.jsonl      # 1. the documents that are about who stands where
mawaqif tag news.jsonl -o tagged.jsonl                # 2. a model names the entities
mawaqif data silver tagged.jsonl -o silver.jsonl      # 3. the cue lexicon finds the stances between them
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mawaqif.article import Article
from mawaqif.cues import count_cues, cue_stances
from mawaqif.data.documents import named_documents
from mawaqif.labels import LabelSet
from mawaqif.text import words

__all__ = ["pick_documents", "silver"]


def pick_documents(
    path: str | Path, min_cues: int = 3, min_words: int = 60, max_words: int = 450, terms: str | None = None
) -> Iterator[Article]:
    """Unlabelled articles from a text file: those of a fair length with at least `min_cues` stance cues.

    An article is called `<file>:<number of the document>`; `terms`, if given, becomes its field `terms`.
    """
    extra = {} if terms is None else {"terms": terms}
    for name, text in named_documents(path):
        spans = words(text)
        if min_words <= len(spans) <= max_words and count_cues(text, spans) >= min_cues:
            yield Article.from_dict({"id": name, "text": text, **extra})


def silver(articles: Iterable[Article], labels: LabelSet, min_stances: int = 1) -> Iterator[Article]:
    """Tagged articles with the stances of the cue lexicon in place of their own; those with too few are left out."""
    for article in articles:
        stances = cue_stances(article, labels)
        if len(stances) >= min_stances:
            yield article.model_copy(update={"stances": stances})
