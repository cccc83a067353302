"""The shipped label set is complete and readable, and a wrong label file says where it is wrong."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mawaqif.article import AUTHOR
from mawaqif.errors import ConfigError
from mawaqif.labels import LabelSet


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return LabelSet.default()


@pytest.fixture
def data() -> dict[str, Any]:
    dumped: dict[str, Any] = json.loads(LabelSet.default().model_dump_json())
    return dumped


def test_default_follows_the_guidelines(labels: LabelSet) -> None:
    assert labels.type_names == ("PERS", "ORG", "GPE", "LOC", "FAC", "NORP", "EVENT", "LAW", "ACTOR", "ISSUE")
    assert labels.stance_names == ("favor", "against")
    assert labels.voice_names == ("speech", "action", "narration")
    assert labels.author == AUTHOR
    assert labels.none == "none"
    assert {t.name for t in labels.types if t.holder} == {"PERS", "ORG", "GPE", "NORP", "ACTOR", "LOC"}
    assert all(t.target for t in labels.types)
    assert {t.name for t in labels.types if t.only_in_stances} == {"ACTOR", "ISSUE"}


def test_bio_tags(labels: LabelSet) -> None:
    assert labels.bio_tags[:5] == ["O", "B-PERS", "I-PERS", "B-ORG", "I-ORG"]
    assert len(labels.bio_tags) == len(set(labels.bio_tags)) == 1 + 2 * len(labels.types)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_colors_carry_dark_text_and_differ(labels: LabelSet) -> None:
    colors = [label.color for label in labels.types] + [label.color for label in labels.stances]
    assert all((luminance(color) + 0.05) / (luminance("#1a1a1a") + 0.05) >= 7 for color in colors)
    assert all(a != b for a, b in combinations(colors, 2))


def test_saved_set_loads_again(labels: LabelSet, tmp_path: Path) -> None:
    labels.save(tmp_path / "labels.json")
    assert LabelSet.load(tmp_path / "labels.json") == labels
    assert "شخص" in (tmp_path / "labels.json").read_text(encoding="utf-8")


def test_yaml_file_loads(data: dict[str, Any], tmp_path: Path) -> None:
    data["stances"] = [{"name": "praise", "en": "praises", "ar": "مدح", "color": "#ffffff"}]
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert LabelSet.load(path).stance_names == ("praise",)


def test_labels_are_frozen(labels: LabelSet) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        labels.types[0].name = "X"


def put(data: dict[str, Any], *path: Any, value: Any) -> None:
    *parents, last = path
    target: Any = data
    for key in parents:
        target = target[key]
    target[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("types", 2, "color"), "pink", r"types\[2\]\.color: .*not 'pink'"),
        (("types", 0, "name"), "two words", r"types\[0\]\.name: .*not 'two words'"),
        (("types", 0, "colour"), "#ffffff", r"types\[0\]\.colour: is no known key; remove it"),
        (("types",), [], r"types: .*at least 1 item"),
        (("types", 1, "name"), "PERS", r"'PERS' is there 2 times in types"),
        (("none",), "favor", r"'favor' is there 2 times in stances and none"),
        (("voices", 0), {"name": "speech", "en": "said"}, r"voices\[0\]\.ar: is missing"),
    ],
)
def test_wrong_file_names_file_and_field(
    path: tuple[Any, ...], value: Any, message: str, data: dict[str, Any], tmp_path: Path
) -> None:
    put(data, *path, value=value)
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"labels\.json: " + message):
        LabelSet.load(file)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.json", b"{", "is not JSON"),
        ("labels.yaml", b"types: [", "is not YAML"),
        ("labels.yaml", b"- PERS", "must be a mapping with the keys types, stances"),
        ("labels.yaml", b"", "must be a mapping"),
        ("labels.yaml", b"\xff\xfe", "cannot be read"),
    ],
)
def test_unreadable_file(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{name}: .*{message}"):
        LabelSet.load(tmp_path / name)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: the label file cannot be read"):
        LabelSet.load(tmp_path / "nowhere.yaml")
