"""How good is an encoder? Fine-tunes it on ANERcorp with a linear head and prints strict micro-F1 (seqeval, IOB2).

    python benchmarks/encoder_probe.py ENCODER --ner ../shared/data/ner [--random] [--words DIR] [--seeds 3]

ANERcorp's train file gives train and dev (its contiguous last tenth, which chooses the epoch). Scored on the official
test file, whose first words of sentences are damaged (published figures use it), and on the mended one; then the same
on AQMAR's own train, dev and test. `--random` keeps the architecture and throws the pre-trained weights away;
`--words` adds vectors of whole words (`mawaqif words`) to the embeddings of their pieces, in place of those that a
mawaqif model has.
Published on the official test: AraBERT v0.2-base 83.7 (Antoun et al.), 81.3 in an independent run.
"""

import argparse
import json
import statistics
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from torch import Tensor, nn

from mawaqif.encoding import pad_windows, special_ids
from mawaqif.model import encoder_states
from mawaqif.train.batching import by_length
from mawaqif.train.encoders import find_words, load_encoder

Sentences = list[tuple[list[str], list[str]]]
BATCH = 32


def read(path: Path) -> Sentences:
    records = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [(r["tokens"], r["tags"]) for r in records if r["tokens"]]


class Probe:
    """An encoder with a linear tag head, and the sub-word bookkeeping of one tag set."""

    def __init__(self, encoder: str, tags: list[str], random: bool, seed: int, words: Path | None = None) -> None:
        torch.manual_seed(seed)
        self.encoder, self.tokenizer = load_encoder(encoder)
        if random:
            self.encoder = type(self.encoder)(self.encoder.config)
        self.tags = tags
        self.head = nn.Linear(self.encoder.config.hidden_size, len(tags))
        self.ids = special_ids(self.tokenizer)
        self.words = None
        if words or not random:
            self.words = find_words(encoder, words, self.tokenizer, self.encoder.config.hidden_size)
        self.modules = [self.encoder, self.head, *([self.words] if self.words else [])]

    def batch(self, sentences: Sentences) -> tuple[Tensor, Tensor, list[np.ndarray]]:
        """Input ids, mask [sentences, tokens], and for each sentence the position of each word's first token."""
        encodings = self.tokenizer.encode_batch(
            [words for words, _ in sentences], is_pretokenized=True, add_special_tokens=False
        )
        inputs, mask = pad_windows([np.array(e.ids[:510], dtype=np.int64) for e in encodings], self.ids)
        firsts = []
        for (words, _), encoding in zip(sentences, encodings, strict=True):
            first = np.full(len(words), -1)
            for position, word in reversed(list(enumerate(encoding.word_ids[:510]))):
                first[word] = position + 1
            firsts.append(first)
        return torch.from_numpy(inputs), torch.from_numpy(mask), firsts

    def logits(self, inputs: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.head(encoder_states(self.encoder, self.words, inputs, mask)).float()

    def fit(self, train: Sentences, dev: Sentences, epochs: int, rate: float, seed: int) -> None:
        parameters = [p for module in self.modules for p in module.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01, fused=True)
        steps = epochs * -(-len(train) // BATCH)
        warm = max(1, steps // 10)
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda s: min((s + 1) / warm, max(0.0, (steps - s) / (steps - warm)))
        )
        order = np.random.default_rng(seed)
        best, kept = -1.0, None
        for _ in range(epochs):
            self.encoder.train()
            for chosen in bucketed(train, order):
                sentences = [train[i] for i in chosen]
                inputs, mask, firsts = self.batch(sentences)
                gold = torch.full(inputs.shape, -100)
                for row, (first, (_, tags)) in enumerate(zip(firsts, sentences, strict=True)):
                    seen = first > 0
                    gold[row, first[seen]] = torch.tensor([self.tags.index(t) for t in tags])[torch.from_numpy(seen)]
                loss = F.cross_entropy(self.logits(inputs, mask).flatten(0, 1), gold.flatten(), ignore_index=-100)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
            score = self.score(dev)
            if score > best:
                best = score
                kept = [[p.detach().clone() for p in module.parameters()] for module in self.modules]
        for module, values in zip(self.modules, kept or [], strict=True):
            for parameter, value in zip(module.parameters(), values, strict=True):
                parameter.data.copy_(value)

    @torch.no_grad()
    def score(self, sentences: Sentences) -> float:
        """Strict micro-F1 in percent. A word without a token counts as O; I- after O opens nothing."""
        self.encoder.eval()
        gold, predicted = [], []
        for start in range(0, len(sentences), BATCH):
            part = sentences[start : start + BATCH]
            inputs, mask, firsts = self.batch(part)
            best = self.logits(inputs, mask).argmax(-1).numpy()
            for row, (first, (_, tags)) in enumerate(zip(firsts, part, strict=True)):
                gold.append(tags)
                predicted.append([self.tags[best[row, f]] if f > 0 else "O" for f in first])
        return 100 * float(f1_score(gold, predicted, mode="strict", scheme=IOB2, zero_division=0))


def bucketed(sentences: Sentences, order: np.random.Generator) -> list[list[int]]:
    """Batches of sentences of like length, in random order."""
    batches = by_length(order.permutation(len(sentences)).tolist(), lambda i: len(sentences[i][0]), BATCH)
    return [batches[i] for i in order.permutation(len(batches))]


def probe(
    encoder: str, train: Sentences, dev: Sentences, tests: dict[str, Sentences], options: argparse.Namespace
) -> None:
    tags = sorted({tag for _, tags in train for tag in tags})
    scores: dict[str, list[float]] = {name: [] for name in tests}
    for seed in range(options.seeds):
        model = Probe(encoder, tags, options.random, seed, options.words)
        model.encoder.get_input_embeddings().requires_grad_(not options.frozen_embeddings)
        model.fit(train, dev, options.epochs, options.rate, seed)
        for name, sentences in tests.items():
            known = [(words, [t if t in tags else "O" for t in gold]) for words, gold in sentences]
            scores[name].append(model.score(known))
    for name, values in scores.items():
        spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        print(f"{name}: {statistics.mean(values):.1f}{spread}  ({', '.join(f'{v:.1f}' for v in values)})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", help="encoder directory, 'embedded', or hub id")
    parser.add_argument("--ner", type=Path, required=True, help="folder with anercorp/ and aqmar/")
    parser.add_argument("--random", action="store_true", help="random weights, same architecture")
    parser.add_argument("--words", type=Path, help="folder that `mawaqif words` made")
    parser.add_argument("--frozen-embeddings", action="store_true", help="the embeddings of pieces do not learn")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--sets", nargs="+", choices=["anercorp", "aqmar"], default=["anercorp", "aqmar"])
    options = parser.parse_args()
    anercorp, aqmar = options.ner / "anercorp", options.ner / "aqmar"
    if "anercorp" in options.sets:
        sentences = read(anercorp / "train.jsonl")
        cut = len(sentences) * 9 // 10
        tests = {f"ANERcorp {name}": read(anercorp / f"{name}.jsonl") for name in ("test", "test_fixed")}
        probe(options.encoder, sentences[:cut], sentences[cut:], tests, options)
    if "aqmar" in options.sets:
        own = {name: read(aqmar / f"{name}.jsonl") for name in ("train", "dev", "test")}
        probe(options.encoder, own["train"], own["dev"], {"AQMAR test": own["test"]}, options)


if __name__ == "__main__":
    main()
