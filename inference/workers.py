"""The work of a batch run, here or in several processes, each with a tagger of its own; the order is the input's."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from mawaqif.errors import MawaqifError
from mawaqif.inference.batch import Pipe, tag_items
from mawaqif.inference.records import Item

__all__ = ["WorkerError", "here", "in_processes"]

_AHEAD = 2  # parts a worker that are read before they are wanted

_tagger: Pipe | None = None  # of this process, if it is a worker


class WorkerError(MawaqifError):
    """A worker process died."""


def here(parts: Iterable[Sequence[Item]], tagger: Pipe, min_score: float | None = None) -> Iterator[list[bytes]]:
    """The lines of every part, in order (see `batch.tag_items`)."""
    return (tag_items(part, tagger, min_score) for part in parts)


def in_processes(
    parts: Iterable[Sequence[Item]], make: Callable[[], Pipe], workers: int, min_score: float | None = None
) -> Iterator[list[bytes]]:
    """As `here`, in `workers` processes that each call `make` (which can be pickled) once.

    At most two parts a worker are read ahead. Raises WorkerError where a process dies; what `make` raises, it raises.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of running threads
    pending: deque[Future[list[bytes]]] = deque()
    work = partial(_work, make, min_score)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
        try:
            for part in parts:
                pending.append(pool.submit(work, part))
                if len(pending) > _AHEAD * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process died, perhaps for want of memory; the same command goes on from where it stopped, "
                "with fewer --workers if need be"
            ) from error
        finally:
            for future in pending:
                future.cancel()


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says when to stop
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A parent that is killed cannot stop its workers: each waits for its end by itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(make: Callable[[], Pipe], min_score: float | None, part: Sequence[Item]) -> list[bytes]:
    global _tagger  # noqa: PLW0603 (a process has one tagger)
    if _tagger is None:
        _tagger = make()
    return tag_items(part, _tagger, min_score)
