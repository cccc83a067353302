"""A dry run counts what the run would be, and trains nothing."""

from __future__ import annotations

from pathlib import Path

from mawaqif.train.plan import plan
from mawaqif.train.settings import FinetuneConfig


def test_a_plan(news: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    values = {
        "output": tmp_path / "run",
        "data": {"train": [news], "dev": news},
        "model": {"encoder": str(tiny_encoder), "max_tokens": 128},
        "training": {"batch_articles": 1, "gradient_accumulation": 2, "epochs": 5},
    }
    found = plan(FinetuneConfig.model_validate(values))
    assert (found.articles, found.windows, found.dev_articles) == (3, 3, 3)
    assert (found.updates_per_epoch, found.updates) == (2, 10)
    assert found.mentions["LAW"] == 2
    assert found.stances == {"favor": 4, "against": 5}
    assert found.voices == {"speech": 6, "action": 1, "narration": 2}
    assert found.trained == found.parameters > 0
    assert 1e6 < found.memory < 1e9
    assert plan(FinetuneConfig.model_validate(values), processes=2).updates_per_epoch == 1
    assert not (tmp_path / "run").exists()
    checkpointed = {**values, "training": {"gradient_checkpointing": True}}
    whole = {**values, "training": {}}
    assert plan(FinetuneConfig.model_validate(checkpointed)).memory < plan(FinetuneConfig.model_validate(whole)).memory
