"""The two engines that run a saved model: ONNX Runtime (default, no torch) and PyTorch (GPU, or no ONNX graphs).

Both take and return numpy arrays in the shapes of `mawaqif.encoding`, so everything around them is shared.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from mawaqif.decoding import Floats
from mawaqif.encoding import Ints, PairArrays
from mawaqif.errors import ModelError, require
from mawaqif.inference.denormals import CAN_FLUSH, flushed
from mawaqif.saved import LABELS, WORDS, Precision, SavedModel

EngineName = Literal["auto", "onnx", "torch"]

_THREAD_TOKENS = 512  # more for a thread, and a layer's activations do not fit the cache of a processor's core
_MOST_THREADS = 8  # whose tokens make a run: a machine may tell of more than a container may use, and they take memory
_GPU_TOKENS = 16_384  # all windows of a batch of news articles; their activations are some hundred megabytes


class Engine(Protocol):
    """Runs the encoder with its mention head, and the stance head on the encoder's states."""

    name: str
    precision: Precision
    batch_tokens: int
    """How many tokens it reads fastest at a time."""

    def encode(self, ids: Ints, mask: Ints) -> tuple[Floats, Floats]:
        """ids, mask [batch, tokens] → hidden [batch, tokens, hidden], tag logits [batch, tokens, tags]."""

    def stances(self, hidden: Floats, mask: Ints, pairs: PairArrays) -> tuple[Floats, Floats, Floats]:
        """Stance [batch, pairs, 1 + stances], voice [batch, pairs, voices], evidence [batch, pairs, tokens] logits."""


def make_engine(
    saved: SavedModel,
    name: EngineName = "auto",
    threads: int | None = None,
    precision: Precision | None = None,
) -> Engine:
    """The engine called `name`; auto: ONNX Runtime if the model has graphs, else PyTorch, which alone has bf16.

    `threads`: processor threads, None for all. `precision`: None for the model's own default (ONNX Runtime), or for
    bf16 on a GPU and fp32 elsewhere (PyTorch). Raises ModelError or MissingExtraError where it cannot run.
    """
    wanted = precision or saved.precision
    graphs = saved.graphs(wanted)
    if name == "torch" or (name == "auto" and (precision == "bf16" or not (graphs or precision))):
        return TorchEngine(saved, threads, precision)
    if precision == "bf16":
        raise ModelError("ONNX graphs have fp32 and int8; for bf16 take PyTorch: --engine torch")
    if not graphs:
        raise ModelError(
            f"{saved.directory}: has no ONNX graphs in {wanted}; make them with: mawaqif export {saved.directory}"
        )
    return OnnxEngine(saved, graphs, wanted, threads)


class OnnxEngine:
    """ONNX Runtime on CPU. The graphs read their weights from the directory's model.safetensors."""

    name = "onnx"

    def __init__(
        self,
        saved: SavedModel,
        graphs: tuple[Path, Path],
        precision: Precision,
        threads: int | None = None,
    ) -> None:
        import onnxruntime

        self.precision = precision
        self.batch_tokens = _tokens_for(threads)
        self._words = saved.word_table
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = threads
        # Else the threads of one graph spin on after its run, where the other graph and Python want the processors.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if CAN_FLUSH:
            options.add_session_config_entry("session.set_denormal_as_zero", "1")

        def session(path: Path) -> Any:
            try:
                with flushed():  # the first session of a process would change this thread for good
                    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            except Exception as error:  # onnxruntime has no public base class for its errors
                raise ModelError(f"{path}: ONNX Runtime cannot load it ({error}); export the model again") from error

        self._encoder, self._stances = map(session, graphs)
        _release_memory()
        _, tags = self._encoder.get_outputs()
        stance, voice, _ = self._stances.get_outputs()
        labels = saved.labels
        wanted = [len(labels.bio_tags), 1 + len(labels.stances), len(labels.voices)]
        if [output.shape[-1] for output in (tags, stance, voice)] != wanted:
            raise ModelError(f"{saved.directory}: {LABELS} does not fit the ONNX graphs; copy the model again")
        if ("rows" in {given.name for given in self._encoder.get_inputs()}) != bool(self._words):
            raise ModelError(f"{saved.directory}: {WORDS} does not fit the ONNX graphs; export the model again")

    def encode(self, ids: Ints, mask: Ints) -> tuple[Floats, Floats]:
        inputs = {"ids": ids, "mask": mask}
        if self._words:
            inputs["rows"] = self._words.rows(ids)
        with flushed():
            hidden, tags = self._encoder.run(["hidden", "tags"], inputs)
        return hidden, tags

    def stances(self, hidden: Floats, mask: Ints, pairs: PairArrays) -> tuple[Floats, Floats, Floats]:
        inputs = {"hidden": hidden, "token_mask": mask, **pairs}
        with flushed():
            stance, voice, evidence = self._stances.run(["stance", "voice", "evidence"], inputs)
        return stance, voice, evidence


def _tokens_for(threads: int | None) -> int:
    return _THREAD_TOKENS * min(threads or os.cpu_count() or 1, _MOST_THREADS)


def _release_memory() -> None:
    """Gives the system what loading freed: more than half of the process. glibc alone has the call."""
    with suppress(OSError, AttributeError, TypeError):  # another C library; Windows
        ctypes.CDLL(None).malloc_trim(0)


class TorchEngine:
    """PyTorch, on the GPU if there is one.

    In bf16 the encoder, where nearly all of the time goes, has 16-bit weights and activations; the heads read its
    states in fp32, since evidence logits that differ by little would be equal in 8 bits of mantissa.
    """

    name = "torch"

    def __init__(self, saved: SavedModel, threads: int | None = None, precision: Precision | None = None) -> None:
        if precision == "int8":
            raise ModelError("PyTorch has fp32 and bf16; for int8 take ONNX Runtime: --engine onnx")
        torch = require("torch", "train")
        require("transformers", "train")
        from mawaqif.model import JointModel

        if threads:
            torch.set_num_threads(threads)
        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        gpu = self._device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        self.precision: Precision = precision or ("bf16" if gpu else "fp32")
        self.batch_tokens = _GPU_TOKENS if self._device.type == "cuda" else _tokens_for(threads)
        self._model = JointModel.load(saved).to(self._device)
        if self.precision == "bf16":
            self._model.encoder.to(torch.bfloat16)

    def _run(self, call: Any, *arrays: np.ndarray[Any, Any]) -> Any:
        with self._torch.inference_mode():
            outputs = call(*(self._torch.from_numpy(array).to(self._device) for array in arrays))
        return tuple(output.float().cpu().numpy() for output in outputs)

    def encode(self, ids: Ints, mask: Ints) -> tuple[Floats, Floats]:
        hidden, tags = self._run(self._model.encode, ids, mask)
        return hidden, tags

    def stances(self, hidden: Floats, mask: Ints, pairs: PairArrays) -> tuple[Floats, Floats, Floats]:
        order = ("entity_mask", "types", "distance", "pairs")
        stance, voice, evidence = self._run(self._model.stances, hidden, mask, *(pairs[name] for name in order))
        return stance, voice, evidence
