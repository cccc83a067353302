"""Pre-trains an encoder on unlabelled text, from random weights or an earlier encoder.

Read top to bottom: setup (tokenizer and packed tokens), loop, saving; the objectives are in `train/pretext.py`. The
same script runs on CPU and GPU. Weights and activations are bf16 with fp32 masters in the optimiser. Data order and
masks are functions of (seed, step), so a run that is killed and started again follows the same loss curve. The result
is a plain Hugging Face directory that `AutoModel.from_pretrained` loads.

    mawaqif pretrain configs/pretrain.yaml output=runs/encoder
"""

import json
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from mawaqif.data.documents import read_documents
from mawaqif.errors import ConfigError
from mawaqif.saved import WORDS
from mawaqif.train.checkpoints import METRICS, SETTINGS, interruptible, keep_metrics, load_state, same_run, save_state
from mawaqif.train.corpus import Batches, Tokens, pack, shuffled
from mawaqif.train.embeddings import cooccurrence_embeddings
from mawaqif.train.encoders import quiet
from mawaqif.train.master import MasterOptimizer
from mawaqif.train.pretext import Objective, build_objective
from mawaqif.train.processes import anywhere, meet, shared
from mawaqif.train.settings import PretrainConfig
from mawaqif.train.tokenizer import CLS, MASK, PAD, SEP, UNK, read_tokenizer, train_tokenizer
from mawaqif.train.words import VECTORS, save_words

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Progress:
    """One step: `loss` in nats a masked piece (`replaced`: a piece), `seconds_left` estimated."""

    step: int
    steps: int
    tokens: int
    loss: float
    learning_rate: float
    tokens_per_second: float
    seconds_left: float
    held_out: float | None = None


def pretrain(config: PretrainConfig) -> Iterator[Progress]:
    """Runs (or resumes) the whole pre-training, yielding one Progress a step; the encoder lies in `config.output`."""
    free = {"output", "held_out_every", "checkpoint_minutes", "compile"}  # may change between two sittings
    settings, files = config.model_dump(mode="json", exclude=free), [source.path for source in config.sources]
    files += [config.words / WORDS, config.words / VECTORS] if config.words else []
    accelerator = Accelerator()
    meet(accelerator)
    torch.manual_seed(config.seed)

    def prepare() -> None:
        same_run(config.output, settings, files)
        prepare_text(config)

    shared(accelerator, prepare)
    tokenizer, tokens = prepare_text(config)
    objective, batches = build_objective(config, tokenizer), Batches(config, tokenizer, tokens)
    if config.embeddings == "cooccurrence":
        weight = objective.model.get_input_embeddings().weight
        shared(accelerator, lambda: prepare_embeddings(config, batches.training, weight))
        begin_from(weight, prepare_embeddings(config, batches.training, weight))
    yield from fit(config, accelerator, objective, batches)
    if accelerator.is_main_process:
        save_encoder(objective.model, tokenizer, config.output)
        if words := objective.words:
            vectors, matrix = (part.weight.float().numpy(force=True) for part in (words.vectors, words.into))
            save_words(config.output, words.table.words, vectors[1:], matrix)
    accelerator.wait_for_everyone()


def prepare_text(config: PretrainConfig) -> tuple[Tokenizer, Tokens]:
    """The tokenizer and the packed token ids [tokens] of the run, made once and kept in the output directory.

    A second sitting on the text of the first takes over its tokens, so that what was held out stays held out.
    """
    tokenizer_file, tokens_file = config.output / "tokenizer.json", config.output / "tokens.npy"
    if not tokens_file.exists() and config.initial is not None and _same_text(config.output, config.initial):
        shutil.copyfile(config.initial / tokenizer_file.name, tokenizer_file)
        _save_array(np.load(config.initial / tokens_file.name, mmap_mode="r"), tokens_file)
    if not tokens_file.exists():
        documents = shuffled(
            (text for source in config.sources for text in read_documents(source.path, source.share, config.seed)),
            config.seed,
        )
        if config.initial is None:
            tokenizer = train_tokenizer(documents[: config.tokenizer_documents], config.vocab_size)
        else:
            tokenizer = read_tokenizer(config.initial, "initial")
        tokenizer.save(str(tokenizer_file))
        _save_array(pack(documents, tokenizer), tokens_file)
    return Tokenizer.from_file(str(tokenizer_file)), np.load(tokens_file, mmap_mode="r")


def prepare_embeddings(config: PretrainConfig, tokens: Tokens, weight: torch.Tensor) -> NDArray[np.float32]:
    """Embeddings from co-occurrences, in the shape of `weight`, made once and kept in the output directory."""
    file = config.output / "embeddings.npy"
    if not file.exists():
        vocabulary, width = weight.shape
        _save_array(cooccurrence_embeddings(tokens, vocabulary, width, config.seed), file)
    embeddings: NDArray[np.float32] = np.load(file)
    return embeddings


def _save_array(array: NDArray[np.generic], file: Path) -> None:
    """Writes an array (.npy), all of it or nothing."""
    temporary = file.with_suffix(".tmp.npy")
    np.save(temporary, array)
    temporary.replace(file)


@torch.no_grad()
def begin_from(weight: torch.Tensor, embeddings: NDArray[np.float32]) -> None:
    """Puts embeddings [pieces, width] in place of random ones, on their scale; a piece with zeros keeps its own."""
    known = torch.from_numpy(embeddings.any(axis=1))
    given = torch.from_numpy(embeddings)[known]
    weight[known] = (given * weight.float().std() / given.square().mean().sqrt()).to(weight.dtype)


def _same_text(output: Path, initial: Path) -> bool:
    """Whether an earlier run, whose tokens are still there, read the very same text."""
    if not (initial / SETTINGS).exists() or not (initial / "tokens.npy").exists():
        return False
    runs = [json.loads((directory / SETTINGS).read_text(encoding="utf-8")) for directory in (output, initial)]
    shares = [[source["share"] for source in run["sources"]] for run in runs]
    texts = [run["content of the data"][: len(run["sources"])] for run in runs]
    return shares[0] == shares[1] and texts[0] == texts[1]


def fit(config: PretrainConfig, accelerator: Accelerator, objective: Objective, batches: Batches) -> Iterator[Progress]:
    """The loop, on one process or, under `accelerate launch`, on each of several, which share every batch."""
    processes = accelerator.num_processes
    if processes > batches.rows(0):
        raise ConfigError(
            f"batch_tokens: a batch of {batches.rows(0)} sequences is too small for {processes} processes"
        )
    objective.to(accelerator.device).train()
    optimizer = MasterOptimizer(
        objective.trained(),
        muon=config.optimizer == "muon",
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
    )
    step, used = 0, 0
    if state := load_state(config.output / CHECKPOINT):
        optimizer.load_state_dict(state)
        step, used = state["step"], state["tokens"]
    if accelerator.is_main_process:
        keep_metrics(config.output / METRICS, step)
    accelerator.wait_for_everyone()
    if config.compile:
        objective.compile_encoders()
    started, last_save, session_tokens = time.monotonic(), time.monotonic(), 0
    with interruptible() as interrupt, (config.output / METRICS).open("a", encoding="utf-8") as metrics:
        while step < batches.steps:
            batch = batches.at(step).to(accelerator.device)
            torch.manual_seed(config.seed * 1_000_003 + step)  # a resumed run drops out what an uninterrupted one does
            loss = objective(batch.rows(slice(accelerator.process_index, None, processes)))
            loss = loss * processes / objective.count(batch)  # the mean over processes is the mean of the batch
            accelerator.backward(loss)
            rate = config.learning_rate * schedule(step / batches.steps, config.warmup, config.decay)
            optimizer.step(rate, accelerator)
            step, used = step + 1, used + batch.ids.numel()
            session_tokens += batch.ids.numel()
            speed = session_tokens / (time.monotonic() - started)
            left = (batches.steps - step) * config.batch_tokens / speed
            held = None
            if step % config.held_out_every == 0 or step == batches.steps:
                held = held_out_loss(objective, batches, step, accelerator.device)
            mean = accelerator.reduce(loss.detach(), "mean").item()
            progress = Progress(step, batches.steps, used, mean, rate, speed, left, held)
            asked = anywhere(accelerator, interrupt.asked)
            due = time.monotonic() - last_save > 60 * config.checkpoint_minutes
            if accelerator.is_main_process:
                metrics.write(json.dumps(asdict(progress)) + "\n")
                metrics.flush()
                if due or asked or step == batches.steps:
                    save_state({"step": step, "tokens": used, **optimizer.state_dict()}, config.output / CHECKPOINT)
                    last_save = time.monotonic()
            if asked:
                raise KeyboardInterrupt
            yield progress


def schedule(done: float, warmup: float, decay: float) -> float:
    """Warm-up, stable, decay: linear up over `warmup`, flat, then down as 1 − √ over the last `decay` of the run."""
    if done < warmup:
        return (done + 1e-3) / (warmup + 1e-3)
    if done <= 1 - decay:
        return 1.0
    return 1 - math.sqrt((done - (1 - decay)) / decay)


@torch.no_grad()
def held_out_loss(objective: Objective, batches: Batches, step: int, device: torch.device) -> float:
    """Mean loss on up to eight batches of held-out text, masked alike each time."""
    objective.eval()
    context = batches.context(step - 1)
    rows = max(1, batches.config.batch_tokens // context)
    count = max(1, min(8, len(batches.held) // context // rows))
    first = next(s for s in range(batches.steps) if batches.context(s) == context)
    losses: list[float] = []
    for i in range(count):
        batch = batches.at(first + i, batches.held, seed=1).to(device)
        losses.append(objective(batch).item() / objective.count(batch))
    objective.train()
    return sum(losses) / len(losses)


def save_encoder(model: PreTrainedModel, tokenizer: Tokenizer, directory: Path) -> None:
    """A plain Hugging Face directory: config.json, model.safetensors (bf16), tokenizer.json, tokenizer_config.json."""
    with quiet():
        model.save_pretrained(directory)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNK,
        cls_token=CLS,
        sep_token=SEP,
        mask_token=MASK,
        model_max_length=model.config.max_position_embeddings,
    ).save_pretrained(directory)
