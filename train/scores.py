"""Dev scores that choose the best epoch: strict mention F1, and stances between gold entities at the best threshold.

The full harness is `mawaqif.eval`; this is the small part of it that training needs after each epoch, computed with the
same decoding that users get.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from tokenizers import Tokenizer

from mawaqif.article import Article
from mawaqif.decoding import decode_mentions, merge_windows, stitch
from mawaqif.encoding import encode, pad_pairs, pad_windows, pairs_of, special_ids, word_tags
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel


@torch.no_grad()
def dev_scores(
    model: JointModel, tokenizer: Tokenizer, articles: Sequence[Article], labels: LabelSet, device: torch.device
) -> dict[str, float]:
    """Scores of a model on gold articles.

    mentions, named: strict micro-F1 of all types and of those that do not exist only for stances; edges: micro-F1 of
    (holder, target, stance) between gold entities at min_score, the threshold that maximises it; macro: the mean F1 of
    the stances there; selection: the mean of mentions and edges, by which the best epoch is chosen.
    """
    model.eval()
    ids, names = special_ids(tokenizer), labels.bio_tags
    gold_tags, predicted_tags = [], []
    scored: list[tuple[float, int, int]] = []  # probability, predicted stance, gold stance (0: none)
    missed = 0
    encodings = encode([a.text for a in articles], tokenizer, model.settings["max_tokens"])
    for article, encoded in zip(articles, encodings, strict=True):
        inputs, mask = pad_windows([encoded.ids[a:b] for a, b in encoded.windows], ids)
        token_mask = torch.from_numpy(mask).to(device)
        hidden, logits = model.encode(torch.from_numpy(inputs).to(device), token_mask)
        spans = decode_mentions(stitch(encoded, list(logits.float().cpu().numpy())), encoded, labels)
        tags = ["O"] * len(encoded.words)
        for first, last, label, _ in spans:
            tags[first : last + 1] = [f"B-{label}", *[f"I-{label}"] * (last - first)]
        predicted_tags.append(tags)
        gold_tags.append([names[t] for t in word_tags(article, encoded, labels)])
        windows = [pairs_of(article, encoded, window, labels) for window in encoded.windows]
        arrays = {k: torch.from_numpy(v).to(device) for k, v in pad_pairs(windows, inputs.shape[1]).items()}
        outputs = [
            part.float().cpu().numpy()
            for part in model.stances(
                hidden, token_mask, arrays["entity_mask"], arrays["types"], arrays["distance"], arrays["pairs"]
            )
        ]
        scores = [(n, w, *(o[n, : len(w.pairs)] for o in outputs)) for n, w in enumerate(windows)]
        pairs = merge_windows(encoded, scores)
        gold = {(s.holder, s.target): 1 + labels.stance_names.index(s.stance) for s in article.stances}
        for key, score in pairs.items():
            label_number = 1 + int(score.stance[1:].argmax())
            scored.append((float(score.stance[label_number]), label_number, gold.get(key, 0)))
        missed += len(gold.keys() - pairs.keys())
    named_types = {label.name for label in labels.types if not label.only_in_stances}
    mentions = f1_score(gold_tags, predicted_tags, mode="strict", scheme=IOB2, zero_division=0)
    named = f1_score(
        _only(gold_tags, named_types), _only(predicted_tags, named_types), mode="strict", scheme=IOB2, zero_division=0
    )
    edges, macro, threshold = best_threshold(np.array(scored).reshape(-1, 3), missed, len(labels.stances))
    result = {"mentions": mentions, "named": named, "edges": edges, "macro": macro, "min_score": threshold}
    return {**{k: float(v) for k, v in result.items()}, "selection": float(mentions + edges) / 2}


def _only(rows: list[list[str]], types: set[str]) -> list[list[str]]:
    return [[tag if tag[2:] in types else "O" for tag in row] for row in rows]


def best_threshold(scored: NDArray[np.float64], missed: int, stances: int) -> tuple[float, float, float]:
    """(micro-F1, macro-F1 at that point, threshold) that maximises the micro-F1 of stance edges.

    scored [pairs, 3]: probability, predicted stance, gold stance (0: none); missed: gold edges that were not scored.
    The threshold has four decimals and is the probability, rounded down, of the last pair that it lets through.
    """
    probability = np.floor(scored[:, 0] * 1e4) / 1e4
    order = np.argsort(-probability, kind="stable")
    probability, (predicted, gold) = probability[order], scored[order, 1:].T
    right = np.cumsum(predicted == gold)
    total = (gold > 0).sum() + missed
    f1 = 2 * right / (np.arange(1, len(right) + 1) + max(total, 1))
    f1[:-1][probability[:-1] == probability[1:]] = 0.0  # no threshold parts pairs of equal probability
    if not len(f1) or f1.max() == 0:
        return 0.0, 0.0, 0.5
    best = int(f1.argmax())
    kept = slice(0, best + 1)
    per_stance = [
        2 * ((predicted == s) & (gold == s))[kept].sum() / max(1, (predicted == s)[kept].sum() + (gold == s).sum())
        for s in range(1, stances + 1)
    ]
    return float(f1[best]), float(np.mean(per_stance)), float(probability[best])
