"""The model card: written anew, with what somebody has added to it kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mawaqif.train.card import mean_card, own_sections, write_card
from mawaqif.train.settings import FinetuneConfig


def test_sections_added_by_hand_are_kept_in_their_order(tmp_path: Path, tiny_model: Path, news: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    (model / "scores.json").write_text(json.dumps(dict.fromkeys(("named", "mentions", "edges", "macro"), 0.25)))
    data, shape = {"train": [news], "dev": news}, {"encoder": "embedded"}
    config = FinetuneConfig.model_validate({"output": model, "data": data, "model": shape})
    card = write_card(model, config)
    plain = card.read_text(encoding="utf-8")
    added = ["## On other text\n\nWorse.\n\n### Poetry\n\nMuch worse.\n\n", "## Thanks\n\nTo all.\n\n"]
    card.write_text(plain.replace("## Use and limits", "".join(added) + "## Use and limits"), encoding="utf-8")
    again = write_card(model, config).read_text(encoding="utf-8")
    assert own_sections(again) == added
    for section in added:
        again = again.replace(section, "")
    assert again == plain


def test_a_card_of_the_project_alone_has_none() -> None:
    assert own_sections("# name\n\n## Labels\n\nmine\n") == []
    assert own_sections("") == []


def test_the_card_of_a_mean_tells_what_differs_and_keeps_no_scores(
    tmp_path: Path, tiny_model: Path, news: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    (model / "scores.json").write_text(json.dumps(dict.fromkeys(("named", "mentions", "edges", "macro"), 0.25)))

    def card(seed: int, epochs: int) -> str:
        values = {
            "output": tmp_path / f"of-{seed}",
            "data": {"train": [news], "dev": news},
            "model": {"encoder": "embedded"},
            "training": {"seed": seed, "epochs": epochs},
        }
        return write_card(model, FinetuneConfig.model_validate(values)).read_text(encoding="utf-8")

    first = card(0, 5)
    added = first.replace("## Use and limits", "## On other text\n\nWorse.\n\n## Use and limits")
    mean = mean_card("mean", {"one": added, "two": card(1, 5), "three": card(2, 6)})
    assert "\n# mean\n" in mean
    assert "\n| setting | one | two | three |\n|---|---|---|---|\n" in mean
    assert [line for line in mean.splitlines() if line.startswith("| training.")] == [
        "| training.epochs | 5 | 5 | 6 |",
        "| training.seed | 0 | 1 | 2 |",
    ]
    assert "0.250" in first
    assert "0.250" not in mean
    assert "Worse." not in mean
    kept = [section for section in first.split("\n## ")[1:] if not section.startswith("Scores on dev")]
    assert all(section.rstrip() in mean for section in kept)

    same = mean_card("mean", {"one": first, "two": first})
    assert "the others' are the same." in same
    assert "| setting |" not in same

    bare = mean_card("mean", {"one": "# one\n\n## Labels\n\nmine\n", "two": first})
    assert bare.startswith("# mean\n\n## Labels\n")
    assert "## Mean\n" in bare
    assert "Not measured yet" in bare
