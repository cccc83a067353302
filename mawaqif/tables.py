"""The word tables that ship in `configs/`: aliases, capitals, stance cues."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

__all__ = ["read_table"]


def read_table(name: str) -> Any:
    """The content of the shipped file `configs/<name>.yaml`."""
    import yaml  # only here: starting up must stay quick

    return yaml.safe_load((files("mawaqif.configs") / f"{name}.yaml").read_text(encoding="utf-8"))
