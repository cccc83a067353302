"""Fine-tuning learns what it is shown, survives interruption exactly, and refuses what it cannot use."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from mawaqif.article import Article
from mawaqif.errors import ConfigError, InputError
from mawaqif.jsonl import read_articles, write_articles
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel
from mawaqif.saved import open_model
from mawaqif.train.finetune import FinetuneConfig, Progress, evidence_loss, finetune, mean_loss, schedule, setup
from mawaqif.train.scores import dev_scores

Configure = Callable[..., FinetuneConfig]


@pytest.fixture
def configure(tmp_path: Path, tiny_encoder: Path, news: Path) -> Configure:
    def make(output: str = "run", **sections: dict[str, Any]) -> FinetuneConfig:
        given: dict[str, Any] = {
            "data": {"train": [news], "dev": news},
            "model": {"encoder": str(tiny_encoder), "max_tokens": 128, "stance_width": 32, "stance_heads": 2},
            "training": {"epochs": 3, "batch_articles": 2, "batch_sentences": 2, "learning_rate": 0.003},
        }
        merged = {key: values | sections.get(key, {}) for key, values in given.items()}
        return FinetuneConfig.model_validate({"output": tmp_path / output, **merged})

    return make


def ends(steps: list[Progress]) -> list[dict[str, float]]:
    """The scores at the ends of the epochs."""
    return [step.scores for step in steps if step.scores is not None]


def test_it_learns_three_articles_by_heart(configure: Configure, labels: LabelSet, news: Path) -> None:
    config = configure(training={"epochs": 40, "batch_articles": 3, "learning_rate": 0.01, "head_learning_rate": 0.01})
    steps = list(finetune(config))
    scores = ends(steps)
    assert len(scores) == 40
    assert scores[-1]["mentions"] > 0.9
    assert scores[-1]["edges"] > 0.7
    assert steps[-1].losses["mention"] < 0.2 * steps[0].losses["mention"]

    best = max(scores, key=lambda score: score["selection"])
    kept = json.loads((config.output / "scores.json").read_text())
    assert kept.pop("epoch") == scores.index(best)
    assert kept == best
    saved = open_model(config.output)
    assert saved.settings["min_score"] == best["min_score"]
    model, device = JointModel.load(saved), torch.device("cpu")
    again = dev_scores(model, saved.tokenizer, list(read_articles(news)), labels, device)
    assert again["mentions"] == pytest.approx(best["mentions"], abs=0.05)  # 16-bit weights
    assert not model.training


def test_progress_counts_steps_and_epochs(configure: Configure) -> None:
    steps = list(finetune(configure(training={"epochs": 2})))
    assert [(s.step, s.epoch, s.scores is not None) for s in steps] == [
        *((1, 0, False), (2, 0, False), (2, 0, True)),
        *((3, 1, False), (4, 1, False), (4, 1, True)),
    ]
    assert {s.steps for s in steps} == {4}
    assert steps[2].best
    metrics = (configure().output / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["scores"] for line in metrics] == ends(steps)


@pytest.mark.parametrize("stop", [3, 5], ids=["between epochs", "within an epoch"])
def test_an_interrupted_run_goes_on_as_if_it_was_not(configure: Configure, stop: int) -> None:
    whole = list(finetune(configure("whole")))
    run = finetune(configure("parts"))
    first = list(islice(run, stop))
    run.close()  # type: ignore[attr-defined]
    rest = list(finetune(configure("parts")))
    assert ends(first) + ends(rest) == ends(whole)
    assert [step.losses for step in rest] == [step.losses for step in whole[3:]]
    for name in ("model.safetensors", "scores.json"):
        assert (configure("parts").output / name).read_bytes() == (configure("whole").output / name).read_bytes()
    assert list(finetune(configure("parts"))) == []


def test_a_resumed_run_keeps_a_better_epoch(configure: Configure) -> None:
    list(finetune(configure(training={"epochs": 1})))
    config = configure(training={"epochs": 2})
    state = torch.load(config.output / "training.pt", weights_only=True)
    torch.save({**state, "best": 2.0}, config.output / "training.pt")
    before = (config.output / "scores.json").read_bytes()
    assert not any(step.best for step in finetune(config))
    assert (config.output / "scores.json").read_bytes() == before


def test_an_output_of_another_run_is_not_taken_over(configure: Configure) -> None:
    list(finetune(configure(training={"epochs": 1})))
    with pytest.raises(ConfigError, match="the state of another run; give another output"):
        list(finetune(configure(model={"stance_width": 16})))


def test_the_seed_decides(configure: Configure) -> None:
    first, same, other = (
        [step.losses for step in finetune(configure(name, training={"epochs": 1, "seed": seed}))]
        for name, seed in [("a", 0), ("b", 0), ("c", 1)]
    )
    assert first == same
    assert first != other


def test_public_sets_train_the_main_head_or_their_own(configure: Configure, tagged: Callable[..., Path]) -> None:
    path = tagged(("زار سامر واحة الريم", "O B-PER B-LOC I-LOC"), ("رفض الطلاب", "O O"))
    ner = [
        {"path": path, "scheme": "own"},
        {"path": path, "scheme": "mapped", "map": {"PER": "PERS", "O": "O"}},
        {"path": path, "scheme": "sparse", "map": {"DATE": "EVENT"}},  # no word of this file is scored
    ]
    config = configure(data={"ner": ner}, training={"epochs": 1})
    assert {name: head.out_features for name, head in setup(config).model.schemes.items()} == {"own": 5}
    steps = list(finetune(config))
    assert {"ner.own", "ner.mapped", "ner.sparse"} < set(steps[0].losses)
    assert steps[0].losses["ner.sparse"] == 0
    assert steps[0].losses["ner.own"] > 0
    assert not any(name.startswith("schemes") for name in JointModel.load(open_model(config.output)).state_dict())


def test_stances_without_voice_or_evidence_can_be_learned(
    configure: Configure, tmp_path: Path, gold_articles: list[Article]
) -> None:
    for article in gold_articles:
        for stance in article.stances:
            stance.voice = stance.evidence = None
    gold_articles.append(Article(id="symbols", text="\u200f \u200f"))
    write_articles(gold_articles, tmp_path / "bare.jsonl")
    config = configure(data={"train": [tmp_path / "bare.jsonl"]}, training={"epochs": 1, "batch_articles": 1})
    steps = list(finetune(config))
    values = [value for step in steps for value in step.losses.values()]
    assert all(0 <= value < 1e4 for value in values)
    assert steps[-1].losses["voice"] == steps[-1].losses["evidence"] == 0


def test_terms_choose_the_articles(configure: Configure) -> None:
    assert len(setup(configure(data={"terms": ["open"]})).train) == 2
    with pytest.raises(ConfigError, match=r"no article with terms \['none'\]"):
        setup(configure(data={"terms": ["none"]}))


def test_an_unknown_label_is_named(configure: Configure, tmp_path: Path, gold_articles: list[Article]) -> None:
    gold_articles[1].stances[2].stance = "neutral"
    write_articles(gold_articles, tmp_path / "bad.jsonl")
    with pytest.raises(InputError, match=r"article 'a2', stances\[2\].stance: 'neutral' is no stance"):
        setup(configure(data={"dev": tmp_path / "bad.jsonl"}))


def test_windows_longer_than_the_encoder(configure: Configure) -> None:
    with pytest.raises(ConfigError, match=r"model.max_tokens = 129: the encoder has only 128 positions"):
        setup(configure(model={"max_tokens": 129}))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"stance_width": 30, "stance_heads": 4}}, "stance_width 30 is no multiple of stance_heads 4"),
        (
            {"data": {"ner": [{"path": "a", "scheme": "s"}, {"path": "b", "scheme": "s", "map": {}}]}},
            "scheme 's' comes with and without a map",
        ),
    ],
)
def test_values_that_do_not_fit_together(configure: Configure, sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configure(**sections)


def test_accumulated_steps_make_one_update(configure: Configure) -> None:
    """Three batches of one article, two an update: the rate has moved twice, the last update has one batch."""
    config = configure(training={"epochs": 1, "batch_articles": 1, "gradient_accumulation": 2})
    list(finetune(config))
    state = torch.load(config.output / "training.pt", weights_only=True)
    assert state["scheduler"]["last_epoch"] == 2
    assert {float(s["step"]) for s in state["optimizer"]["state"].values()} == {2.0}


def test_the_rate_rises_and_falls() -> None:
    rates = [schedule(n / 100, 0.1) for n in range(101)]
    assert (rates[0], rates[10], rates[100]) == (0, 1, pytest.approx(0))
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert schedule(0, 0) == 1


def test_mean_loss_is_the_mean_over_what_is_scored() -> None:
    logits, gold = torch.randn(2, 3, 4), torch.tensor([[0, -100, 3], [1, -100, -100]])
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), gold.flatten(), label_smoothing=smoothing)
        torch.testing.assert_close(mean_loss(logits, gold, smoothing), expected)
    assert mean_loss(logits, torch.full_like(gold, -100)) == 0


def test_evidence_loss_ignores_padding_and_pairs_without_evidence() -> None:
    positive = torch.tensor([[True, False], [True, True]])
    evidence = torch.randn(3, 5)
    gold = torch.tensor([[0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    loss = evidence_loss(evidence, gold, mask, positive)
    changed = evidence.clone()
    changed[0, 4] += 9  # padding
    changed[2] += 9  # no evidence annotated
    torch.testing.assert_close(evidence_loss(changed, gold, mask, positive), loss)
    better = torch.where(gold, 9.0, -9.0)
    assert evidence_loss(better, gold, mask, positive) < min(loss, 0.5)
