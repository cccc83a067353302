"""A configuration that cannot be used is refused with the file, the key and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from mawaqif.errors import ConfigError
from mawaqif.train.config import Section, load_config


class Source(Section):
    path: Path
    share: float = Field(default=1.0, gt=0, le=1)


class Training(Section):
    epochs: int = 3
    learning_rate: float = 0.1
    tags: list[str] | None = None


class Run(Section):
    output: Path
    sources: list[Source] | None = None
    training: Training = Field(default_factory=Training)


GOOD = "output: out\nsources:\n  - {path: a.txt, share: 0.5}\ntraining: {epochs: 2}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(GOOD)
    return path


def refused(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, Run, overrides)
    return str(caught.value)


def test_values_and_defaults(file: Path) -> None:
    run = load_config(file, Run)
    assert run == Run(output=Path("out"), sources=[Source(path=Path("a.txt"), share=0.5)], training=Training(epochs=2))


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("training.epochs=7", "epochs", 7),
        ("--training.learning_rate=1.0e-3", "learning_rate", 0.001),
        ("training.tags=[a, b]", "tags", ["a", "b"]),
        ("training.tags=null", "tags", None),
    ],
)
def test_dotted_overrides(file: Path, override: str, key: str, value: object) -> None:
    assert getattr(load_config(file, Run, [override]).training, key) == value


def test_overrides_make_sections_and_replace_lists(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("# nothing here\n")
    run = load_config(path, Run, ["output=x=y", "training.epochs=1", "sources=[{path: b.txt}]"])
    assert run.output == Path("x=y")
    assert run.sources == [Source(path=Path("b.txt"))]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("training.epochs", "write it as key.sub=value"),
        ("=3", "write it as key.sub=value"),
        ("output.name=3", "'output' is a single value and has no keys below it"),
        ("sources.0=3", "'sources' is a single value and has no keys below it"),
        ("training.tags=[a", "no YAML value"),
    ],
)
def test_an_override_that_cannot_be_read(file: Path, override: str, reason: str) -> None:
    message = refused(file, override)
    assert repr(override) in message
    assert reason in message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ouput=x", "unknown key 'ouput'; did you mean 'output'?"),
        ("training.epoch=3", "unknown key 'training.epoch'; did you mean 'epochs'?"),
        ("training.zzz=3", "unknown key 'training.zzz'; the keys here are epochs, learning_rate, tags"),
        ("sources=[{path: a}, {path: b, shar: 1}]", "unknown key 'sources.1.shar'; did you mean 'share'?"),
    ],
)
def test_an_unknown_key_names_the_nearest(file: Path, override: str, message: str) -> None:
    assert refused(file, override) == f"{file}: {message}"


def test_a_wrong_type_names_key_and_value(file: Path) -> None:
    message = refused(file, "training.epochs=many")
    assert message.startswith(f"{file}: training.epochs = 'many': input should be a valid integer")
    assert f"{file}: sources.0.share = 2: input should be less than" in refused(file, "sources=[{path: a, share: 2}]")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("training: {epochs: x, learning_rat: 1}\n")
    lines = refused(path).splitlines()
    assert len(lines) == 3
    assert f"{path}: key 'output' is missing" in lines


def test_bad_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("output: out\ntraining: {epochs: 2\nmore: 1\n")
    assert refused(path).startswith(f"{path}:3: is no valid YAML")


@pytest.mark.parametrize(("text", "kind"), [("- a\n", "list"), ("just text\n", "str"), ("3\n", "int")])
def test_what_is_no_mapping(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert f"{path}: holds a {kind}; a configuration is a mapping" in refused(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert f"{tmp_path / 'none.yaml'}: cannot be read" in refused(tmp_path / "none.yaml")
    assert "cannot be read" in refused(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"output: \xe9t\xe9\n")
    assert "is not UTF-8 at byte 8" in refused(tmp_path / "latin.yaml")
