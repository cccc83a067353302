"""The saved model directory, read without torch: its files, its checks, its labels, tokenizer and settings.

    config.json        the encoder's Hugging Face configuration plus the section `mawaqif` (heads, windows, thresholds)
    model.safetensors  all weights, 16-bit; the embeddings of pieces may be 8-bit, each with a scale (`….scale`)
    tokenizer.json     normalisation, word splitting and sub-words
    labels.json        the label set
    words.txt          optional: the words that have vectors of their own in model.safetensors, one a line
    README.md          the model card
    encoder.onnx, stances.onnx   optional: the computation for ONNX Runtime, with the weights of model.safetensors
    encoder.int8.onnx, stances.int8.onnx   optional: the same with 8-bit matrix products
    boundaries.safetensors   optional: the network of `mawaqif.boundaries`, fitted to these weights

Nothing in a directory is ever executed: there is no pickle, and a configuration that points to code is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mawaqif.errors import ConfigError, ModelError
from mawaqif.labels import LabelSet
from mawaqif.words import WordTable

CONFIG, WEIGHTS, TOKENIZER, LABELS, CARD = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "labels.json",
    "README.md",
)
BOUNDARIES = "boundaries.safetensors"
WORDS, WORD_VECTORS = "words.txt", "words.vectors.weight"
SCALE = ".scale"  # ends the name of the scales [rows, 1] of a tensor that is stored as 8-bit integers
ENCODER_GRAPH, STANCE_GRAPH = "encoder.onnx", "stances.onnx"
Precision = Literal["fp32", "int8", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")  # of the ONNX graphs; bf16 is PyTorch's
EMBEDDED = Path(str(files("mawaqif.models"))) / "default"


@dataclass(frozen=True)
class SavedModel:
    """A checked model directory. `settings` is the section `mawaqif` of config.json."""

    directory: Path
    config: dict[str, Any]
    labels: LabelSet
    tokenizer: Tokenizer
    words: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        section: dict[str, Any] = self.config["mawaqif"]
        return section

    @cached_property
    def word_table(self) -> WordTable | None:
        """Where the vectors of its words stand, if it has some."""
        return WordTable(self.words, self.tokenizer) if self.words else None

    @property
    def precision(self) -> Precision:
        """The precision of the ONNX graphs that are used unless another is asked for (setting `precision`)."""
        return "int8" if self.settings.get("precision") == "int8" else "fp32"

    def graphs(self, precision: Precision) -> tuple[Path, Path] | None:
        """The ONNX graphs of the encoder and of the stance head in a precision, if both are there."""
        paths = graph_paths(self.directory, precision)
        return paths if all(path.is_file() for path in paths) else None


def graph_paths(directory: Path, precision: Precision) -> tuple[Path, Path]:
    """Where the ONNX graphs of the encoder and of the stance head lie."""
    names = (ENCODER_GRAPH, STANCE_GRAPH)
    first, second = (
        directory / (n if precision == "fp32" else n.replace(".onnx", f".{precision}.onnx")) for n in names
    )
    return first, second


def open_model(directory: str | Path) -> SavedModel:
    """Opens a model directory. Raises ModelError that names the missing, damaged or refused file and what to do."""
    directory = Path(directory)
    if not directory.is_dir():
        raise ModelError(f"{directory}: no such model directory")
    for name in (CONFIG, WEIGHTS, TOKENIZER, LABELS):
        if not (directory / name).is_file():
            pickled = [path.name for path in directory.glob("*.bin")] + [path.name for path in directory.glob("*.pt")]
            hint = f" ({pickled[0]} is a pickle and is never loaded)" if name == WEIGHTS and pickled else ""
            raise ModelError(
                f"{directory}: {name} is missing{hint}; copy the model again or give a mawaqif model directory"
            )
    try:
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{directory / CONFIG}: is no JSON ({error}); copy the model again") from error
    if not isinstance(config, dict) or not isinstance(config.get("mawaqif"), dict):
        raise ModelError(f"{directory / CONFIG}: has no section 'mawaqif'; this is no model trained by `mawaqif train`")
    if "auto_map" in config:
        raise ModelError(f"{directory / CONFIG}: asks to run code from the directory (auto_map); mawaqif never does")
    weights, _ = _check_weights(directory / WEIGHTS)
    try:
        labels = LabelSet.load(directory / LABELS)
    except ConfigError as error:
        raise ModelError(f"{error}; copy the model again") from error
    try:
        tokenizer = Tokenizer.from_file(str(directory / TOKENIZER))
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"{directory / TOKENIZER}: damaged ({error}); copy the model again") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return SavedModel(directory, config, labels, tokenizer, _read_words(directory, config["mawaqif"], weights))


def _read_words(directory: Path, settings: dict[str, Any], weights: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    """The words with vectors, where the model has such; `weights` is the header of its weights."""
    if not settings.get("word_width"):
        return ()
    path = directory / WORDS
    try:
        words = tuple(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); copy the model again") from error
    wanted = weights.get(WORD_VECTORS, {"shape": [1]})["shape"][0] - 1
    if len(words) != wanted:
        raise ModelError(f"{path}: {len(words):,} words, but {WEIGHTS} has vectors of {wanted:,}; copy the model again")
    return words


def digests(directory: Path) -> dict[str, str]:
    """A digest of every file of a model directory but the card: other ones, another model."""
    found = {}
    for path in sorted(path for path in directory.iterdir() if path.is_file() and path.name != CARD):
        digest = hashlib.blake2b(digest_size=16)
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        found[path.name] = digest.hexdigest()
    return found


def store_settings(saved: SavedModel, **settings: float | str) -> None:
    """Writes settings of the section `mawaqif` into the directory's config.json, beside and then into place."""
    path = saved.directory / CONFIG
    config = {**saved.config, "mawaqif": {**saved.settings, **settings}}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def weight_index(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """The header of a safetensors file: tensor name → dtype, shape, data_offsets; and where the data begins.

    Format: 8 bytes little-endian header length, JSON header, data (https://github.com/huggingface/safetensors#format).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ModelError(f"{path}: truncated or no safetensors file; copy the model again")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            for name, entry in header.items():
                begin, end = entry["data_offsets"]
                if not 0 <= begin <= end or not isinstance(entry["dtype"], str):
                    raise ValueError(f"tensor {name!r}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path}: damaged header ({error}); copy the model again") from error
    return header, 8 + length


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of 16-bit floats in a small safetensors file, in fp32. Raises ModelError for any other file."""
    header, start = _check_weights(path)
    data, tensors = path.read_bytes()[start:], {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        try:
            if entry["dtype"] != "F16":
                raise ValueError(f"it is {entry['dtype']}, not F16")
            values = np.frombuffer(data[begin:end], dtype="<f2").reshape(entry["shape"])
        except ValueError as error:
            raise ModelError(f"{path}: damaged tensor {name} ({error}); copy the model again") from error
        tensors[name] = values.astype(np.float32)
    return tensors


def scales(header: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Names of the tensors of 8-bit integers in a safetensors header, and of their scales."""
    return {name: name + SCALE for name, entry in header.items() if entry["dtype"] == "I8"}


def _check_weights(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """The `weight_index` of a weights file that is as long as it says."""
    header, start = weight_index(path)
    wanted = start + max((int(entry["data_offsets"][1]) for entry in header.values()), default=0)
    if (size := path.stat().st_size) != wanted:
        raise ModelError(f"{path}: {size:,} bytes instead of {wanted:,}: truncated or damaged; copy the model again")
    return header, start
