"""Errors say where, what and what to do; they can be caught as one and cross process borders whole."""

import pickle
import sys
from types import ModuleType

import pytest

from mawaqif.errors import (
    ArticleError,
    ConfigError,
    InputError,
    MawaqifError,
    MissingExtraError,
    ModelError,
    require,
)


@pytest.mark.parametrize("kind", [InputError, ArticleError, ConfigError, ModelError])
def test_every_error_is_a_mawaqif_error(kind: type[MawaqifError]) -> None:
    with pytest.raises(MawaqifError, match="broken"):
        raise kind("broken")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, "is broken"),
        ({"path": "news.jsonl"}, "news.jsonl: is broken"),
        ({"line": 4}, "line 4: is broken"),
        ({"field": "start"}, "start: is broken"),
        ({"article_id": "a1"}, "article 'a1': is broken"),
        (
            {"path": "news.jsonl", "line": 17, "article_id": "n003", "field": "stances[2].holder"},
            "news.jsonl:17: article 'n003', stances[2].holder: is broken",
        ),
    ],
)
def test_input_error_shows_the_parts_it_knows(parts: dict[str, object], expected: str) -> None:
    assert str(InputError("is broken", **parts)) == expected  # type: ignore[arg-type]


def test_place_can_be_filled_in_later() -> None:
    error = ArticleError("is broken", article_id="a1")
    error.path, error.line = "x.jsonl", 2
    assert str(error) == "x.jsonl:2: article 'a1': is broken"


@pytest.mark.parametrize(
    "error",
    [ArticleError("is broken", path="x.jsonl", line=2, article_id="a", field="f"), MissingExtraError("torch", "train")],
)
def test_errors_survive_pickling(error: MawaqifError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_require_returns_the_module() -> None:
    assert require("json", "train").__name__ == "json"


def test_missing_module_names_the_extra() -> None:
    with pytest.raises(MissingExtraError) as caught:
        require("no_such_module_at_all", "serve")
    assert str(caught.value) == (
        "this needs no_such_module_at_all, which is not installed: pip install 'mawaqif[serve]'"
    )
    assert isinstance(caught.value, ImportError)
    assert caught.value.name == "no_such_module_at_all"


def test_blocked_module_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "colorsys", None)
    with pytest.raises(MissingExtraError, match=r"this needs colorsys.*mawaqif\[train\]"):
        require("colorsys", "train")


def test_module_that_is_there_but_broken_keeps_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> ModuleType:
        raise ImportError("libbroken.so: cannot open shared object file")

    monkeypatch.setattr("mawaqif.errors.import_module", fail)
    with pytest.raises(ImportError, match=r"libbroken\.so") as caught:
        require("torch", "train")
    assert not isinstance(caught.value, MissingExtraError)
