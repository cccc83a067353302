"""Pages from templates that lie beside the code: every value is escaped, and a name that is missing is an error."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

__all__ = ["environment", "template"]


def environment(package: str, *, trim_blocks: bool = False, lstrip_blocks: bool = False) -> jinja2.Environment:
    """The templates of a package. The filter `csp_hash` names a script or style in a Content-Security-Policy."""
    import jinja2  # only here: whoever asks for another output has no use for it

    def source(name: str) -> str:
        return (files(package) / name).read_text(encoding="utf-8")

    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=trim_blocks,
        lstrip_blocks=lstrip_blocks,
    )
    found.filters["csp_hash"] = _csp_hash
    return found


@cache
def template(package: str, name: str, *, trim_blocks: bool = False) -> jinja2.Template:
    """One template of a package, read once."""
    return environment(package, trim_blocks=trim_blocks).get_template(name)


def _csp_hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
