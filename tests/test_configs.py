"""Every shipped configuration fits the schema of its recipe and tells every key."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from mawaqif.labels import LabelSet
from mawaqif.train.config import Section, load_config
from mawaqif.train.settings import FinetuneConfig, PretrainConfig

CONFIGS = Path(str(files("mawaqif.configs")))
RUNS = sorted(path for path in CONFIGS.glob("*.yaml") if "\noutput:" in path.read_text(encoding="utf-8"))


def schema(path: Path) -> type[Section]:
    return PretrainConfig if path.name.startswith("pretrain") else FinetuneConfig


def test_there_are_runs() -> None:
    assert {"default.yaml", "pretrain.yaml"} <= {path.name for path in RUNS}


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_a_run_loads(path: Path) -> None:
    load_config(path, schema(path))


@pytest.mark.parametrize("name", ["default.yaml", "pretrain.yaml"])
def test_the_references_tell_every_key(name: str) -> None:
    def missing(section: type[BaseModel], values: dict[str, object], place: str = "") -> list[str]:
        found = []
        for key, field in section.model_fields.items():
            if key not in values:
                found.append(place + key)
            elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found += missing(field.annotation, values[key], f"{place}{key}.")  # type: ignore[arg-type]
        return found

    path = CONFIGS / name
    assert missing(schema(path), yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_the_label_set_loads() -> None:
    assert LabelSet.load(CONFIGS / "labels.yaml") == LabelSet.default()
