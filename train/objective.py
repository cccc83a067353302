"""What fine-tuning minimises: for each task the sum of its losses over a batch, and how many items that sum is over.

An update divides the sums of all its batches, on all processes, by the counts of all of them. So many small batches
give the very update of one large batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100

Batch = dict[str, Tensor]


def count(batch: Batch, sentences: Mapping[str, Batch]) -> dict[str, int]:
    """How many items the loss of each task is over: scored words; windows for the stances; pairs for the rest."""
    gold = batch["stance"]
    counts = {
        "mention": (batch["tags"] != IGNORED).sum(),
        "stance": torch.tensor(len(gold)),
        "voice": ((gold > 0) & (batch["voice"] != IGNORED)).sum(),
        "evidence": ((gold > 0) & batch["evidence"].any(-1)).sum(),
        **{f"ner.{scheme}": (part["tags"] != IGNORED).sum() for scheme, part in sentences.items()},
    }
    return {task: int(number) for task, number in counts.items()}


def loss_sums(
    outputs: Mapping[str, Tensor],
    batch: Batch,
    sentences: Mapping[str, Batch],
    *,
    positive_weight: float = 1.0,
    label_smoothing: float = 0.0,
) -> dict[str, Tensor]:
    """The summed loss of each task from the outputs of `JointModel.forward` on a batch (see `examples.collate`).

    `positive_weight` is the weight of a pair with a stance against one without.
    """
    gold, positive = batch["stance"], batch["stance"] > 0
    weights = torch.full((outputs["stance"].shape[-1],), positive_weight, device=gold.device)
    weights[0] = 1.0
    return {
        "mention": cross_entropy(outputs["tags"], batch["tags"], label_smoothing=label_smoothing),
        "stance": cross_entropy(outputs["stance"], gold, weight=weights),
        "voice": cross_entropy(outputs["voice"][positive], batch["voice"][positive]),
        "evidence": evidence_loss(
            outputs["evidence"][positive].float(), batch["evidence"][positive], batch["mask"], positive
        ),
        **{
            f"ner.{scheme}": cross_entropy(outputs[f"ner.{scheme}"], part["tags"]) for scheme, part in sentences.items()
        },
    }


def cross_entropy(logits: Tensor, gold: Tensor, **options: Any) -> Tensor:
    """Summed cross-entropy in nats where gold [...] is not IGNORED. logits [..., classes]."""
    flat = logits.float().flatten(0, -2)
    return F.cross_entropy(flat, gold.flatten(), reduction="sum", ignore_index=IGNORED, **options)


def evidence_loss(evidence: Tensor, gold: Tensor, mask: Tensor, positive: Tensor) -> Tensor:
    """Attention on the gold words (cross-entropy with their uniform distribution) plus each token's yes or no, summed
    over the pairs; the yes or no of a pair is weighed by the length of its evidence.

    evidence, gold [positive pairs, tokens]; mask [windows, tokens]; positive [windows, pairs]. Pairs without annotated
    evidence count nothing.
    """
    length = gold.sum(-1, keepdim=True)
    valid = mask.bool()[:, None].expand(-1, positive.shape[1], -1)[positive] & (length > 0)
    share = gold.float() / length.clamp(min=1)
    attention = -(share * evidence.masked_fill(~valid, -1e4).log_softmax(-1)).sum()
    yes_no = F.binary_cross_entropy_with_logits(evidence, gold.float(), reduction="none") / length.clamp(min=1)
    return attention + yes_no.masked_fill(~valid, 0.0).sum()
