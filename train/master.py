"""The optimiser of pre-training: bf16 weights with fp32 masters."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from transformers import PreTrainedModel


class MasterOptimizer:
    """bf16 weights, fp32 masters: Muon (Jordan et al. 2024) for hidden matrices, AdamW for the rest.

    Small updates vanish in bf16's 8 bits of mantissa; they are summed in the masters and copied back each step.
    """

    def __init__(self, model: PreTrainedModel, *, muon: bool, learning_rate: float, weight_decay: float) -> None:
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in named]
        self.masters = [p.detach().float().requires_grad_() for p in self.parameters]
        hidden = [muon and p.ndim == 2 and "embed" not in n and "decoder" not in n for n, p in named]
        matrices = [m for m, is_hidden in zip(self.masters, hidden, strict=True) if is_hidden]
        rest = [m for m, is_hidden in zip(self.masters, hidden, strict=True) if not is_hidden]
        common: dict[str, Any] = {"lr": learning_rate, "weight_decay": weight_decay}
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, betas=(0.9, 0.98), fused=True, **common)
        ]
        if matrices:
            self.optimizers.append(torch.optim.Muon(matrices, adjust_lr_fn="match_rms_adamw", **common))

    def step(self, learning_rate: float, accelerator: Accelerator) -> None:
        """One update from the mean of the gradients of all processes."""
        for master, parameter in zip(self.masters, self.parameters, strict=True):
            master.grad = None if parameter.grad is None else accelerator.reduce(parameter.grad.float(), "mean")
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.masters)

    def state_dict(self) -> dict[str, Any]:
        return {"masters": self.masters, "optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            torch._foreach_copy_(self.masters, state["masters"])
            torch._foreach_copy_(self.parameters, self.masters)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
