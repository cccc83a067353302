"""The command line of the inference room: tag."""

from __future__ import annotations

import errno
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from mawaqif.console import (
    MinScoreOption,
    ModelOption,
    PrecisionOption,
    Skipped,
    ThreadsOption,
    complain,
    drop_output,
    errors,
)
from mawaqif.errors import ConfigError, InputError, require

if TYPE_CHECKING:
    from mawaqif.article import Article
    from mawaqif.inference.batch import Work
    from mawaqif.inference.files import Inputs
    from mawaqif.inference.records import Columns
    from mawaqif.inference.tagger import Tagger
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
        str | None, typer.Option("--output", "-o", help="Write here: .jsonl, .csv (also .gz, .zst), .parquet, .html.")
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
    engine: Annotated[
        Literal["auto", "onnx", "torch", "ray"],
        typer.Option(help="What runs the model; ray: a directory of shards on a cluster."),
    ] = "auto",
    precision: PrecisionOption = None,
    min_score: MinScoreOption = None,
    threads: ThreadsOption = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with one thread; Ray: actors.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each Ray actor.")] = 0,
) -> None:
    """Tag articles: entities and stances with their evidence.

    A run with --output that was stopped, by whatever, is taken up where it stopped by the same command.
    """
    from mawaqif.inference.files import Inputs
    from mawaqif.inference.records import Columns
    from mawaqif.inference.tagger import load

    columns, skipped = Columns(text_column, id_column), Skipped()
    if engine == "ray":
        if html or rejects or on_error == "stop":
            raise ConfigError("--html, --rejects and --on-error stop do not go with --engine ray; leave them out")
        _on_ray(inputs, output, columns, model, min_score, threads or 1, workers, gpus)
        return
    path = Path(output) if output else None
    _check_outputs(inputs, path, written := [path for path in (path, html, rejects) if path])
    make = partial(load, model, engine=engine, threads=1 if workers > 1 else threads, precision=precision)
    tagger = make()  # also for its checks, before any process starts
    parts = [path.with_name(path.name + ".parts")] if path else []
    given = Inputs(inputs, columns=columns, exclude=[other.resolve() for other in (*written, *parts)])
    work = _work(make, tagger, workers, min_score)
    stop = on_error == "stop"
    if path and (path.is_file() or not path.exists()):
        settings = _settings(tagger, min_score, columns, tagger.engine.precision)
        _to_file(given, work, path, settings, tagger.labels, rows, html, rejects, skipped, stop=stop)
    else:
        try:
            tables = not json_lines and not output and sys.stdout.isatty()
            pages = _stream(given, work, path, tagger.labels if tables else None, rejects, skipped, stop=stop)
            if html:
                from mawaqif.inference.pages import write_html

                write_html(pages, html, tagger.labels)
            else:
                deque(pages, maxlen=0)
        except BrokenPipeError:  # whoever read standard output has seen enough
            drop_output()
            raise typer.Exit from None
    skipped.exit()


def _settings(
    tagger: Tagger, min_score: float | None, columns: Columns, precision: str | None = None
) -> dict[str, dict[str, Any]]:
    """What a run's result depends on beside its input."""
    from mawaqif.saved import digests

    options = {
        "engine": tagger.engine.name,
        "precision": precision,
        "min-score": min_score,
        "columns": [columns.text, columns.id],
    }
    return {"option": options, "model": digests(tagger.saved.directory)}


def _to_file(
    given: Inputs,
    work: Work,
    output: Path,
    settings: dict[str, dict[str, Any]],
    labels: LabelSet,
    rows: Literal["mentions", "stances"],
    html: Path | None,
    rejects: Path | None,
    skipped: Skipped,
    *,
    stop: bool,
) -> None:
    """Tags into parts beside the output, going on where an earlier run stopped, and writes the files from them."""
    from mawaqif.inference.batch import Run, finished
    from mawaqif.inference.files import STDIN
    from mawaqif.inference.progress import follow

    fresh = STDIN in given.paths  # which cannot be read again from where it was: such a run starts over
    settings = {**settings, "input": given.fingerprints()}
    rejected = None if fresh else finished(output, settings, rows=rows, html=html, rejects=rejects)
    if rejected is not None:
        errors.print(f"{output}: is whole, from this input, model and options; delete it to tag again")
        skipped.any |= rejected > 0
        return
    run = Run(output, settings, fresh=fresh)
    with _resumable():
        for step in follow(run.tag(given, work, lambda: given.position, stop=stop), given.size, errors):
            for error in step.errors:
                skipped(error)
    skipped.any |= run.finish(labels, rows=rows, html=html, rejects=rejects) > 0


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        errors.print("stopped; the same command goes on from here")
        sys.exit(130)


def _on_ray(
    inputs: list[str],
    output: str | None,
    columns: Columns,
    model: str | None,
    min_score: float | None,
    cpus: int,
    replicas: int,
    gpus: float,
) -> None:
    """Tags a directory of shards into a directory of shards. Exit status 1 if there are rejects there."""
    from mawaqif.inference.distributed import Shards, Tagging
    from mawaqif.inference.progress import follow
    from mawaqif.inference.tagger import load

    if len(inputs) != 1 or not output:
        raise ConfigError("--engine ray tags one directory or URL of shards; name it, and another one by --output")
    require("ray", "ray")  # before anything is written
    if model and Path(model).is_dir():
        model = str(Path(model).resolve())  # the actors run elsewhere
    shards = Shards(inputs[0], output, _settings(load(model), min_score, columns))
    make = partial(load, model, engine="torch" if gpus else "auto", threads=cpus)
    steps = shards.tag(Tagging(make, min_score, columns), replicas=replicas, cpus=cpus, gpus=gpus)
    with _resumable():
        deque(follow(steps, sum(shards.sizes.values()), errors), maxlen=0)
    if rejects := shards.rejects():
        complain("skipped", f"some records; see {rejects[0]}" + (f" and {len(rejects) - 1} more" * (len(rejects) > 1)))
        raise typer.Exit(1)


def _stream(
    given: Inputs,
    work: Work,
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
    from mawaqif.inference.batch import reject_line, steps
    from mawaqif.inference.progress import follow

    found = steps(given, work, lambda: given.position, part=_AT_ONCE)
    followed = follow(found, given.size, errors, bar=not sys.stdout.isatty())
    if shown:
        from mawaqif.inference.terminal import render
    console = Console()
    with ExitStack() as stack:
        out = stack.enter_context(output.open("wb")) if output else sys.stdout.buffer
        refused = stack.enter_context(rejects.open("wb")) if rejects else None
        for step in followed:
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


def _work(make: Callable[[], Any], tagger: Any, workers: int, min_score: float | None) -> Work:
    from mawaqif.inference.workers import here, in_processes

    if workers == 1:
        return partial(here, tagger=tagger, min_score=min_score)
    return partial(in_processes, make=make, workers=workers, min_score=min_score)
