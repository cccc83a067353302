"""Layers written anew for an export compute what they did, are themselves again afterwards, or are left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel
from transformers.models.modernbert import modeling_modernbert
from transformers.models.modernbert.modeling_modernbert import ModernBertMLP

from mawaqif.train.operators import fewer_operators

Make = Callable[..., ModernBertModel]


@pytest.fixture(scope="module")
def modernbert(tiny_modernbert: dict[str, int]) -> Make:
    """Makes a tiny one with random weights, of further settings."""

    def make(**settings: Any) -> ModernBertModel:
        torch.manual_seed(0)
        return ModernBertModel(ModernBertConfig(**tiny_modernbert, **settings)).eval()

    return make


def changed(encoder: torch.nn.Module) -> list[str]:
    return [name for name, module in encoder.named_modules() if "forward" in vars(module)]


@pytest.mark.parametrize("biased", [False, True])
@given(batch=st.integers(1, 3), tokens=st.integers(1, 40), data=st.data())
def test_they_compute_the_same(modernbert: Make, biased: bool, batch: int, tokens: int, data: st.DataObject) -> None:
    encoder = modernbert(attention_bias=biased, mlp_bias=biased)
    for name, parameter in encoder.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    ids = torch.randint(3, 40, (batch, tokens), generator=torch.Generator().manual_seed(tokens))
    mask = torch.ones_like(ids)
    for row in range(batch):
        mask[row, data.draw(st.integers(1, tokens)) :] = 0
    with torch.no_grad():
        before = encoder(ids, attention_mask=mask).last_hidden_state
        with fewer_operators(encoder):
            assert changed(encoder) == ["layers.0.attn", "layers.0.mlp", "layers.1.attn", "layers.1.mlp"]
            within = encoder(ids, attention_mask=mask).last_hidden_state
    assert not changed(encoder)
    real = mask.bool()
    assert torch.allclose(before[real], within[real], atol=1e-4)


def test_layers_that_compute_something_else_stay(modernbert: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(self: Any, hidden_states: Tensor) -> Tensor:
        gate, through = self.Wi(hidden_states).chunk(2, dim=-1)
        result: Tensor = self.Wo(self.act(through) * gate)
        return result

    def interleaved(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, **_: Any) -> tuple[Tensor, ...]:
        def turned(x: Tensor) -> Tensor:
            return torch.stack([-x[..., 1::2], x[..., ::2]], dim=-1).flatten(-2)

        return tuple(x * cos[:, None] + turned(x) * sin[:, None] for x in (q, k))

    monkeypatch.setattr(ModernBertMLP, "forward", other)
    encoder = modernbert()
    with fewer_operators(encoder):
        assert changed(encoder) == ["layers.0.attn", "layers.1.attn"]
    monkeypatch.setattr(modeling_modernbert, "apply_rotary_pos_emb", interleaved)
    with fewer_operators(encoder):
        assert not changed(encoder)


def test_layers_of_other_parts_stay(modernbert: Make) -> None:
    encoder = modernbert()
    encoder.layers[0].mlp.Wi = torch.nn.Sequential(encoder.layers[0].mlp.Wi)
    with fewer_operators(encoder):
        assert changed(encoder) == ["layers.0.attn", "layers.1.attn", "layers.1.mlp"]


def test_other_encoders_stay(tiny_shape: dict[str, int]) -> None:
    encoder = BertModel(BertConfig(**tiny_shape)).eval()
    with fewer_operators(encoder):
        assert not changed(encoder)


def test_an_error_within_gives_the_layers_back(modernbert: Make) -> None:
    encoder = modernbert()
    with pytest.raises(ValueError, match="within"), fewer_operators(encoder):
        raise ValueError("within")
    assert not changed(encoder)
