"""Files that recipes read: annotated articles and a public NER set, small and invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mawaqif.article import Article
from mawaqif.jsonl import write_articles

torch.set_num_threads(1)


@pytest.fixture
def news(tmp_path: Path, gold_articles: list[Article]) -> Path:
    path = tmp_path / "news.jsonl"
    write_articles(gold_articles, path)
    return path


@pytest.fixture
def tagged(tmp_path: Path) -> Callable[..., Path]:
    """Writes (tokens, tags) sentences, each with further fields, as a JSONL file."""

    def write(*sentences: tuple[str, str], name: str = "ner.jsonl", **fields: Any) -> Path:
        path = tmp_path / name
        records = [{"tokens": tokens.split(), "tags": tags.split(), **fields} for tokens, tags in sentences]
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
        return path

    return write
