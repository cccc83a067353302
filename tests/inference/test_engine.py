"""Both engines give the same articles, and a model that cannot run says so in one line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from safetensors.numpy import save_file

from mawaqif.article import Article
from mawaqif.boundaries import shapes
from mawaqif.encoding import encode, pad_pairs, pad_windows, pairs_of, special_ids
from mawaqif.errors import MawaqifError, ModelError
from mawaqif.inference.engine import EngineName, OnnxEngine, TorchEngine, make_engine
from mawaqif.inference.tagger import Tagger, load
from mawaqif.saved import BOUNDARIES, open_model, store_settings

Alike = Callable[[Article, Article], None]


@pytest.fixture(scope="module")
def onnx(tiny_onnx_model: Path) -> Tagger:
    return load(tiny_onnx_model, engine="onnx", threads=1)


@pytest.fixture(scope="module")
def torch(tiny_onnx_model: Path) -> Tagger:
    return load(tiny_onnx_model, engine="torch", threads=1)


def test_both_engines_tag_alike(onnx: Tagger, torch: Tagger, gold_articles: list[Article], alike: Alike) -> None:
    assert (onnx.engine.name, torch.engine.name) == ("onnx", "torch")
    long = Article(id="long", text="\n".join(article.text for article in gold_articles))
    articles = [*gold_articles, long, Article(id="short", text="كلمة")]
    tagged = list(onnx.pipe(articles, min_score=0))
    for first, second in zip(tagged, torch.pipe(articles, min_score=0), strict=True):
        alike(first, second)
    assert sum(len(article.stances) for article in tagged) > 20


def test_both_engines_see_the_vectors_of_words(
    tiny_word_model: Path, gold_articles: list[Article], alike: Alike
) -> None:
    first, second = (load(tiny_word_model, engine=name, threads=1, precision="fp32") for name in ("onnx", "torch"))
    tagged = list(first.pipe(gold_articles, min_score=0))
    for a, b in zip(tagged, second.pipe(gold_articles, min_score=0), strict=True):
        alike(a, b)
    assert isinstance(second.engine, TorchEngine)
    words = second.engine._model.words
    assert words
    words.into.weight.data.zero_()
    assert tagged != list(second.pipe(gold_articles, min_score=0))


def write_boundaries(model: Path, hidden: int = 32) -> None:
    """A network that makes phrases as long as can be."""
    weights = {
        name: np.zeros(shape, np.float16)
        for name, shape in shapes(hidden, open_model(model).labels, width=4, inner=2).items()
    }
    weights["score_features"][8] = 1
    save_file(weights, model / BOUNDARIES)


def test_both_engines_choose_the_bounds_of_phrases_again(
    tiny_onnx_model: Path, tmp_path: Path, onnx: Tagger, gold_articles: list[Article], alike: Alike
) -> None:
    model = Path(shutil.copytree(tiny_onnx_model, tmp_path / "model"))
    write_boundaries(model)
    first, second = (load(model, engine=name, threads=1) for name in ("onnx", "torch"))
    phrases = first.labels.only_in_stances
    longer = []
    for a, b, plain in zip(*(tagger.pipe(gold_articles, min_score=0) for tagger in (first, second, onnx)), strict=True):
        alike(a, b)
        assert Article.from_dict(a.to_dict()) == a
        lengths = [[m.end - m.start for m in each.mentions if m.type in phrases] for each in (a, plain)]
        longer.append(max(lengths[0], default=0) > max(lengths[1], default=0))
        names = [[m for m in each.mentions if m.type not in phrases] for each in (a, plain)]
        assert {(m.start, m.end) for m in names[0]} == {(m.start, m.end) for m in names[1]}
    assert any(longer)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "truncated or damaged; copy the model again"),
        (lambda path: save_file({"places": np.zeros((160, 4), np.float16)}, path), "lacks weights"),
        (lambda path: save_file({"places": np.zeros((160, 4), np.float32)}, path), "it is F32, not F16"),
        (
            lambda path: write_boundaries(path.parent, 16),
            "belongs to another encoder; make it anew with: mawaqif bound",
        ),
    ],
)
def test_bounds_that_cannot_be_read(
    tiny_model: Path, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    write_boundaries(model)
    damage(model / BOUNDARIES)
    with pytest.raises(ModelError, match=message) as caught:
        load(model)
    assert str(caught.value).startswith(str(model / BOUNDARIES))


def test_graphs_that_await_no_words(tiny_word_model: Path, tiny_onnx_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_word_model, model)
    settings = {key: value for key, value in open_model(model).settings.items() if key != "word_width"}
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "mawaqif": settings}))
    with pytest.raises(ModelError, match=r"words\.txt does not fit the ONNX graphs"):
        load(model, engine="onnx")


def test_temperature_and_evidence_shift_of_the_model_serve_both_engines(
    tiny_onnx_model: Path, tmp_path: Path, onnx: Tagger, gold_articles: list[Article], alike: Alike
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_onnx_model, model)
    store_settings(open_model(model), temperature=0.25, none_bias=0.5, evidence_shift=30.0)
    first, second = (load(model, engine=name, threads=1) for name in ("onnx", "torch"))
    for a, b, plain in zip(
        first.pipe(gold_articles, min_score=0),
        second.pipe(gold_articles, min_score=0),
        onnx.pipe(gold_articles, min_score=0),
        strict=True,
    ):
        alike(a, b)
        ends = {(s.holder, s.target): s for s in plain.stances}
        assert {(s.holder, s.target) for s in a.stances} == set(ends)
        lengths = [sum(s.evidence[1] - s.evidence[0] for s in article.stances) for article in (a, plain)]
        assert lengths[0] > lengths[1]
    scored, plain_scored = (tagger.stances(gold_articles, min_score=0) for tagger in (first, onnx))
    for a, plain in zip(scored, plain_scored, strict=True):  # between gold entities, which are sure
        ends = {(s.holder, s.target): s for s in plain.stances}
        assert any(abs(s.score - ends[s.holder, s.target].score) > 0.02 for s in a.stances)


def test_both_engines_score_given_entities_alike(
    onnx: Tagger, torch: Tagger, gold_articles: list[Article], alike: Alike
) -> None:
    scored = [tagger.stances(gold_articles, min_score=0) for tagger in (onnx, torch)]
    for first, second in zip(*scored, strict=True):
        alike(first, second)
    assert all(len(article.stances) > 10 for article in scored[0])


def test_padding_changes_no_number(onnx: Tagger, torch: Tagger, gold_articles: list[Article]) -> None:
    """Alone or in a batch with longer windows and more entities: the same logits, from both engines."""
    saved = onnx.saved
    articles = sorted(gold_articles[:4], key=lambda article: len(article.text))
    encodings = encode([article.text for article in articles], saved.tokenizer, saved.settings["max_tokens"])
    windows = [encoded.windows[0] for encoded in encodings]
    ids = [encoded.ids[slice(*window)] for encoded, window in zip(encodings, windows, strict=True)]
    pairs = [pairs_of(a, e, w, saved.labels) for a, e, w in zip(articles, encodings, windows, strict=True)]
    for engine in (onnx.engine, torch.engine):
        inputs, mask = pad_windows(ids, special_ids(saved.tokenizer))
        hidden, tags = engine.encode(inputs, mask)
        stance, voice, evidence = engine.stances(hidden, mask, pad_pairs(pairs, inputs.shape[1]))
        for row in range(len(articles)):
            alone, alone_mask = pad_windows(ids[row : row + 1], special_ids(saved.tokenizer))
            tokens, count = alone.shape[1], len(pairs[row].pairs)
            alone_hidden, alone_tags = engine.encode(alone, alone_mask)
            assert_allclose(tags[row, :tokens], alone_tags[0], atol=1e-3)
            outputs = engine.stances(alone_hidden, alone_mask, pad_pairs(pairs[row : row + 1], tokens))
            assert_allclose(stance[row, :count], outputs[0][0, :count], atol=1e-3)
            assert_allclose(voice[row, :count], outputs[1][0, :count], atol=1e-3)
            assert_allclose(evidence[row, :count, :tokens], outputs[2][0, :count], atol=1e-3)


def test_bf16_is_near_fp32(tiny_onnx_model: Path, torch: Tagger, gold_articles: list[Article]) -> None:
    """Logits within the three digits of a 16-bit float, and not the very same."""
    saved = torch.saved
    half = make_engine(saved, precision="bf16", threads=1)
    assert (half.name, half.precision, torch.engine.precision) == ("torch", "bf16", "fp32")
    encodings = encode([article.text for article in gold_articles], saved.tokenizer, saved.settings["max_tokens"])
    ids = [encoded.ids[slice(*encoded.windows[0])] for encoded in encodings]
    pairs = [pairs_of(a, e, e.windows[0], saved.labels) for a, e in zip(gold_articles, encodings, strict=True)]
    inputs, mask = pad_windows(ids, special_ids(saved.tokenizer))
    (hidden, tags), (near, near_tags) = (engine.encode(inputs, mask) for engine in (torch.engine, half))
    real = mask > 0
    scale = np.abs(hidden[real]).max()
    assert 0 < np.abs(near - hidden)[real].max() < 0.03 * scale
    assert np.abs(near_tags - tags)[real].max() < 0.03 * np.abs(tags[real]).max()
    arrays = pad_pairs(pairs, inputs.shape[1])
    counts = [len(p.pairs) for p in pairs]
    for exact, rounded in zip(
        torch.engine.stances(hidden, mask, arrays), half.stances(near, mask, arrays), strict=True
    ):
        for row, count in enumerate(counts):
            tokens = min(exact.shape[2], int(mask[row].sum()))
            assert_allclose(rounded[row, :count, :tokens], exact[row, :count, :tokens], atol=0.03 * np.abs(exact).max())


def test_a_precision_of_the_other_engine_is_refused(tiny_onnx_model: Path) -> None:
    saved = open_model(tiny_onnx_model)
    with pytest.raises(ModelError, match="for int8 take ONNX Runtime: --engine onnx"):
        make_engine(saved, "torch", precision="int8")
    with pytest.raises(ModelError, match="for bf16 take PyTorch: --engine torch"):
        make_engine(saved, "onnx", precision="bf16")


def test_auto_takes_onnx_where_there_are_graphs(tiny_model: Path, tiny_onnx_model: Path) -> None:
    assert isinstance(make_engine(open_model(tiny_onnx_model)), OnnxEngine)
    assert isinstance(make_engine(open_model(tiny_model)), TorchEngine)
    with pytest.raises(ModelError, match="has no ONNX graphs in fp32; make them with: mawaqif export"):
        make_engine(open_model(tiny_model), "onnx")


def test_a_model_saved_again_leaves_no_graphs_of_the_old_one(tiny_onnx_model: Path, tmp_path: Path) -> None:
    from mawaqif.model import JointModel

    shutil.copytree(tiny_onnx_model, tmp_path / "model")
    saved = open_model(tmp_path / "model")
    assert saved.graphs("fp32")
    assert saved.graphs("int8")
    JointModel.load(saved).save(saved.directory, saved.tokenizer)
    assert not saved.graphs("fp32")
    assert not saved.graphs("int8")
    modes = {path.stat().st_mode for path in saved.directory.iterdir()}
    assert len(modes) == 1  # whoever may read the configuration may read the weights


# ------------------------------------------------------------------------------------------------------- damaged models


def edit(name: str, change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
    """Damage that changes a JSON file's top object."""

    def damage(model: Path) -> None:
        data = json.loads((model / name).read_text(encoding="utf-8"))
        change(data)
        (model / name).write_text(json.dumps(data), encoding="utf-8")

    return damage


def cut(name: str, share: float) -> Callable[[Path], object]:
    return lambda model: (model / name).write_bytes((data := (model / name).read_bytes())[: int(share * len(data))])


FILES = ["config.json", "model.safetensors", "tokenizer.json", "labels.json"]
DAMAGES: dict[str, Callable[[Path], object]] = {
    **{f"no {name}": lambda model, name=name: (model / name).unlink() for name in FILES},
    **{f"empty {name}": cut(name, 0) for name in [*FILES, "encoder.onnx", "stances.onnx"]},
    **{f"half {name}": cut(name, 0.5) for name in [*FILES, "encoder.onnx", "stances.onnx"]},
    **{f"{name} is []": lambda model, name=name: (model / name).write_text("[]") for name in FILES},
    **{f"{name} is not UTF-8": lambda model, name=name: (model / name).write_bytes(b"{\xff}") for name in FILES},
    "a pickle": lambda model: (model / "model.safetensors").rename(model / "pytorch_model.bin"),
    "other model": edit("config.json", lambda config: config.pop("mawaqif")),
    "runs code": edit("config.json", lambda config: config.update(auto_map={"AutoModel": "m.Model"})),
    "no max_tokens": edit("config.json", lambda config: config["mawaqif"].pop("max_tokens")),
    "max_tokens": edit("config.json", lambda config: config["mawaqif"].update(max_tokens=2)),
    "min_score": edit("config.json", lambda config: config["mawaqif"].update(min_score="high")),
    "temperature": edit("config.json", lambda config: config["mawaqif"].update(temperature=0)),
    "none_bias": edit("config.json", lambda config: config["mawaqif"].update(none_bias="much")),
    "evidence_shift": edit("config.json", lambda config: config["mawaqif"].update(evidence_shift=[])),
    "fewer types": edit("labels.json", lambda labels: labels["types"].pop()),
    "fewer voices": edit("labels.json", lambda labels: labels["voices"].pop()),
    "more pieces": edit(
        "tokenizer.json", lambda t: t["model"]["vocab"].update({f"زائد{n}": 10**6 + n for n in range(9)})
    ),
    "no [CLS]": lambda model: (model / "tokenizer.json").write_text(
        (model / "tokenizer.json").read_text(encoding="utf-8").replace("[CLS]", "[XXX]"), encoding="utf-8"
    ),
}
FOR_TORCH = {
    "no encoder": edit("config.json", lambda config: config.update(model_type="none-such")),
    "other sizes": edit("config.json", lambda config: config.update(hidden_size=48)),
    "other head": edit("config.json", lambda config: config["mawaqif"].update(stance_width=16)),
    "fewer types": DAMAGES["fewer types"],
}


def assert_refused(model: Path, damage: Callable[[Path], object], engine: EngineName) -> None:
    """A model, once damaged, is refused in one line that names it."""
    damage(model)
    with pytest.raises(ModelError) as caught:
        load(model, engine=engine)
    assert "\n" not in str(caught.value)
    assert str(model) in str(caught.value)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_model_is_refused_in_one_line(
    tiny_onnx_model: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    assert_refused(Path(shutil.copytree(tiny_onnx_model, tmp_path / "model")), damage, "onnx")


@pytest.mark.parametrize("damage", FOR_TORCH.values(), ids=FOR_TORCH)
def test_a_damaged_model_is_refused_by_torch_too(
    tiny_model: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    assert_refused(Path(shutil.copytree(tiny_model, tmp_path / "model")), damage, "auto")


def test_a_missing_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="no such model directory"):
        load(tmp_path / "none")
    monkeypatch.setattr("mawaqif.inference.tagger.EMBEDDED", tmp_path / "default")
    with pytest.raises(ModelError, match="default: no such model directory"):
        load()


def test_a_hub_id_without_a_hub_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    asked = []

    def offline(*args: object, **options: object) -> None:
        asked.append((args, options))
        raise OSError("Got: no route to host\nAn error happened while trying to locate the files on the Hub")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(MawaqifError) as caught:
        load("someone/no-such-model")
    assert "'someone/no-such-model' is no directory here and the hub did not give it (Got: no route" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)
    ((_, options),) = asked
    assert "*.bin" not in options["allow_patterns"]
    assert options["etag_timeout"] <= 10


def test_threads_are_taken(tiny_onnx_model: Path) -> None:
    mask = np.ones((1, 3), dtype=np.int64)
    hidden, tags = make_engine(open_model(tiny_onnx_model), threads=2).encode(mask, mask)
    assert hidden.shape[:2] == tags.shape[:2] == (1, 3)


@pytest.mark.parametrize("name", ["onnx", "torch"])
def test_a_run_is_as_large_as_its_threads_read_fastest(tiny_onnx_model: Path, name: EngineName) -> None:
    saved = open_model(tiny_onnx_model)
    one, two, all_threads = (make_engine(saved, name, threads).batch_tokens for threads in (1, 2, None))
    assert (two, all_threads) == (2 * one, min(8, os.cpu_count() or 1) * one)
