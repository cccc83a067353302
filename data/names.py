"""The name of an entity to which nobody gave one."""

from mawaqif.text import strip_proclitics

__all__ = ["name_from"]


def name_from(surface: str) -> str:
    """A mention's words on one line, without the proclitics of the first.

    >>> name_from("والحكومة\\n العراقية")
    'الحكومة العراقية'
    """
    return " ".join(strip_proclitics(surface)[0].split()) or surface
