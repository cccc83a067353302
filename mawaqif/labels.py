"""The label set: entity types, stances and voices with their glosses and colours, read from one small file. The
shipped one is `configs/labels.yaml`; a saved model carries its own copy as `labels.json`. No label name is written in
code: whoever needs one takes it from a `LabelSet`.
"""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mawaqif.errors import ConfigError

__all__ = ["EntityType", "LabelSet", "StanceLabel", "Voice"]

# A name becomes part of a BIO tag, a CSS class and a column name, so it is one plain word.
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EntityType(_Frozen):
    """One type of entity. `only_in_stances`: annotated only where it takes part in a stance."""

    name: Name
    holder: bool
    target: bool
    only_in_stances: bool
    en: str
    ar: str
    color: Color


class StanceLabel(_Frozen):
    """One stance that a holder may take toward a target."""

    name: Name
    en: str
    ar: str
    color: Color


class Voice(_Frozen):
    """One way in which a stance shows: said, done or narrated."""

    name: Name
    en: str
    ar: str


class LabelSet(_Frozen):
    """All labels of one task, in the order that numbers the classes.

    `author` is the holder that stands for the article itself, `none` the class of a pair without a stance.
    """

    types: tuple[EntityType, ...] = Field(min_length=1)
    stances: tuple[StanceLabel, ...] = Field(min_length=1)
    voices: tuple[Voice, ...] = Field(min_length=1)
    author: Name
    none: Name

    @model_validator(mode="after")
    def _names_are_unique(self) -> LabelSet:
        groups = {
            "types": self.type_names,
            "stances and none": (*self.stance_names, self.none),
            "voices": self.voice_names,
        }
        for group, names in groups.items():
            name, count = Counter(names).most_common(1)[0]
            if count > 1:
                raise ValueError(f"{name!r} is there {count} times in {group}; every name must be unique")
        return self

    @property
    def type_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.types)

    @property
    def only_in_stances(self) -> tuple[str, ...]:
        """The types that are annotated only where they take part in a stance: their mentions are phrases, not names."""
        return tuple(label.name for label in self.types if label.only_in_stances)

    @property
    def stance_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.stances)

    @property
    def voice_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.voices)

    @property
    def bio_tags(self) -> list[str]:
        """`["O", "B-<first type>", "I-<first type>", "B-<second type>", …]`; the index of a tag is its class."""
        return ["O", *(f"{prefix}-{name}" for name in self.type_names for prefix in "BI")]

    @classmethod
    def load(cls, path: str | Path) -> LabelSet:
        """Read a YAML or JSON file. Raises ConfigError, which names the file and the field."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: the label file cannot be read: {error}") from error
        return cls._parse(text, str(path))

    @classmethod
    def default(cls) -> LabelSet:
        """The label set that ships with mawaqif."""
        return cls._parse((files("mawaqif.configs") / "labels.yaml").read_text(encoding="utf-8"), "labels.yaml")

    @classmethod
    def _parse(cls, text: str, path: str) -> LabelSet:
        data = _read_json(text, path) if path.endswith(".json") else _read_yaml(text, path)
        if not isinstance(data, dict):
            raise ConfigError(f"{path}: must be a mapping with the keys {', '.join(cls.model_fields)}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError("\n".join(f"{path}: {_explain(detail)}" for detail in error.errors())) from None

    def save(self, path: str | Path) -> None:
        """Write the label set as JSON; `load` reads it back."""
        Path(path).write_text(json.dumps(self.model_dump(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _read_json(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from error


def _read_yaml(text: str, path: str) -> Any:
    import yaml  # only here: a saved model has JSON, and starting up must stay quick

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error


def _explain(detail: Any) -> str:
    """One pydantic error as `types[2].color: …`."""
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    if detail["type"] == "extra_forbidden":
        return f"{field}: is no known key; remove it"
    if detail["type"] == "missing":
        return f"{field}: is missing"
    reason = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{field}: {reason}, not {detail['input']!r:.60}" if field else reason
