"""What an encoder is pre-trained to do: find the words that are hidden, or tell those that were replaced.

Masked language modelling (Devlin et al. 2019) computes its loss at hidden positions only. Replaced-token detection
(Clark et al. 2020) has one at every position: a masked language model, the generator, fills hidden words with what it
deems likely, and the encoder tells each piece that is not the text's. Here the generator is a finished model that does
not change (as in Fast-ELECTRA, Dong et al. 2024). Where vectors of words are read, the encoder may also tell which
vector a hidden word has: one of all in the batch, so that words that are alike are told apart last.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel

from mawaqif.errors import ConfigError
from mawaqif.model import WordVectors, encoder_states
from mawaqif.train.corpus import MaskedBatch
from mawaqif.train.encoders import find_words
from mawaqif.train.masked import load_encoder, load_masked_model, random_masked_model
from mawaqif.train.settings import PretrainConfig
from mawaqif.train.tokenizer import MASK, read_tokenizer, special_pieces

if TYPE_CHECKING:
    from typing_extensions import Self


class Objective(nn.Module):
    """A model with the loss that it is pre-trained on; `model` and `words`, if any, are what is saved."""

    def __init__(self, model: PreTrainedModel, words: WordVectors | None = None) -> None:
        super().__init__()
        self.model = model
        self.words = words
        self._states: Any = encoder_states

    def forward(self, batch: MaskedBatch) -> torch.Tensor:
        """The summed loss of a batch's sequences, in nats. Shape []."""
        raise NotImplementedError

    def count(self, batch: MaskedBatch) -> int:
        """The positions over which `forward` sums."""
        raise NotImplementedError

    def trained(self) -> nn.Module:
        """The module whose parameters learn."""
        return self

    def compile_encoders(self) -> None:
        """Lets torch.compile make the encoders' passes faster."""
        self._states = torch.compile(encoder_states, dynamic=False)

    def states(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the encoder makes of shown pieces, and of the words that they make. Shape [batch, context, hidden]."""
        rows = self.words.rows(inputs) if self.words else None
        states: torch.Tensor = self._states(self.model.base_model, self.words, inputs, None, rows)
        return states


class MaskedWords(Objective):
    """Cross-entropy of hidden pieces: the vocabulary projection runs on a quarter of the tokens.

    In training, `word_weight` times that of the vectors of the hidden words among those of the batch is added.
    """

    def __init__(self, model: PreTrainedModel, words: WordVectors | None = None, word_weight: float = 0.0) -> None:
        super().__init__(model, words)
        self.word_weight = word_weight
        if words and word_weight:
            self.tell = nn.Linear(model.config.hidden_size, words.vectors.embedding_dim).to(model.dtype)

    def forward(self, batch: MaskedBatch) -> torch.Tensor:
        hidden = self.states(batch.inputs)[batch.chosen]
        loss = F.cross_entropy(self._logits(hidden).float(), batch.ids[batch.chosen], reduction="sum")
        if self.word_weight and self.training:
            loss = loss + self.word_weight * self._word_loss(hidden, batch)
        return loss

    def logits(self, inputs: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Of each piece of the vocabulary at the chosen positions. Shape [chosen, vocabulary]."""
        return self._logits(self.states(inputs)[chosen])

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = (
            self.model.decoder(self.model.head(hidden)) if hasattr(self.model, "decoder") else self.model.cls(hidden)
        )
        return logits

    def _word_loss(self, hidden: torch.Tensor, batch: MaskedBatch) -> torch.Tensor:
        """The summed cross-entropy of the words of the chosen pieces that have a vector, `hidden` [chosen, width]."""
        assert self.words is not None
        rows = self.words.rows(batch.ids)[batch.chosen]
        met = rows > 0
        known, place = (
            torch.from_numpy(part).to(rows.device)
            for part in np.unique(rows[met].numpy(force=True), return_inverse=True)
        )
        likeness = self.tell(hidden[met]) @ self.words.vectors(known).T
        return F.cross_entropy(likeness.float(), place, reduction="sum")

    def count(self, batch: MaskedBatch) -> int:
        return int(batch.chosen.sum())


class ReplacedPieces(Objective):
    """Binary cross-entropy, at every piece of the text, of whether it was replaced."""

    special: torch.Tensor  # [vocabulary], which pieces are special tokens

    def __init__(
        self, model: PreTrainedModel, words: WordVectors | None, generator: MaskedWords, tokenizer: Tokenizer
    ) -> None:
        super().__init__(model, words)
        width = model.config.hidden_size
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1)).to(model.dtype)
        self.generator = generator.requires_grad_(False)
        self.mask_id: int = tokenizer.get_vocab()[MASK]
        self.register_buffer("special", torch.from_numpy(special_pieces(tokenizer)))

    def train(self, mode: bool = True) -> Self:
        """The generator, which does not learn, does not drop out either."""
        super().train(mode)
        self.generator.eval()
        return self

    def trained(self) -> nn.Module:
        words = {"words": self.words} if self.words else {}
        return nn.ModuleDict({"model": self.model, "head": self.head, **words})

    def compile_encoders(self) -> None:
        super().compile_encoders()
        self.generator.compile_encoders()

    def forward(self, batch: MaskedBatch) -> torch.Tensor:
        shown = self.replace(batch)
        logits = self.head(self.states(shown)).squeeze(-1)
        counted = ~self.special[batch.ids]
        replaced = (shown != batch.ids)[counted].float()
        return F.binary_cross_entropy_with_logits(logits[counted].float(), replaced, reduction="sum")

    @torch.no_grad()
    def replace(self, batch: MaskedBatch) -> torch.Tensor:
        """The text with each chosen piece drawn from the generator's distribution. Shape [batch, context]."""
        hidden = batch.ids.masked_fill(batch.chosen, self.mask_id)
        likely = self.generator.logits(hidden, batch.chosen).float().masked_fill(self.special, -torch.inf)
        summed = likely.softmax(-1).cumsum(-1)
        drawn = torch.searchsorted(summed, (batch.draws[batch.chosen] * summed[:, -1]).unsqueeze(-1), right=True)
        shown = batch.ids.clone()
        shown[batch.chosen] = drawn.squeeze(-1).clamp(max=likely.shape[-1] - 1)
        return shown

    def count(self, batch: MaskedBatch) -> int:
        return int((~self.special[batch.ids]).sum())


def build_objective(config: PretrainConfig, tokenizer: Tokenizer) -> Objective:
    """The objective of a run, with its model of random weights or of `config.initial`, and its vectors of words."""
    if config.objective == "replaced" and config.initial is not None:
        model = load_encoder(config.initial)
    elif config.initial is not None:
        model = load_masked_model(config.initial, "initial")
    else:
        model = random_masked_model(config.encoder or {}, tokenizer)
    words = _words(model, config.initial, config.words, tokenizer)
    if config.word_weight and words is None:
        raise ConfigError("word_weight: the run reads no vectors of words; give `words`, or set it to 0")
    if config.generator is None:
        return MaskedWords(model, words, config.word_weight)
    own, other = tokenizer.get_vocab(), read_tokenizer(config.generator, "generator").get_vocab()
    if own != other:
        raise ConfigError(
            f"generator: {config.generator} has another vocabulary ({len(other)} pieces) than the run ({len(own)}); "
            "take a masked language model with the run's tokenizer"
        )
    likely = load_masked_model(config.generator, "generator")
    generator = MaskedWords(likely, _words(likely, config.generator, None, tokenizer))
    return ReplacedPieces(model.base_model, words, generator, tokenizer)


def _words(
    model: PreTrainedModel, earlier: Path | None, given: Path | None, tokenizer: Tokenizer
) -> WordVectors | None:
    """The vectors of words that a model reads: given ones, else those of the earlier run that it comes from."""
    if given is None and earlier is None:
        return None
    words = find_words(str(earlier or given), given, tokenizer, model.config.hidden_size)
    return words.to(model.dtype) if words else None
