"""How much do embeddings from co-occurrences know of names? A small network over them, frozen, on ANERcorp.

    python benchmarks/embedding_probe.py runs/encoder --ner ../shared/data/ner [--seeds 3] [--only words]

The folder is of `mawaqif pretrain` (tokenizer.json, tokens.npy). Each row counts neighbours in its way and factorises
the counts (`mawaqif.train.embeddings`); the network reads a word's first piece and two pieces to either side, or in the
last rows the word and two words to either side (`mawaqif.train.words`). Strict micro-F1 on the contiguous last tenth of
the train file and on the mended test file: mean of the seeds, and spread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from encoder_probe import Sentences, read
from numpy.typing import NDArray
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from tokenizers import Tokenizer
from torch import Tensor, nn

from mawaqif.train.embeddings import cooccurrence_embeddings, factorise, neighbours, positive_pmi
from mawaqif.train.words import word_vectors
from mawaqif.words import WordTable

REACH, HIDDEN, EPOCHS, BATCH, RATE = 2, 256, 5, 256, 1e-3


@dataclass(frozen=True)
class Words:
    """Sentences as pieces: ids [pieces], each word's first piece [words] (-1: none), tags by sentence."""

    ids: Tensor
    first: Tensor
    tags: list[list[str]]

    def seen(self) -> Tensor:
        """The pieces around each word that has one. Shape [words, 2 * REACH + 1]."""
        return self.ids[self.first[self.first >= 0][:, None] + torch.arange(-REACH, REACH + 1)]


def prepare(sentences: Sentences, tokenizer: Tokenizer, pad: int) -> Words:
    ids: list[int] = []
    firsts: list[int] = []
    for words, _ in sentences:
        encoding = tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
        first = [-1] * len(words)
        for place, word in reversed(list(enumerate(encoding.word_ids))):
            first[word] = len(ids) + REACH + place
        ids += [pad] * REACH + encoding.ids + [pad] * REACH
        firsts += first
    return Words(torch.tensor(ids), torch.tensor(firsts), [tags for _, tags in sentences])


def prepare_words(sentences: Sentences, tokenizer: Tokenizer, table: WordTable) -> Words:
    """The same with rows of the table in place of pieces; the row behind its last is padding."""
    ids: list[int] = []
    firsts: list[int] = []
    for words, _ in sentences:
        encoding = tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
        rows = table.rows(np.array([encoding.ids], dtype=np.int64))[0].tolist() if encoding.ids else []
        of_word = dict(zip(reversed(encoding.word_ids), reversed(rows), strict=True))
        firsts += [len(ids) + REACH + place if place in of_word else -1 for place in range(len(words))]
        pad = [len(table) + 1] * REACH
        ids += pad + [of_word.get(place, 0) for place in range(len(words))] + pad
    return Words(torch.tensor(ids), torch.tensor(firsts), [tags for _, tags in sentences])


def score(embeddings: NDArray[np.float32], parts: list[Words], pad: int, seed: int) -> list[float]:
    """F1 [percent] on all parts but the first, which trains the network."""
    torch.manual_seed(seed)
    table = torch.from_numpy(embeddings)
    table = table / (table.norm(dim=1, keepdim=True) + 1e-6) * 20**0.5
    table[pad] = 0
    train, *tests = parts
    names = sorted({tag for tags in train.tags for tag in tags})
    network = nn.Sequential(
        nn.Dropout(0.3),
        nn.Linear(table.shape[1] * (2 * REACH + 1), HIDDEN),
        nn.GELU(),
        nn.Dropout(0.3),
        nn.Linear(HIDDEN, len(names)),
    )
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    flat = [tag for tags in train.tags for tag in tags]
    gold = torch.tensor([names.index(tag) for tag, first in zip(flat, train.first, strict=True) if first >= 0])
    seen = train.seen()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(gold)).split(BATCH):
            loss = F.cross_entropy(network(table[seen[batch]].flatten(1)), gold[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    found = []
    for part in tests:
        with torch.no_grad():
            best = torch.cat([network(table[rows].flatten(1)).argmax(1) for rows in part.seen().split(4096)])
        tags = torch.full((len(part.first),), -1)
        tags[part.first >= 0] = best
        predicted = [names[tag] if tag >= 0 else "O" for tag in tags.tolist()]
        ends = np.cumsum([len(tags) for tags in part.tags])[:-1].tolist()
        rows = [predicted[a:b] for a, b in zip([0, *ends], [*ends, len(predicted)], strict=True)]
        known = [[tag if tag in names else "O" for tag in tags] for tags in part.tags]
        found.append(100 * float(f1_score(known, rows, mode="strict", scheme=IOB2, zero_division=0)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder with tokenizer.json and tokens.npy")
    parser.add_argument("--ner", type=Path, required=True, help="folder with anercorp/")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--only", default="", help="the rows with this in their names")
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.run / "tokenizer.json"))
    tokens, vocabulary = np.load(options.run / "tokens.npy"), tokenizer.get_vocab_size()
    pad = tokenizer.token_to_id("[PAD]")
    train, test = (read(options.ner / "anercorp" / f"{name}.jsonl") for name in ("train", "test_fixed"))
    cut = len(train) * 9 // 10
    sentences = train[:cut], train[cut:], test
    pieces = [prepare(part, tokenizer, pad) for part in sentences]

    def apart(reach: int) -> NDArray[np.float32]:
        return cooccurrence_embeddings(tokens, vocabulary, options.width, 0, reach)

    def together(reach: int) -> NDArray[np.float32]:
        counts = [neighbours(tokens, vocabulary, d) * ((reach + 1 - d) / reach) for d in range(1, reach + 1)]
        return factorise(positive_pmi(sum(count + count.T for count in counts)), options.width, 0)

    def of_words(size: int, width: int) -> tuple[NDArray[np.float32], list[Words], int]:
        words, vectors = word_vectors(tokens, tokenizer, size, width)
        table = WordTable(words, tokenizer)
        rows = np.concatenate([np.zeros((1, width)), vectors, np.zeros((1, width))]).astype(np.float32)
        return rows, [prepare_words(part, tokenizer, table) for part in sentences], len(words) + 1

    chooser = np.random.default_rng(0)
    ways: dict[str, Callable[[], tuple[NDArray[np.float32], list[Words], int]]] = {
        name: lambda make=make: (make(), pieces, pad)
        for name, make in {
            "random": lambda: chooser.normal(size=(vocabulary, options.width)).astype(np.float32),
            "5 to either side, the nearest most": lambda: together(5),
            "2 to either side, the nearest most": lambda: together(2),
            "the next to either side, apart": lambda: apart(1),
            "the next two to either side, each apart": lambda: apart(2),
        }.items()
    }
    for size, width in (20_000, 128), (64_000, 64), (64_000, 128), (128_000, 128):
        ways[f"words: {size:,}, width {width}"] = lambda size=size, width=width: of_words(size, width)
    print("| neighbours | seconds | dev | test_fixed |\n|---|---|---|---|")
    for name, make in ((name, make) for name, make in ways.items() if options.only in name):
        started = time.monotonic()
        embeddings, parts, end = make()
        seconds = time.monotonic() - started
        runs = list(zip(*(score(embeddings, parts, end, seed) for seed in range(options.seeds)), strict=True))
        told = [f"{statistics.mean(run):.1f} ± {statistics.stdev(run) if len(run) > 1 else 0:.1f}" for run in runs]
        print(f"| {name} | {seconds:.0f} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
