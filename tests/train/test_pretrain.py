"""Pre-training learns, and a run that is killed and started again is the very run that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

from mawaqif.errors import ConfigError, InputError
from mawaqif.train.config import Section
from mawaqif.train.corpus import Batches, MaskedBatch
from mawaqif.train.encoders import find_words
from mawaqif.train.pretext import MaskedWords, ReplacedPieces, build_objective
from mawaqif.train.pretrain import Progress, prepare_text, pretrain, schedule
from mawaqif.train.settings import PretrainConfig
from mawaqif.train.words import save_words
from mawaqif.words import fold_word

SHAPES: dict[str, dict[str, Any]] = {
    "modernbert": {"max_position_embeddings": 64, "local_attention": 8, "global_attn_every_n_layers": 2},
    "bert": {"max_position_embeddings": 64, "hidden_dropout_prob": 0.1},
}
WORDS = [
    "رفض",
    "أيد",
    "حزب",
    "النخيل",
    "مجلس",
    "المدينة",
    "خطة",
    "الجسر",
    "قانون",
    "الآبار",
    "وزارة",
    "الطرق",
    "اتحاد",
    "الصيادين",
    "قال",
    "إن",
    "في",
    "على",
]

KillAt = Callable[[str, Section, int], None]
RunInTwo = Callable[[str, Section], None]
Configure = Callable[..., PretrainConfig]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    chooser = np.random.default_rng(0)
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(" ".join(chooser.choice(WORDS, 30)) for _ in range(60)), encoding="utf-8")

    def make(output: str = "run", model_type: str = "modernbert", **values: Any) -> PretrainConfig:
        shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        given = {
            "output": tmp_path / output,
            "sources": [{"path": text}],
            "vocab_size": 300,
            "tokenizer_documents": 40,
            "encoder": {"model_type": model_type, **shape, **SHAPES.get(model_type, {})},
            "stages": [{"context": 16, "share": 0.6}, {"context": 32, "share": 0.4}],
            "batch_tokens": 128,
            "max_tokens": 128 * 10,
            "held_out_every": 4,
            "checkpoint_minutes": 0,
            "learning_rate": 0.01,
        }
        return PretrainConfig.model_validate(given | values)

    return make


def losses(steps: list[Progress]) -> list[tuple[float, float | None]]:
    return [(step.loss, step.held_out) for step in steps]


def test_the_loss_falls_and_the_encoder_loads(configure: Configure) -> None:
    config = configure(max_tokens=128 * 60)
    steps = list(pretrain(config))
    assert [step.step for step in steps] == list(range(1, 61))
    assert (steps[-1].steps, steps[-1].tokens) == (60, 60 * 128)
    first, last = (np.mean([step.loss for step in part]) for part in (steps[:5], steps[-5:]))
    assert last < first - 1
    held = [step.held_out for step in steps if step.held_out is not None]
    assert len(held) == 15
    assert held[-1] < held[0] - 1
    records = [json.loads(line) for line in (config.output / "metrics.jsonl").read_text().splitlines()]
    assert [record["loss"] for record in records] == [step.loss for step in steps]

    encoder = AutoModel.from_pretrained(config.output)
    tokenizer = AutoTokenizer.from_pretrained(config.output)
    ids = tokenizer("رفض حزب النخيل خطة الجسر")["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    assert tokenizer.unk_token_id not in ids
    assert encoder(torch.tensor([ids])).last_hidden_state.shape == (1, len(ids), 32)


@pytest.fixture
def generator(configure: Configure) -> dict[str, Any]:
    """The settings of a run with replaced pieces, after a run with masked words."""
    first = configure("generator", max_tokens=128 * 30)
    assert len(list(pretrain(first))) == 30
    return {"objective": "replaced", "generator": first.output, "encoder": None, "initial": first.output}


@pytest.mark.parametrize(("model_type", "optimizer"), [("modernbert", "muon"), ("bert", "adamw")])
def test_an_interrupted_run_goes_on_as_if_it_was_not(configure: Configure, model_type: str, optimizer: Any) -> None:
    """Also where the encoder has dropout, as BERT's has."""
    _assert_resumes(configure, model_type=model_type, optimizer=optimizer)


def test_an_interrupted_run_with_replaced_pieces_goes_on(configure: Configure, generator: dict[str, Any]) -> None:
    _assert_resumes(configure, **generator)


def _assert_resumes(configure: Configure, **given: Any) -> None:
    whole = list(pretrain(configure("whole", **given)))
    config = configure("parts", **given)
    parts: list[Progress] = []
    for stop in (3, 5, None):
        run = pretrain(config)
        parts += islice(run, stop)
        run.close()  # type: ignore[attr-defined]
    assert [step.step for step in parts] == list(range(1, 11))
    assert losses(parts) == losses(whole)
    weights = [(config.output.parent / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]


def test_a_finished_run_has_nothing_to_do(configure: Configure) -> None:
    config = configure(max_tokens=256)
    assert len(list(pretrain(config))) == 2
    assert list(pretrain(config)) == []


def test_the_seed_decides(configure: Configure) -> None:
    first, same, other = (
        losses(list(pretrain(configure(name, seed=seed, max_tokens=512))))
        for name, seed in [("a", 0), ("b", 0), ("c", 1)]
    )
    assert first == same
    assert first != other


@pytest.mark.parametrize("key", ["seed", "learning_rate", "max_tokens"])
def test_an_output_of_another_run_is_not_taken_over(configure: Configure, key: str) -> None:
    list(pretrain(configure(max_tokens=256)))
    with pytest.raises(ConfigError, match=f"^{key}: .*another one; give another output"):
        list(pretrain(configure(**{"max_tokens": 256, key: 3})))


def test_a_killed_process_goes_on_where_its_last_checkpoint_stands(configure: Configure, kill_at: KillAt) -> None:
    whole = list(pretrain(configure("whole")))
    config = configure("killed")
    kill_at("mawaqif.train.pretrain.pretrain", config, 4)
    assert losses(list(pretrain(config))) == losses(whole)[4:]


def test_two_processes_share_every_batch(configure: Configure, run_in_two: RunInTwo) -> None:
    one = list(pretrain(configure("one")))
    two = configure("two")
    run_in_two("mawaqif.train.pretrain.pretrain", two)
    lines = [json.loads(line) for line in (two.output / "metrics.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == pytest.approx([step.loss for step in one], rel=5e-3)  # bf16
    assert AutoModel.from_pretrained(two.output) is not None


def test_a_batch_too_small_for_the_processes(configure: Configure, run_in_two: RunInTwo) -> None:
    with pytest.raises(ChildProcessError, match=r"\[-?[1-9]\d*, -?[1-9]\d*\]"):
        run_in_two("mawaqif.train.pretrain.pretrain", configure(batch_tokens=16))


def test_a_second_sitting_goes_on_from_the_encoder_of_the_first(configure: Configure) -> None:
    """With the tokenizer and the weights, masked-word head included, of the first; only the schedule begins anew."""
    first = configure("first", max_tokens=128 * 60)
    learnt = list(pretrain(first))[-1].held_out
    second = configure(
        "second", encoder=None, initial=first.output, vocab_size=400, held_out_every=1, max_tokens=256, seed=1
    )
    goes_on = next(iter(pretrain(second))).held_out
    fresh = next(iter(pretrain(configure("fresh", held_out_every=1, max_tokens=256)))).held_out
    assert learnt is not None
    assert goes_on is not None
    assert fresh is not None
    assert abs(goes_on - learnt) < 0.2 * (fresh - learnt)
    for name in ("tokenizer.json", "tokens.npy"):  # what was held out stays held out, whatever the seed
        assert (second.output / name).read_bytes() == (first.output / name).read_bytes()


@pytest.mark.parametrize("model_type", ["modernbert", "bert"])
def test_embeddings_from_cooccurrences_begin_a_run_which_resumes(configure: Configure, model_type: str) -> None:
    config = configure(embeddings="cooccurrence", model_type=model_type, max_tokens=128, learning_rate=1e-6)
    list(pretrain(config))
    embeddings = np.load(config.output / "embeddings.npy")
    encoder = AutoModel.from_pretrained(config.output, dtype=torch.float32)
    weight = encoder.get_input_embeddings().weight.detach().numpy()
    used = embeddings.any(axis=1)
    assert 10 < used.sum() < len(used)  # [MASK] and some other pieces do not occur
    assert np.corrcoef(embeddings[used].ravel(), weight[used].ravel())[0, 1] > 0.999
    assert weight[used].std() == pytest.approx(encoder.config.initializer_range, rel=0.2)
    assert weight[~used].any(axis=1).sum() >= (~used).sum() - 1  # random, but for BERT's padding
    _assert_resumes(configure, embeddings="cooccurrence", model_type=model_type)


def test_an_initial_encoder_keeps_its_embeddings(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="embeddings: cooccurrence begins a new encoder"):
        configure(embeddings="cooccurrence", encoder=None, initial=tmp_path)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Vectors of the text's words."""
    folded = [fold_word(word.translate(str.maketrans("أإآ", "ااا"))) for word in WORDS]
    vectors = np.random.default_rng(0).normal(size=(len(folded), 8)).astype(np.float32)
    save_words(tmp_path / "words", folded, vectors)
    return tmp_path / "words"


def test_an_encoder_that_reads_vectors_of_words(configure: Configure, words: Path) -> None:
    """They are kept, a matrix is learned, both go with the encoder, and a further sitting goes on with them."""
    first = configure("first", words=words, max_tokens=128 * 60)
    learnt = list(pretrain(first))[-1].held_out
    tokenizer = Tokenizer.from_file(str(first.output / "tokenizer.json"))
    found = find_words(str(first.output), None, tokenizer, 32)
    given = find_words(str(first.output), words, tokenizer, 32)
    assert found
    assert given
    assert found.table.words == given.table.words
    assert torch.equal(found.vectors.weight, given.vectors.weight.bfloat16().float())
    assert found.into.weight.abs().mean() > 0.01
    assert not given.into.weight.any()

    settings = {"encoder": None, "initial": first.output, "held_out_every": 1, "max_tokens": 128}
    goes_on, anew = (
        list(pretrain(configure(name, **settings, words=path)))[-1].held_out
        for name, path in [("second", None), ("third", words)]
    )
    assert learnt is not None
    assert goes_on is not None
    assert anew is not None
    assert abs(goes_on - learnt) < abs(anew - learnt)
    assert (first.output.parent / "second" / "words.txt").exists()
    with pytest.raises(ConfigError, match="a matrix of shape"):
        find_words(str(first.output), None, tokenizer, 16)


def test_only_words_that_are_shown_are_looked_up(configure: Configure, words: Path) -> None:
    """What is hidden shows in the vectors no more than in the pieces."""
    config = configure(words=words, max_tokens=128)
    assert len(list(pretrain(config))) == 1
    tokenizer, tokens = prepare_text(config)
    objective = build_objective(config, tokenizer)
    assert objective.words
    batch = Batches(config, tokenizer, tokens).at(0)
    rows, all_rows = objective.words.rows(batch.inputs), objective.words.rows(batch.ids)
    hidden = batch.inputs == tokenizer.token_to_id("[MASK]")
    assert all_rows[hidden].any()
    assert not rows[hidden].any()
    plain = (hidden | (batch.inputs == batch.ids)).all(dim=1)  # sequences without random pieces
    assert plain.any()
    assert torch.equal(rows[plain][~batch.chosen[plain]], all_rows[plain][~batch.chosen[plain]])


@pytest.mark.parametrize("model_type", ["modernbert", "bert"])
def test_an_interrupted_run_with_vectors_of_words_goes_on(configure: Configure, words: Path, model_type: str) -> None:
    _assert_resumes(configure, words=words, model_type=model_type, word_weight=0.5)


def test_telling_the_vectors_of_hidden_words(configure: Configure, words: Path) -> None:
    """It adds to the loss of training alone, and is learned; without vectors there is nothing to tell."""
    config = configure(words=words, word_weight=0.5, max_tokens=128 * 40)
    training = [step.loss for step in pretrain(config)]
    assert training[-1] < training[0]
    tokenizer, tokens = prepare_text(config)
    objective = build_objective(config, tokenizer).train()
    assert isinstance(objective, MaskedWords)
    batch = Batches(config, tokenizer, tokens).at(0)
    with torch.no_grad():
        told = objective(batch) - objective.eval()(batch)
    assert told > 0.25 * objective.count(batch)  # nats: far from nothing
    with pytest.raises(ConfigError, match="word_weight: the run reads no vectors"):
        build_objective(configure(word_weight=0.5), tokenizer)
    with pytest.raises(ValidationError, match="word_weight belongs to the objective `masked`"):
        configure(word_weight=0.5, objective="replaced", generator=config.output, encoder=None, initial=config.output)


def test_replaced_pieces_with_vectors_of_words(configure: Configure, words: Path) -> None:
    """The generator reads those that it learned with, the encoder its own."""
    first = configure("generator", max_tokens=128 * 30, words=words)
    assert len(list(pretrain(first))) == 30
    given = {"objective": "replaced", "generator": first.output, "encoder": None, "initial": first.output}
    tokenizer, _ = prepare_text(first)
    objective = build_objective(configure("replaced", **given), tokenizer)
    assert isinstance(objective, ReplacedPieces)
    assert objective.words
    assert objective.generator.words
    assert torch.equal(objective.words.into.weight, objective.generator.words.into.weight)
    assert "words.into.weight" in dict(objective.trained().named_parameters())
    _assert_resumes(configure, **given)


def test_other_words_are_another_run(configure: Configure, words: Path) -> None:
    list(pretrain(configure(words=words, max_tokens=128)))
    np.save(words / "vectors.npy", np.ones((len(WORDS), 8), np.float32))
    with pytest.raises(ConfigError, match="content of the data"):
        list(pretrain(configure(words=words, max_tokens=128)))


def test_an_encoder_learns_to_tell_replaced_pieces(configure: Configure, generator: dict[str, Any]) -> None:
    config = configure("replaced", **generator, max_tokens=128 * 60, learning_rate=0.003)
    held = [step.held_out for step in pretrain(config) if step.held_out is not None]
    assert held[-1] < held[0] - 0.05
    third = configure("third", **(generator | {"initial": config.output}), max_tokens=256, held_out_every=1)
    first = next(iter(pretrain(third))).held_out
    assert first is not None
    assert first < 0.7  # its head is new
    assert AutoModel.from_pretrained(config.output) is not None
    with pytest.raises(ConfigError, match=r"lack .*objective `masked`"):
        list(pretrain(configure("fourth", encoder=None, initial=config.output)))


def test_pieces_are_replaced_at_chosen_places_as_the_generator_deems_likely(
    configure: Configure, generator: dict[str, Any]
) -> None:
    """Drawn by the inverse of its distribution: over all draws the pieces come as often as they are likely."""
    config = configure("replaced", **generator, max_tokens=128)
    assert len(list(pretrain(config))) == 1
    tokenizer, tokens = prepare_text(config)
    objective = build_objective(config, tokenizer)
    assert isinstance(objective, ReplacedPieces)
    batch = Batches(config, tokenizer, tokens).at(0)
    shown = objective.replace(batch)
    assert torch.equal(shown[~batch.chosen], batch.ids[~batch.chosen])
    assert (shown != batch.ids).any()
    assert objective.count(batch) == int((batch.ids > 4).sum())

    row = batch.rows(slice(0, 1))
    spot = torch.zeros_like(row.chosen)
    spot[0, 5] = True
    hidden = row.ids.masked_fill(spot, objective.mask_id)
    likely = objective.generator.logits(hidden, spot).float()[0, 5:].softmax(-1)
    counts = torch.zeros(tokenizer.get_vocab_size())
    for draw in np.linspace(0, 1, 400, endpoint=False, dtype=np.float32):
        one = replace(row, chosen=spot, draws=torch.full_like(row.draws, float(draw)))
        counts[objective.replace(one)[0, 5]] += 1
    assert counts[:5].sum() == 0
    assert torch.allclose(counts[5:] / 400, likely, atol=0.02)


def test_a_generator_that_cannot_serve(configure: Configure, generator: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs a generator"):
        configure(objective="replaced")
    with pytest.raises(ValidationError, match="needs a generator"):
        configure(generator=generator["generator"])
    text = generator["generator"].parent / "other.txt"
    text.write_text("\n\n".join(["سفير الوادي زار ميناء الشمال وعاد"] * 60), encoding="utf-8")
    with pytest.raises(ConfigError, match="another vocabulary"):
        list(pretrain(configure(sources=[{"path": text}], objective="replaced", generator=generator["generator"])))


def test_an_initial_encoder_that_cannot_go_on(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        list(pretrain(configure(encoder=None, initial=tmp_path / "none")))
    first = configure("first", max_tokens=256)
    list(pretrain(first))
    (first.output / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="holds no masked language model"):
        list(pretrain(configure("second", encoder=None, initial=first.output)))
    with pytest.raises(ValidationError, match="give either encoder"):
        configure(initial=first.output)


@pytest.mark.parametrize("encoder", [{"model_type": "no-such"}, {"model_type": "gpt2"}, {"model_type": "roberta"}])
def test_an_encoder_that_cannot_be_pretrained(configure: Configure, encoder: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="encoder"):
        list(pretrain(configure(encoder=encoder)))


def test_too_little_text(configure: Configure) -> None:
    with pytest.raises(InputError, match="too few to pre-train on"):
        list(pretrain(configure(stages=[{"context": 4096}])))


def test_batches_are_a_function_of_the_step(configure: Configure, tiny_tokenizer: Tokenizer) -> None:
    tokens = np.random.default_rng(0).integers(5, 200, 2000).astype(np.uint16)
    batches = Batches(configure(), tiny_tokenizer, tokens)
    shapes = [batches.at(step).ids.shape for step in range(10)]
    assert shapes == [(8, 16)] * 6 + [(4, 32)] * 4
    again = Batches(configure(), tiny_tokenizer, tokens)
    for field in fields(MaskedBatch):
        assert torch.equal(getattr(batches.at(7), field.name), getattr(again.at(7), field.name))
    assert not torch.equal(batches.at(0).ids, batches.at(1).ids)
    batch = batches.at(3)
    assert batch.chosen.any()
    assert torch.equal(batch.inputs[~batch.chosen], batch.ids[~batch.chosen])
    held = set(map(tuple, batches.held.reshape(-1, 16).tolist()))
    assert not any(tuple(row) in held for step in range(6) for row in batches.at(step).ids.tolist())


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates = [schedule(n / 100, 0.1, 0.3) for n in range(101)]
    assert 0 < rates[0] < 0.02
    assert rates[:10] == sorted(rates[:10])
    assert set(rates[10:71]) == {1.0}
    assert rates[71:] == sorted(rates[71:], reverse=True)
    assert rates[100] == pytest.approx(0)
    assert schedule(0, 0, 0) == schedule(1, 0, 0) == 1
