"""The command line of the inference room: tag."""

from __future__ import annotations

import errno
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from mawaqif.console import EngineOption, ModelOption, Skipped, ThreadsOption, errors
from mawaqif.errors import InputError

if TYPE_CHECKING:
    from mawaqif.article import Article
    from mawaqif.inference.batch import Step, Work
    from mawaqif.labels import LabelSet

app = typer.Typer()

_AT_ONCE = 32  # articles read before the first is shown


@app.command()
def tag(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="FILE|DIR|-", help="Text, HTML, JSON lines, CSV, Parquet; - is standard input."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here: .jsonl, .csv (also .gz, .zst), .parquet, .html.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write one HTML page.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="JSON lines even in a terminal.")] = False,
    rows: Annotated[Literal["mentions", "stances"], typer.Option(help="What a row of a CSV output is.")] = "mentions",
    text_column: Annotated[str, typer.Option(help="Column or field that holds the text.")] = "text",
    id_column: Annotated[str, typer.Option(help="Column or field that holds the id.")] = "id",
    on_error: Annotated[
        Literal["skip", "stop"], typer.Option(help="What to do with a record that cannot be used.")
    ] = "skip",
    rejects: Annotated[Path | None, typer.Option(help="Write the records that cannot be used here, with why.")] = None,
    model: ModelOption = None,
    engine: EngineOption = "auto",
    min_score: Annotated[float | None, typer.Option(min=0, max=1, help="Least probability of a stance.")] = None,
    threads: ThreadsOption = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with one thread.")] = 1,
) -> None:
    """Tag articles: entities and stances with their evidence.

    A run with --output that was stopped, by whatever, is taken up where it stopped by the same command.
    """
    from mawaqif.inference.batch import Run, steps
    from mawaqif.inference.files import STDIN, Inputs
    from mawaqif.inference.progress import follow
    from mawaqif.inference.records import Columns
    from mawaqif.inference.tagger import load

    _check_outputs(inputs, output, written := [path for path in (output, html, rejects) if path])
    make = partial(load, model, engine=engine, threads=1 if workers > 1 else threads)
    tagger = make()  # also for its checks, before any process starts
    parts = [output.with_name(output.name + ".parts")] if output else []
    exclude = [path.resolve() for path in (*written, *parts)]
    given = Inputs(inputs, columns=Columns(text_column, id_column), exclude=exclude)
    work = _work(make, tagger, workers, min_score)
    skipped = Skipped()
    if output and (output.is_file() or not output.exists()):
        options = {"engine": tagger.engine.name, "min-score": min_score, "columns": [text_column, id_column]}
        settings: dict[str, dict[str, Any]] = {"input": given.fingerprints(), "option": options}
        settings["model"] = fingerprint(tagger.saved.directory)
        run = Run(output, settings, fresh=STDIN in inputs)
        try:
            for step in follow(
                run.tag(given, work, lambda: given.position, stop=on_error == "stop"), given.size, errors
            ):
                for error in step.errors:
                    skipped(error)
        except KeyboardInterrupt:
            errors.print("stopped; the same command goes on from here")
            sys.exit(130)
        skipped.any |= run.finish(tagger.labels, rows=rows, html=html, rejects=rejects) > 0
    else:
        try:
            found = steps(given, work, lambda: given.position, part=_AT_ONCE)
            shown = follow(found, given.size, errors, bar=not sys.stdout.isatty())
            tables = not json_lines and not output and sys.stdout.isatty()
            pages = _stream(shown, output, tagger.labels if tables else None, rejects, skipped, stop=on_error == "stop")
            if html:
                from mawaqif.inference.pages import write_html

                write_html(pages, html, tagger.labels)
            else:
                deque(pages, maxlen=0)
        except BrokenPipeError:  # whoever read standard output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
    skipped.exit()


def _stream(
    steps: Iterable[Step],
    output: Path | None,
    shown: LabelSet | None,
    rejects: Path | None,
    skipped: Skipped,
    *,
    stop: bool,
) -> Iterator[Article]:
    """Writes the articles as they come, to standard output or what is no file, and yields them for a page.

    `shown`: the labels for tables in a terminal, None for JSON lines.
    """
    from mawaqif.article import Article
    from mawaqif.inference.batch import reject_line

    if shown:
        from mawaqif.inference.terminal import render
    console = Console()
    with ExitStack() as stack:
        out = stack.enter_context(output.open("wb")) if output else sys.stdout.buffer
        refused = stack.enter_context(rejects.open("wb")) if rejects else None
        for step in steps:
            told = step.until_error() if stop else step
            for line in told.articles:
                article = Article.from_json(line)
                if shown:
                    console.print(render(article, shown))
                else:
                    out.write(line)
                yield article
            out.flush()
            for error in told.errors:
                if refused:
                    refused.write(reject_line(error))
                if stop:
                    raise error
                skipped(error)


def _check_outputs(inputs: list[str], output: Path | None, written: list[Path]) -> None:
    """Refuses to write over an input, and to write what the name of `output` does not promise."""
    from mawaqif.inference.outputs import check_suffix

    if output:
        check_suffix(output)
    sources = {Path(path).resolve() for path in inputs}
    for number, path in enumerate(written):
        if path.resolve() in sources:
            raise InputError("is to be read and to be written; write to another file", path=str(path))
        if path.resolve() in {other.resolve() for other in written[:number]}:
            raise InputError("is to be written twice; choose another name for one", path=str(path))
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def fingerprint(directory: Path) -> dict[str, str]:
    """A digest of every file of a model directory but its card: other ones, another model."""
    import hashlib

    found = {}
    for path in sorted(path for path in directory.iterdir() if path.is_file() and path.suffix != ".md"):
        digest = hashlib.blake2b(digest_size=16)
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        found[path.name] = digest.hexdigest()
    return found


def _work(make: Callable[[], Any], tagger: Any, workers: int, min_score: float | None) -> Work:
    from mawaqif.inference.workers import here, in_processes

    if workers == 1:
        return partial(here, tagger=tagger, min_score=min_score)
    return partial(in_processes, make=make, workers=workers, min_score=min_score)
