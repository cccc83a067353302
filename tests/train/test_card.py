"""The model card: written anew, with what somebody has added to it kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mawaqif.train.card import own_sections, write_card
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
