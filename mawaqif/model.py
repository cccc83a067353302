"""The joint model in PyTorch: any Hugging Face encoder, a word-level mention head and a head for entity pairs.

One encoder pass gives hidden states; the mention head reads them at first sub-words, and the stance head scores every
ordered pair of entities on the same states. For a pair (holder h, target t) the stance head, in the manner of
document-level relation extraction (adaptive threshold and localized context pooling, Zhou et al. 2021,
https://arxiv.org/abs/2010.11304; evidence-guided attention, Ma et al. 2023, https://arxiv.org/abs/2302.08675):

  1. scores each token as evidence, from the pooled holder, the pooled target and the token's distance to both;
  2. pools the article under that attention into the pair's context, together with how far the attended words stand
     from both, and each entity's own mentions under the same scores, so a name that occurs ten times is read where the
     evidence stands;
  3. compares the pair with its peers, those of the same holder and those of the same target: who else might have said
     it, and of whom else;
  4. classifies it into none, favor, against, and the voice.

The holder AUTHOR is entity 0 and its mention is the [CLS] token, so the article's own voice needs no special case.
A saved model is a directory: config.json (the encoder's configuration plus the section `mawaqif`), model.safetensors,
tokenizer.json, labels.json, README.md (`mawaqif.saved`). Loading reads no pickle and runs no code from it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from mawaqif.encoding import DISTANCE_BUCKETS
from mawaqif.errors import ModelError
from mawaqif.labels import LabelSet
from mawaqif.saved import (
    BOUNDARIES,
    CONFIG,
    LABELS,
    PRECISIONS,
    SCALE,
    TOKENIZER,
    WEIGHTS,
    WORDS,
    SavedModel,
    graph_paths,
)
from mawaqif.words import WordTable, write_words

_PEAK = 5.0  # greatest logit of a peer, so that its exponential stays small in 16 bits
_NEVER = -1e4  # added to the score of what must not be attended to


class StanceHead(nn.Module):
    """Scores ordered pairs of entities over one window's hidden states (see the module's docstring).

    `width` is the size of the pair space, `heads` the number of attention distributions; head 0 is the evidence.
    """

    def __init__(self, hidden: int, labels: LabelSet, width: int = 256, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        types, stances, voices = len(labels.types) + 1, len(labels.stances) + 1, len(labels.voices)
        self.type_embedding = nn.Embedding(types, hidden)
        self.queries = nn.ModuleList(nn.Linear(hidden, width) for _ in range(2))
        self.keys = nn.ModuleList(nn.Linear(hidden, width) for _ in range(2))
        self.distance_bias = nn.ModuleList(nn.Embedding(DISTANCE_BUCKETS, heads) for _ in range(2))
        self.pooled = nn.ModuleList(nn.Linear(hidden, width) for _ in range(2))
        self.entity = nn.ModuleList(nn.Linear(hidden, width) for _ in range(2))
        self.context = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width), nn.GELU())
        self.stance = nn.Linear(2 * width, stances)
        self.voice = nn.Linear(2 * width, voices)
        shape = heads, DISTANCE_BUCKETS, width // heads
        self.places = nn.ParameterList(nn.Parameter(0.02 * torch.randn(shape)) for _ in range(2))
        self.peer_scores = nn.Linear(2 * width, 2 * heads)
        self.peer_values = nn.Linear(2 * width, width)
        compare = nn.Linear(4 * width, width), nn.GELU(), nn.Linear(width, 2 * width)
        self.peers = nn.Sequential(nn.LayerNorm(4 * width), *compare)
        self.evidence_bias = nn.Parameter(torch.zeros(1))
        away = (torch.arange(DISTANCE_BUCKETS) - DISTANCE_BUCKETS // 2).abs()
        with torch.no_grad():
            for bias in self.distance_bias:  # what is said of somebody stands near
                cast(nn.Embedding, bias).weight.copy_(-0.3 * away[:, None].expand(-1, heads))
            nn.init.zeros_(compare[-1].weight)  # peers are listened to as training goes
            # Most pairs have no stance: begin there.
            self.stance.bias.copy_(torch.tensor([3.0, *[0.0] * (stances - 1)]))

    def forward(
        self, hidden: Tensor, token_mask: Tensor, entity_mask: Tensor, types: Tensor, distance: Tensor, pairs: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores pairs.

        hidden [batch, tokens, hidden]; token_mask [batch, tokens]; entity_mask [batch, entities, tokens]; types
        [batch, entities]; distance [batch, entities, tokens]; pairs [batch, pairs, 2]: rows of the entity arrays.
        Returns stance logits [batch, pairs, 1 + stances] (class 0 is none), voice logits [batch, pairs, voices] and
        evidence logits [batch, pairs, tokens].
        """
        mask = entity_mask.to(hidden.dtype)
        pooled = mask @ hidden / mask.sum(-1, keepdim=True).clamp(min=1) + self.type_embedding(types)
        holder, target = pairs[..., 0], pairs[..., 1]
        # Of any two entities: what can be computed of one alone is, and then picked for each pair.
        padding = _NEVER * (token_mask == 0)[:, None, None]
        scores = _pick(self._side(0, pooled, hidden, distance) + padding, holder)
        scores = scores + _pick(self._side(1, pooled, hidden, distance), target)  # [batch, heads, pairs, tokens]
        attention = scores.softmax(dim=-1)
        split = self.context(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        context = attention @ split
        buckets = nn.functional.one_hot(distance, DISTANCE_BUCKETS).to(attention.dtype).flatten(2)
        for n, rows in enumerate((holder, target)):
            context = context + self._places(n, attention, buckets, rows)
        context = context.transpose(1, 2).flatten(-2)
        evidence = scores[:, 0]
        a, b = (
            self._entity(n, hidden, mask, evidence, rows) + _pick(self.pooled[n](pooled)[:, None], rows).squeeze(1)
            for n, rows in enumerate((holder, target))
        )
        features = self.mlp(self.dropout(torch.cat([a, b, context, a * b + context * (a - b)], dim=-1)))
        features = features + self._peers(features, pairs, types.shape[1])
        return self.stance(features), self.voice(features), evidence + self.evidence_bias

    def _side(self, n: int, pooled: Tensor, hidden: Tensor, distance: Tensor) -> Tensor:
        """How well each token answers each entity as one end of a pair. Shape [batch, heads, entities, tokens]."""
        query = self.queries[n](pooled).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key = self.keys[n](hidden).unflatten(-1, (self.heads, -1)).permute(0, 2, 3, 1)
        score: Tensor = query @ key / (self.width / self.heads) ** 0.5
        near: Tensor = self.distance_bias[n](distance).permute(0, 3, 1, 2)
        return score + near

    def _entity(self, n: int, hidden: Tensor, mask: Tensor, evidence: Tensor, rows: Tensor) -> Tensor:
        """One end of each pair, pooled over its mentions by nearness to the evidence. Shape [batch, pairs, width]."""
        elsewhere = _NEVER * (1 - mask)
        weights = (evidence + _pick(elsewhere[:, None], rows).squeeze(1)).softmax(dim=-1)
        projected: Tensor = self.entity[n](hidden)
        return weights @ projected

    def _places(self, n: int, attention: Tensor, buckets: Tensor, rows: Tensor) -> Tensor:
        """Where the attended words stand from one end of each pair. Shape [batch, heads, pairs, width / heads].

        buckets [batch, entities, tokens * buckets]: one in the place of each token's distance to each entity.
        """
        own = _pick(buckets[:, None], rows).view(*rows.shape, -1, DISTANCE_BUCKETS)
        mass = attention.transpose(1, 2) @ own  # [batch, pairs, heads, buckets]
        found: Tensor = mass.transpose(1, 2) @ self.places[n]
        return found

    def _peers(self, features: Tensor, pairs: Tensor, entities: int) -> Tensor:
        """What the pairs of the same holder and those of the same target change in each pair's features.

        features [batch, pairs, 2 * width]; a pair of an entity with itself is padding and no peer.
        """
        real = (pairs[..., 0] != pairs[..., 1])[..., None].to(features.dtype)
        weights = (_PEAK * torch.tanh(self.peer_scores(features) / _PEAK)).exp() * real
        values = self.peer_values(features).unflatten(-1, (self.heads, -1))
        rows = torch.arange(entities, device=pairs.device)[:, None]
        found = [features]
        for n in range(2):
            own = weights[..., n * self.heads : (n + 1) * self.heads]
            member = (pairs[..., n][:, None] == rows).to(features.dtype)  # [batch, entities, pairs]
            total = (member @ own).clamp(min=1e-6)[..., None]
            mean = (member @ (own[..., None] * values).flatten(-2)).unflatten(-1, (self.heads, -1)) / total
            found.append(_pick(mean.flatten(-2)[:, None], pairs[..., n]).squeeze(1))
        change: Tensor = self.peers(torch.cat(found, dim=-1))
        return change


def _pick(values: Tensor, rows: Tensor) -> Tensor:
    """Picks rows [batch, pairs] of values [batch, heads, entities, size]. Shape [batch, heads, pairs, size].

    As an embedding looks up its table: one copy a row, where `gather` would read an index for every number.
    """
    batch, heads, entities, size = values.shape
    tables = torch.arange(batch * heads, device=rows.device).view(batch, heads, 1)
    picked: Tensor = nn.functional.embedding(tables * entities + rows[:, None], values.reshape(-1, size))
    return picked


class WordVectors(nn.Module):
    """Fixed vectors of whole words, and the learned matrix by which they are added to the embeddings of their pieces.

    At first it is zero and they change nothing.
    """

    def __init__(self, table: WordTable, width: int, hidden: int) -> None:
        super().__init__()
        self.table = table
        self.vectors = nn.Embedding(len(table) + 1, width)
        self.vectors.weight.requires_grad_(False).zero_()
        self.into = nn.Linear(width, hidden, bias=False)
        nn.init.zeros_(self.into.weight)

    @classmethod
    @torch.no_grad()
    def begin(cls, table: WordTable, vectors: Tensor, hidden: int, matrix: Tensor | None = None) -> WordVectors:
        """A new one for the vectors [words, width] of the table's words; matrix [hidden, width], if one was learned."""
        words = cls(table, vectors.shape[1], hidden)
        words.vectors.weight[1:] = vectors
        if matrix is not None:
            words.into.weight.copy_(matrix)
        return words

    def rows(self, ids: Tensor) -> Tensor:
        """The row of each piece's word. ids and result [batch, tokens]."""
        return torch.from_numpy(self.table.rows(ids.cpu().numpy())).to(ids.device)

    def forward(self, rows: Tensor) -> Tensor:
        """rows [batch, tokens] → what is added to the embeddings [batch, tokens, hidden]."""
        added: Tensor = self.into(self.vectors(rows))
        return added


def encoder_states(
    encoder: PreTrainedModel, words: WordVectors | None, ids: Tensor, mask: Tensor | None, rows: Tensor | None = None
) -> Tensor:
    """What an encoder makes of pieces and, where there are vectors of words, of these. [batch, tokens, hidden].

    ids, mask [batch, tokens], no mask for text without padding; rows [batch, tokens], as `WordTable.rows` finds them
    from the ids, None to find them.
    """
    read = {"input_ids": ids}
    if words:
        pieces = encoder.get_input_embeddings()(ids)
        added = words(words.rows(ids) if rows is None else rows)
        read = {"inputs_embeds": pieces + added.to(pieces.dtype)}
    states: Tensor = encoder(**read, attention_mask=mask).last_hidden_state
    return states


class JointModel(nn.Module):
    """Encoder, mention head and stance head.

    `words` are the vectors of whole words that the encoder reads beside its pieces, if any. `schemes` names additional
    mention tag sets (their numbers of tags) with a linear head each: public NER sets with other labels train the same
    encoder through them. They are not saved.
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        labels: LabelSet,
        settings: dict[str, Any] | None = None,
        schemes: dict[str, int] | None = None,
        words: WordVectors | None = None,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"stance_width": 256, "stance_heads": 4, "max_tokens": 512, **(settings or {})}
        self.encoder, self.labels = encoder, labels
        size = encoder.config.hidden_size
        self.mentions = nn.Linear(size, len(labels.bio_tags))
        self.stances = StanceHead(size, labels, self.settings["stance_width"], self.settings["stance_heads"])
        self.schemes = nn.ModuleDict({name: nn.Linear(size, tags) for name, tags in (schemes or {}).items()})
        self.words = words
        if words:
            self.settings["word_width"] = words.vectors.embedding_dim

    def encode(self, ids: Tensor, mask: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """ids, mask [batch, tokens] → hidden states [batch, tokens, hidden], mention logits [batch, tokens, tags].

        `rows`: see `encoder_states`.
        """
        hidden = encoder_states(self.encoder, self.words, ids, mask, rows)
        hidden = hidden.to(self.mentions.weight.dtype)  # the encoder may run in bf16
        return hidden, self.mentions(hidden)

    def forward(self, batch: dict[str, Tensor], sentences: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
        """All logits of a training step: `tags`, `stance`, `voice`, `evidence`, and `ner.<scheme>` of each NER set.

        `batch` is what `mawaqif.train.examples.collate` makes; `sentences` has `ids` and `mask` [sentences, tokens] by
        scheme. A scheme without a head of its own is read by the mention head.
        """
        hidden, tags = self.encode(batch["ids"], batch["mask"])
        stance, voice, evidence = self.stances(
            hidden, batch["mask"], batch["entity_mask"], batch["types"], batch["distance"], batch["pairs"]
        )
        outputs = {"tags": tags, "stance": stance, "voice": voice, "evidence": evidence}
        for scheme, part in sentences.items():
            states = encoder_states(self.encoder, self.words, part["ids"], part["mask"])
            head = self.schemes[scheme] if scheme in self.schemes else self.mentions  # noqa: SIM401 (no dict)
            outputs[f"ner.{scheme}"] = head(states)
        return outputs

    def save(self, directory: str | Path, tokenizer: Tokenizer) -> None:
        """Writes the model directory; weights as 16-bit floats, the embeddings of pieces as 8-bit integers with a scale
        for each piece; without the heads of other schemes."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        config = {**self.encoder.config.to_diff_dict(), "model_type": self.encoder.config.model_type}
        config = json.loads(json.dumps(config, default=str)) | {"mawaqif": self.settings, "dtype": "float32"}
        weights = {k: v.half().contiguous() for k, v in self.state_dict().items() if not k.startswith("schemes.")}
        tables = [self.encoder.get_input_embeddings().weight, *([self.words.vectors.weight] if self.words else [])]
        for name, parameter in self.named_parameters():
            if any(parameter is table for table in tables):
                weights[name], weights[name + SCALE] = _rounded(parameter.detach())
        new = directory / f"{WEIGHTS}.tmp"  # a kill or a full disk leaves the last weights whole
        save_file(weights, new, metadata={"format": "pt"})
        for graph in (path for precision in PRECISIONS for path in graph_paths(directory, precision)):
            graph.unlink(missing_ok=True)  # it holds small weights of what was saved here before
        (directory / BOUNDARIES).unlink(missing_ok=True)  # fitted to what was saved here before
        new.replace(directory / WEIGHTS)
        (directory / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (directory / WEIGHTS).chmod((directory / CONFIG).stat().st_mode)  # save_file lets only the owner read it
        tokenizer.save(str(directory / TOKENIZER))
        self.labels.save(directory / LABELS)
        if self.words:
            write_words(self.words.table.words, directory / WORDS)
        else:
            (directory / WORDS).unlink(missing_ok=True)

    @classmethod
    def load(cls, saved: SavedModel) -> JointModel:
        """The model of an opened directory, in fp32. Raises ModelError where its files do not fit together."""
        try:
            config = AutoConfig.from_pretrained(saved.directory, trust_remote_code=False, local_files_only=True)
            encoder = AutoModel.from_config(config, trust_remote_code=False)
            table = saved.word_table
            words = WordVectors(table, saved.settings["word_width"], encoder.config.hidden_size) if table else None
            model = cls(encoder, saved.labels, saved.settings, words=words)
        except Exception as error:  # transformers and its validators raise many kinds
            raise ModelError(
                f"{saved.directory / CONFIG}: describes no encoder that can be built ({_line(error, 0)})"
            ) from error
        path = saved.directory / WEIGHTS
        try:
            weights = load_file(path)
        except SafetensorError as error:
            raise ModelError(f"{path}: damaged ({error}); copy the model again") from error
        try:
            model.load_state_dict(_restored(weights))
        except KeyError as error:
            raise ModelError(f"{path}: lacks {error.args[0]}; copy the model again") from error
        except RuntimeError as error:  # missing, unknown or misshapen tensors
            raise ModelError(f"{path}: does not fit {CONFIG} ({_line(error, 1)}); copy both again") from error
        return model.eval()


def _rounded(table: Tensor) -> tuple[Tensor, Tensor]:
    """A table [rows, width] as 8-bit integers, and the scale [rows, 1] of each row, in 16 bits.

    What comes out of it again is rounded to the very same.
    """
    table = table.float()
    scale = (table.abs().amax(dim=1, keepdim=True) / 127).half()
    return (table / scale.float().clamp(min=1e-30)).round().clamp(-127, 127).to(torch.int8), scale


def _restored(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Stored weights in fp32."""
    scales = {name: name + SCALE for name, values in weights.items() if values.dtype == torch.int8}
    return {
        name: values.float() * weights[scales[name]].float() if name in scales else values.float()
        for name, values in weights.items()
        if name not in scales.values()
    }


def _line(error: Exception, number: int) -> str:
    """One line of an error's message, or its last one: PyTorch's second line is the first tensor that does not fit."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[min(number, len(lines) - 1)].strip().rstrip(".")
