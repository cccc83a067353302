"""Start-up and throughput of the default engine on this machine.

    python benchmarks/rate.py [--model DIR] [--words 250] [--articles 200]

Prints the seconds from `mawaqif tag` to its finished output for one article (a new process each time, best of five),
and articles a second in one process for articles of about `--words` words, both tasks. The text is the repository's
example article, repeated and cut to length; real articles name fewer entities a word, so they are a little faster.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import mawaqif

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "article.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None)
    parser.add_argument("--words", type=int, default=250)
    parser.add_argument("--articles", type=int, default=200)
    options = parser.parse_args()
    model = ["-m", options.model] if options.model else []
    command = [sys.executable, "-m", "mawaqif.cli", "tag", str(EXAMPLE), *model]
    print(f"start to output: {min(seconds(command) for _ in range(5)):.2f} s")

    words = EXAMPLE.read_text(encoding="utf-8").split(" ")
    text = " ".join((words * (options.words // len(words) + 1))[: options.words])
    tagger = mawaqif.load(options.model)
    tagger(text)
    articles = [mawaqif.Article(id=str(n), text=text) for n in range(options.articles)]
    start = time.perf_counter()
    stances = sum(len(article.stances) for article in tagger.pipe(articles))
    elapsed = time.perf_counter() - start
    rate, density = options.articles / elapsed, stances / options.articles
    print(f"{rate:.1f} articles/s of {options.words} words ({density:.1f} stances each)")


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
