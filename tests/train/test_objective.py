"""Losses are sums over what is scored, and counts say over how much."""

from __future__ import annotations

import torch

from mawaqif.train.objective import cross_entropy, evidence_loss


def test_cross_entropy_is_summed_over_what_is_scored() -> None:
    logits, gold = torch.randn(2, 3, 4), torch.tensor([[0, -100, 3], [1, -100, -100]])
    for smoothing in (0.0, 0.1):
        mean = torch.nn.functional.cross_entropy(logits.flatten(0, 1), gold.flatten(), label_smoothing=smoothing)
        torch.testing.assert_close(cross_entropy(logits, gold, label_smoothing=smoothing), 3 * mean)
    assert cross_entropy(logits, torch.full_like(gold, -100)) == 0
    assert cross_entropy(logits[:0], gold[:0]) == 0


def test_evidence_loss_ignores_padding_and_pairs_without_evidence() -> None:
    positive = torch.tensor([[True, False], [True, True]])
    evidence = torch.randn(3, 5)
    gold = torch.tensor([[0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    loss = evidence_loss(evidence, gold, mask, positive)
    changed = evidence.clone()
    changed[0, 4] += 9  # padding
    changed[2] += 9  # no evidence annotated
    torch.testing.assert_close(evidence_loss(changed, gold, mask, positive), loss)
    better = torch.where(gold, 9.0, -9.0)
    assert evidence_loss(better, gold, mask, positive) < min(loss, 1.0)
