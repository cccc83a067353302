"""Unlabelled text: files of one paragraph a line with a blank line between documents, plain or xz."""

import lzma
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

from mawaqif.errors import InputError

__all__ = ["named_documents", "read_documents"]


def read_documents(path: str | Path, share: float = 1.0, seed: int = 0) -> Iterator[str]:
    """Yields the documents of a `.txt` or `.txt.xz` file, a random `share` of them (the same under the same seed).

    Raises InputError if the file is missing, not UTF-8, or a damaged xz.
    """
    path = Path(path)
    chooser = random.Random(f"{seed} {path.name}")
    paragraphs: list[str] = []
    try:
        opener = lzma.open if path.suffix == ".xz" else open
        with cast(TextIO, opener(path, "rt", encoding="utf-8-sig")) as lines:
            for line in lines:
                if line := line.strip():
                    paragraphs.append(line)
                elif paragraphs:
                    if chooser.random() < share:
                        yield "\n".join(paragraphs)
                    paragraphs = []
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text ({error})", path=str(path)) from error
    if paragraphs and chooser.random() < share:
        yield "\n".join(paragraphs)


def named_documents(path: str | Path) -> Iterator[tuple[str, str]]:
    """The documents of a file with their ids, `<file>:<number from 1>`. Raises InputError as `read_documents`."""
    stem = Path(path).name.split(".")[0]
    yield from ((f"{stem}:{number}", text) for number, text in enumerate(read_documents(path), 1))
