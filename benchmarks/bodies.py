"""Is a body that every state has («الحكومة») given to the right state in the graph? On annotated articles.

    python benchmarks/bodies.py ../shared/data/news/train.jsonl runs/annotated.jsonl [more.jsonl …]

Asked are the bodies that an article names with its state and without: which state do the article's other names tell,
and is it that one? Beside it: of the bodies that no article's name gives a state, how many are told one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mawaqif.inference.graph.names import _BODIES, _body_of_state, _main_state, form_key
from mawaqif.jsonl import read_articles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", nargs="+", type=Path, help="annotated articles, JSON lines")
    named = told = right = bare = given = 0
    for article in (article for path in parser.parse_args().gold for article in read_articles(path)):
        for entity in article.entities:
            if entity.type != "ORG":
                continue
            if form_key(entity.name) in _BODIES:
                bare += 1
                given += _main_state(article) is not None
            body = _body_of_state(form_key(entity.name), None)
            if body and any(form_key(article.surface(m)) in _BODIES for m in article.mentions_of(entity.id)):
                others = [other for other in article.entities if other is not entity]
                about = _main_state(article.model_copy(update={"entities": others}))
                named += 1
                told += about is not None
                right += about is not None and body.key.endswith(f" {about}")
    print(f"named with and without a state: {named}; told a state: {told}; the right one: {right}")
    print(f"named without a state only: {bare}; told a state: {given}")


if __name__ == "__main__":
    main()
