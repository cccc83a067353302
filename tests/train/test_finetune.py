"""Fine-tuning learns what it is shown, survives interruption exactly, and refuses what it cannot use."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from mawaqif.article import Article
from mawaqif.errors import ConfigError, InputError
from mawaqif.jsonl import read_articles, write_articles
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel
from mawaqif.saved import open_model
from mawaqif.train.checkpoints import Interrupt
from mawaqif.train.config import Section
from mawaqif.train.finetune import Progress, build_optimizer, finetune, fit, schedule, setup
from mawaqif.train.scores import dev_scores
from mawaqif.train.settings import FinetuneConfig
from mawaqif.train.words import save_words

KillAt = Callable[[str, Section, int], None]
RunInTwo = Callable[[str, Section], None]
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


@pytest.mark.parametrize(("stop", "minutes", "goes_on"), [(3, 5, 3), (5, 5, 3), (5, 0, 5)])
def test_an_interrupted_run_goes_on_as_if_it_was_not(
    configure: Configure, stop: int, minutes: float, goes_on: int
) -> None:
    """Between two epochs and within one; from the epoch's end or, with a checkpoint each step, from the very step."""
    training = {"checkpoint_minutes": minutes, "encoder_dropout": 0.1, "word_dropout": 0.1}
    whole = list(finetune(configure("whole", training=training)))
    run = finetune(configure("parts", training=training))
    first = list(islice(run, stop))
    run.close()  # type: ignore[attr-defined]
    rest = list(finetune(configure("parts", training=training)))
    assert ends(first) + ends(rest) == ends(whole)
    assert [step.losses for step in rest] == [step.losses for step in whole[goes_on:]]
    for name in ("model.safetensors", "scores.json"):
        assert (configure("parts").output / name).read_bytes() == (configure("whole").output / name).read_bytes()
    assert list(finetune(configure("parts", training=training))) == []


def test_a_killed_process_goes_on_within_the_epoch(configure: Configure, kill_at: KillAt) -> None:
    whole = list(finetune(configure("whole")))
    config = configure("killed", training={"checkpoint_minutes": 0})
    kill_at("mawaqif.train.finetune.finetune", config, 3)
    assert [step.losses for step in finetune(config)] == [step.losses for step in whole[4:]]


def test_ctrl_c_saves_the_step(configure: Configure) -> None:
    whole = list(finetune(configure("whole")))
    run = finetune(configure("stopped"))
    next(run)
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        next(run)  # the second step is finished and saved, but not told
    assert [step.losses for step in finetune(configure("stopped"))] == [step.losses for step in whole[2:]]


def test_two_processes_do_what_one_does(configure: Configure, run_in_two: RunInTwo) -> None:
    """Two processes with a batch each make the update of one process that accumulates two; the last has one batch."""
    training = {"batch_articles": 1, "batch_sentences": 1, "epochs": 2}
    one = list(finetune(configure("one", training=training | {"gradient_accumulation": 2})))
    config = configure("two", training=training)
    run_in_two("mawaqif.train.finetune.finetune", config)
    lines = (config.output / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 2
    for line, step in zip(map(json.loads, lines), [s for s in one if s.scores is not None], strict=True):
        assert line["losses"] == pytest.approx(step.losses, rel=1e-3, abs=1e-5)
        assert line["scores"]["selection"] == pytest.approx(step.scores["selection"] if step.scores else None, abs=0.02)


def test_an_error_before_the_first_step_ends_every_process(configure: Configure, run_in_two: RunInTwo) -> None:
    list(finetune(configure(training={"epochs": 1})))
    with pytest.raises(
        ChildProcessError, match=r"\[-?[1-9]\d*, -?[1-9]\d*\]"
    ):  # the output holds another run, as the first one sees
        run_in_two("mawaqif.train.finetune.finetune", configure(model={"stance_width": 16}))


def test_many_small_batches_make_the_update_of_a_large_one(configure: Configure) -> None:
    def weights(name: str, **training: Any) -> dict[str, torch.Tensor]:
        config = configure(name, training={"epochs": 1, "warmup": 0, "head_dropout": 0, **training})
        run = setup(config)
        for step in fit(run, Accelerator(), Interrupt()):
            assert step.steps == 1
        return run.model.state_dict()

    before = setup(configure()).model.state_dict()
    large = weights("large", batch_articles=3)
    assert sum(not torch.equal(before[name], value) for name, value in large.items()) > 20
    small = weights("small", batch_articles=1, gradient_accumulation=3)
    for name, value in large.items():
        torch.testing.assert_close(small[name], value, rtol=1e-3, atol=2e-4, msg=name)


def test_training_stops_when_dev_no_longer_gains(configure: Configure) -> None:
    steps = list(
        finetune(configure(training={"epochs": 9, "patience": 2, "learning_rate": 1e-12, "head_learning_rate": 1e-12}))
    )
    assert len(ends(steps)) == 3


def test_adapters_train_little_and_are_merged_when_saved(configure: Configure) -> None:
    config = configure(training={"epochs": 1, "lora": {"rank": 2}})
    run = setup(config)
    trained = [name for name, parameter in run.model.encoder.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    list(finetune(config))
    saved = JointModel.load(open_model(config.output))
    assert not any("lora" in name for name in saved.state_dict())


def test_vectors_of_words_stay_and_their_matrix_learns(configure: Configure, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    save_words(tmp_path / "words", ["الحزب", "المجلس", "القرار"], vectors)
    config = configure(model={"words": tmp_path / "words"}, training={"epochs": 1})
    list(finetune(config))
    saved = open_model(config.output)
    assert saved.words == ("الحزب", "المجلس", "القرار")
    words = JointModel.load(saved).words
    assert words
    assert np.abs(words.vectors.weight[1:].detach().numpy() - vectors).max() < 0.02  # but for 8 bits
    assert not words.vectors.weight[0].any()
    assert words.into.weight.any()


def test_a_model_with_words_reads_them_for_other_labels_too(
    configure: Configure, tiny_word_model: Path, labels: LabelSet, tmp_path: Path, news: Path
) -> None:
    fewer = labels.model_copy(update={"types": (*labels.types, labels.types[0].model_copy(update={"name": "SHIP"}))})
    fewer.save(tmp_path / "labels.json")
    config = configure(model={"encoder": str(tiny_word_model)}, data={"labels": tmp_path / "labels.json"})
    model, trained = setup(config).model, JointModel.load(open_model(tiny_word_model))
    assert model.mentions.weight.shape != trained.mentions.weight.shape
    assert model.words
    assert trained.words
    assert torch.equal(model.words.into.weight, trained.words.into.weight)
    assert torch.equal(model.words.vectors.weight, trained.words.vectors.weight)


def test_words_that_change_nothing_at_first(configure: Configure, tmp_path: Path, news: Path) -> None:
    save_words(tmp_path / "words", ["الحزب"], np.ones((1, 8), np.float32))
    plain, added = setup(configure()), setup(configure(model={"words": tmp_path / "words"}))
    scores = [dev_scores(run.model, run.tokenizer, run.dev, run.labels, torch.device("cpu")) for run in (plain, added)]
    assert scores[0] == scores[1]


def test_words_that_cannot_be_read(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"words: .*mawaqif words"):
        setup(configure(model={"words": tmp_path}))
    save_words(tmp_path, ["الحزب"], np.ones((2, 8), np.float32))
    with pytest.raises(ConfigError, match="1 words, vectors of shape"):
        setup(configure(model={"words": tmp_path}))


def test_less_memory_gives_the_same_losses(configure: Configure) -> None:
    plain, saving = (
        [step.losses for step in finetune(configure(name, training={"epochs": 1, "gradient_checkpointing": saves}))]
        for name, saves in [("plain", False), ("saving", True)]
    )
    for a, b in zip(plain, saving, strict=True):
        assert a == pytest.approx(b, rel=1e-4)


def test_lower_layers_learn_more_slowly(configure: Configure) -> None:
    config = configure(training={"learning_rate": 0.1, "layer_decay": 0.5, "head_learning_rate": 0.3})
    run = setup(config)
    rates = {
        id(p): group["lr"]
        for group in build_optimizer(run.model, config.training).param_groups
        for p in group["params"]
    }
    found = {name: rates[id(parameter)] for name, parameter in run.model.named_parameters()}
    assert found["encoder.embeddings.tok_embeddings.weight"] == pytest.approx(0.025)
    assert found["encoder.layers.0.mlp.Wi.weight"] == pytest.approx(0.05)
    assert found["encoder.layers.1.mlp.Wi.weight"] == pytest.approx(0.1)
    assert found["encoder.final_norm.weight"] == pytest.approx(0.1)
    assert found["mentions.weight"] == pytest.approx(0.3)


def test_a_resumed_run_keeps_a_better_epoch(configure: Configure) -> None:
    config = configure()
    run = finetune(config)
    list(islice(run, 3))  # an epoch
    run.close()  # type: ignore[attr-defined]
    state = torch.load(config.output / "training.pt", weights_only=True)
    torch.save({**state, "best": 2.0}, config.output / "training.pt")
    before = (config.output / "scores.json").read_bytes()
    assert not any(step.best for step in finetune(config))
    assert (config.output / "scores.json").read_bytes() == before


def test_an_output_of_another_run_is_not_taken_over(configure: Configure) -> None:
    list(finetune(configure(training={"epochs": 1})))
    with pytest.raises(ConfigError, match=r"model.stance_width: .* another one; give another output"):
        list(finetune(configure(model={"stance_width": 16})))


def test_the_seed_decides(configure: Configure) -> None:
    first, same, other = (
        [step.losses for step in finetune(configure(name, training={"epochs": 1, "seed": seed}))]
        for name, seed in [("a", 0), ("b", 0), ("c", 1)]
    )
    assert first == same
    assert first != other


def test_the_seed_of_the_heads_decides_what_they_begin_from(configure: Configure) -> None:
    def heads(seed: int, head_seed: int | None) -> torch.Tensor:
        config = configure("heads", training={"epochs": 1, "seed": seed, "head_seed": head_seed})
        weight: torch.Tensor = setup(config).model.mentions.weight
        return weight.detach()

    assert torch.equal(heads(1, 0), heads(2, 0))
    assert torch.equal(heads(3, None), heads(1, 3))
    assert not torch.equal(heads(1, None), heads(2, None))


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
