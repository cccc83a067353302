"""Peak memory and speed of `mawaqif tag` but for the model: reading, parts, and writing of many short articles.

    python benchmarks/memory.py [--articles 1000000] [--output out.jsonl.gz]

A stand-in for the model marks the first word of each article, so this measures what must not grow with the number of
articles: the input is written as JSON lines into a temporary directory, tagged from there and written in the form that
the suffix of `--output` names. Prints articles/s and the peak of the process's resident memory.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from mawaqif.article import Article
from mawaqif.inference.batch import Run
from mawaqif.inference.files import Inputs
from mawaqif.inference.workers import here
from mawaqif.labels import LabelSet

SENTENCE = "أعلن حزب النخيل الأخضر رفضه خطة الجسر الجديد في واحة الريم، ورحبت بها وزارة الطرق."


class StandIn:
    def pipe(self, articles: Iterable[Article], *, min_score: float | None = None) -> Iterator[Article]:
        for article in articles:
            tagged = {
                "mentions": [{"start": 0, "end": 4, "type": "ORG", "entity": "e1", "score": 0.5}],
                "entities": [{"id": "e1", "type": "ORG", "name": "حزب النخيل"}],
                "stances": [{"holder": "AUTHOR", "target": "e1", "stance": "favor", "evidence": [0, 9], "score": 0.5}],
            }
            yield Article.from_dict(article.to_dict() | tagged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=1_000_000)
    parser.add_argument("--output", default="out.jsonl.gz")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "news.jsonl", Path(folder) / options.output
        with source.open("w", encoding="utf-8") as file:
            for number in range(options.articles):
                record = {"id": f"n{number}", "text": f"{number} {SENTENCE} {SENTENCE} {SENTENCE}"}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        start = time.perf_counter()
        run = Run(output, {})
        given = Inputs([str(source)])
        for step in run.tag(given, partial(here, tagger=StandIn()), lambda: given.position):
            records = step.records
        run.finish(LabelSet.default())
        rate = records / (time.perf_counter() - start)
        size = output.stat().st_size / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{records:,} articles, {rate:,.0f} articles/s, output {size:,.0f} MiB, peak memory {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
