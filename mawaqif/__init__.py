"""mawaqif (مواقف): who is named in Arabic political news, and who stands where.

    tagger = mawaqif.load()                         # the embedded model; or a model directory, or a hub id
    article = tagger("…")                           # an Article with mentions, entities and stances
    for article in tagger.pipe(articles): ...       # many, streamed

Names are loaded when first used, so `import mawaqif` is quick and never needs torch. In a checkout the rooms (train,
inference, eval, …) stand beside this folder, an installed wheel holds them inside it; the path below makes both work.
"""

from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mawaqif.article import AUTHOR, Article, Entity, Mention, Stance
    from mawaqif.errors import MawaqifError
    from mawaqif.inference.tagger import Tagger, load
    from mawaqif.labels import LabelSet

__all__ = [
    "AUTHOR",
    "Article",
    "Entity",
    "LabelSet",
    "MawaqifError",
    "Mention",
    "Stance",
    "Tagger",
    "__version__",
    "load",
]
__version__ = "0.1.0"

_here = _Path(__file__).resolve().parent
if not (_here / "inference").is_dir() and (_here.parent / "inference").is_dir():
    __path__.append(str(_here.parent))

_homes = {"LabelSet": "labels", "MawaqifError": "errors", "Tagger": "inference.tagger", "load": "inference.tagger"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'mawaqif' has no attribute {name!r}")
    return getattr(_import_module(f"mawaqif.{_homes.get(name, 'article')}"), name)


def __dir__() -> list[str]:
    return __all__
