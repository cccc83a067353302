"""Files that recipes read: annotated articles and a public NER set, small and invented."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import BaseModel

from mawaqif.article import Article
from mawaqif.jsonl import write_articles

torch.set_num_threads(1)


@pytest.fixture
def news(tmp_path: Path, gold_articles: list[Article]) -> Path:
    path = tmp_path / "news.jsonl"
    write_articles(gold_articles, path)
    return path


@pytest.fixture
def kill_at() -> Callable[[str, BaseModel, int], None]:
    """Runs the recipe `module.function` in a process of its own that is killed (SIGKILL) at a step."""

    def run(recipe: str, config: BaseModel, step: int) -> None:
        module, _, function = recipe.rpartition(".")
        program = (
            "import os, signal, sys\n"
            f"from {type(config).__module__} import {type(config).__name__}\n"
            f"from {module} import {function}\n"
            f"for step in {function}({type(config).__name__}.model_validate_json(sys.argv[1])):\n"
            f"    if step.step == {step}: os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        killed = subprocess.run([sys.executable, "-c", program, config.model_dump_json()], timeout=120, check=False)
        assert killed.returncode == -signal.SIGKILL

    return run


@pytest.fixture
def run_in_two() -> Callable[[str, BaseModel], None]:
    """Runs the recipe `module.function` to its end in two processes that talk over gloo."""

    def run(recipe: str, config: BaseModel) -> None:
        module, _, function = recipe.rpartition(".")
        program = (
            "import sys\n"
            f"from {type(config).__module__} import {type(config).__name__}\n"
            f"from {module} import {function}\n"
            f"list({function}({type(config).__name__}.model_validate_json(sys.argv[1])))\n"
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
        command = [sys.executable, "-c", program, config.model_dump_json()]
        processes = [
            subprocess.Popen(command, env={**os.environ, **world, "RANK": str(rank), "LOCAL_RANK": str(rank)})
            for rank in range(2)
        ]
        codes = [process.wait(timeout=240) for process in processes]
        if any(codes):
            raise ChildProcessError(str(codes))

    return run


@pytest.fixture
def tagged(tmp_path: Path) -> Callable[..., Path]:
    """Writes (tokens, tags) sentences, each with further fields, as a JSONL file."""

    def write(*sentences: tuple[str, str], name: str = "ner.jsonl", **fields: Any) -> Path:
        path = tmp_path / name
        records = [{"tokens": tokens.split(), "tags": tags.split(), **fields} for tokens, tags in sentences]
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
        return path

    return write
