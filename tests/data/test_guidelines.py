"""The guidelines speak of the labels that there are, in both languages."""

from importlib.resources import files

from mawaqif.article import AUTHOR
from mawaqif.labels import LabelSet


def test_every_label_is_explained_in_both_languages() -> None:
    text = (files("mawaqif.data") / "GUIDELINES.md").read_text(encoding="utf-8")
    english, arabic = text.split("\n## العربية\n")
    labels = LabelSet.default()
    for part in (english, arabic):
        for name in (*labels.type_names, *labels.stance_names, *labels.voice_names, AUTHOR):
            assert f"`{name}`" in part, name
    for label in labels.types:
        assert f"`{label.name}` {label.ar}" in arabic
