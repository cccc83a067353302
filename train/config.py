"""Reads a run's YAML into a checked pydantic schema: unknown keys are refused with the nearest valid name.

Every recipe has one schema (`FinetuneConfig`, `PretrainConfig`, …) and one commented YAML per shipped run in
`configs/`. Values can be overridden with dotted keys, as on the command line: `training.epochs=3`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mawaqif.errors import ConfigError


class Section(BaseModel):
    """Base of every configuration section: frozen, and no key that the schema does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Section)


def load_config(path: str | Path, schema: type[S], overrides: Iterable[str] = ()) -> S:
    """The configuration in the YAML file `path`, with `key.sub=value` overrides, checked against `schema`.

    Raises ConfigError that names the file (or the override), the key, and the nearest valid key or the wanted type.
    """
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a YAML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{line}: is no valid YAML ({getattr(error, 'problem', error)})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds a {type(values).__name__}; a configuration is a mapping of keys to values")
    for override in overrides:
        _apply(values, override)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(str(path), schema, e) for e in error.errors())) from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, value = override.removeprefix("--").partition("=")
    if not equals or not key:
        raise ConfigError(f"override {override!r}: write it as key.sub=value, for example training.epochs=3")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ConfigError(f"override {override!r}: {parent!r} is a single value and has no keys below it")
    try:
        values[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {override!r}: {value!r} is no YAML value") from error


def _explain(path: str, schema: type[BaseModel], error: Any) -> str:
    location = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _keys_at(schema, error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}?" if close else f"the keys here are {', '.join(sorted(known))}"
        return f"{path}: unknown key {location!r}; {hint}"
    if error["type"] == "missing":
        return f"{path}: key {location!r} is missing"
    return f"{path}: {location} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _keys_at(schema: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys that the section at an error's location may have; a list's positions are no section of their own."""
    current: type[BaseModel] = schema
    for part in location:
        field = current.model_fields.get(str(part))
        if field is not None:
            current = next(_sections_in(field.annotation), current)
    return list(current.model_fields)


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections inside an annotation such as `list[NerSet] | None`."""
    if get_origin(annotation) is not None:
        for inner in get_args(annotation):
            yield from _sections_in(inner)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
