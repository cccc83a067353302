"""Fits the network that chooses the bounds of issues and unnamed actors again (`mawaqif.boundaries`).

On annotated articles that the model has not seen: where it learned, its tags err less than they will. The encoder stays
as it is, so a few hundred articles and minutes of a processor suffice. Before the network that is kept is fitted on
all articles, another one is fitted on four fifths and tells on the last fifth what users can expect.

    mawaqif boundaries runs/model unseen.jsonl
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

from mawaqif.article import Article
from mawaqif.boundaries import PLACES, at_places, candidates, features, network, shapes
from mawaqif.decoding import Floats, decode_mentions, stitch
from mawaqif.encoding import Bools, Encoded, Ints, encode, pad_windows, special_ids, words_in
from mawaqif.errors import InputError
from mawaqif.labels import LabelSet
from mawaqif.model import JointModel
from mawaqif.saved import BOUNDARIES, CONFIG, SavedModel

_WIDTH, _INNER = 64, 64
_EPOCHS, _BATCH, _RATE, _DECAY, _DROPOUT = 8, 16, 1e-3, 0.1, 0.4
_HELD_OUT = 5  # every fifth article
_PHRASE_BIAS = 1.0  # more mentions to learn from than the tags alone find


@dataclass(frozen=True)
class Fit:
    """How many mentions it was fitted on, and of those in articles held out: how many, and the share whose bounds are
    right before and after."""

    spans: int
    held_out: int
    before: float
    after: float


@dataclass(frozen=True)
class Choice:
    """One mention found: its article, the runs of words it could be, what is read of each, and those that are gold.

    states [words, hidden] of the words nearby, from the first of which runs [runs, 2] count; features [runs, features];
    gold [runs]; found: the row of the run that was found.
    """

    article: int
    states: Floats
    runs: Ints
    features: Floats
    gold: Bools
    found: int


def fit_boundaries(saved: SavedModel, articles: Sequence[Article], seed: int = 0) -> Fit:
    """Writes boundaries.safetensors into the model's directory. Raises InputError where nothing can be learned."""
    if not saved.labels.only_in_stances:
        raise InputError("the model has no type that exists only for stances, so there is nothing to fit")
    choices = list(find_choices(JointModel.load(saved), saved, articles))
    for_fit, held_out = (
        [choice for choice in choices if (choice.article % _HELD_OUT == 0) is out] for out in (False, True)
    )
    if not (for_fit and held_out):
        raise InputError(
            f"only {len(choices)} mentions of {' and '.join(saved.labels.only_in_stances)} were found near annotated "
            "ones; give more articles"
        )
    after = _fitted(for_fit, saved.labels, seed).right(held_out)
    before = np.mean([choice.gold[choice.found] for choice in held_out])
    kept = _fitted(choices, saved.labels, seed)
    weights = {name: value.detach().half().numpy() for name, value in kept.named_parameters()}
    new = saved.directory / f"{BOUNDARIES}.tmp"  # a kill leaves the last one whole
    save_file(weights, new)
    new.chmod((saved.directory / CONFIG).stat().st_mode)  # save_file lets only the owner read it
    new.replace(saved.directory / BOUNDARIES)
    return Fit(len(choices), len(held_out), float(before), after)


@torch.no_grad()
def find_choices(model: JointModel, saved: SavedModel, articles: Sequence[Article]) -> Iterator[Choice]:
    """What the model finds in annotated articles and could be one of their mentions, if its bounds were others."""
    ids = special_ids(saved.tokenizer)
    encodings = encode([a.text for a in articles], saved.tokenizer, model.settings["max_tokens"])
    for number, (article, encoded) in enumerate(zip(articles, encodings, strict=True)):
        inputs, mask = pad_windows([encoded.ids[a:b] for a, b in encoded.windows], ids)
        states, emissions = (
            stitch(encoded, list(output.numpy()))
            for output in model.encode(torch.from_numpy(inputs), torch.from_numpy(mask))
        )
        annotated = _annotated(article, encoded)
        found = decode_mentions(emissions, encoded, saved.labels, _PHRASE_BIAS)
        runs, of = candidates(found, encoded, saved.labels)
        given = features(runs, of, found, emissions, saved.labels)
        for n in np.unique(of).tolist():
            here = runs[of == n]
            gold = np.array([(first, last, found[n][2]) in annotated for first, last in here.tolist()])
            if gold.any():
                start, end = max(0, int(here[:, 0].min()) - 1), int(here[:, 1].max()) + 2
                row = here.tolist().index([*found[n][:2]])
                yield Choice(number, states[start:end], here - start, given[of == n], gold, row)


def _annotated(article: Article, encoded: Encoded) -> set[tuple[int, int, str]]:
    """First and last word and type of the article's mentions."""
    words = ((words_in(encoded, m.start, m.end).tolist(), m.type) for m in article.mentions)
    return {(inside[0], inside[-1], type_) for inside, type_ in words if inside}


def _fitted(choices: Sequence[Choice], labels: LabelSet, seed: int) -> _Network:
    torch.manual_seed(seed)
    fitted = _Network(choices[0].states.shape[1], labels)
    optimizer = torch.optim.AdamW(fitted.parameters(), lr=_RATE, weight_decay=_DECAY)
    for _ in range(_EPOCHS):
        order = torch.randperm(len(choices)).tolist()
        for start in range(0, len(order), _BATCH):
            fitted.loss([choices[n] for n in order[start : start + _BATCH]]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
    return fitted


class _Network(nn.ParameterDict):
    """The weights as parameters, random at first."""

    def __init__(self, hidden: int, labels: LabelSet) -> None:
        begun = {}
        for name, shape in shapes(hidden, labels, width=_WIDTH, inner=_INNER).items():
            most = 0.0 if name.endswith("bias") else shape[0] ** -0.5
            begun[name] = nn.Parameter(most * (2 * torch.rand(shape) - 1))
        super().__init__(begun)

    def loss(self, choices: Sequence[Choice]) -> Tensor:
        """The mean of -log of the probability of the annotated runs of words."""
        scores = self._scores(choices, _DROPOUT)
        gold = [torch.from_numpy(choice.gold) for choice in choices]
        losses = [row.logsumexp(0) - row[right].logsumexp(0) for row, right in zip(scores, gold, strict=True)]
        return torch.stack(losses).mean()

    @torch.no_grad()
    def right(self, choices: Sequence[Choice]) -> float:
        """The share of mentions for which the likeliest run of words is an annotated one."""
        return float(np.mean([choice.gold[int(self._scores([choice])[0].argmax())] for choice in choices]))

    def _scores(self, choices: Sequence[Choice], dropout: float = 0.0) -> tuple[Tensor, ...]:
        """The scores of the runs of words of each mention."""

        def drop(values: Tensor) -> Tensor:
            return nn.functional.dropout(values, dropout)

        read = [np.concatenate(at_places(each.runs, [each.states] * PLACES), axis=1) for each in choices]
        given = torch.from_numpy(np.concatenate([choice.features for choice in choices]))
        said = drop(torch.from_numpy(np.concatenate(read))) @ self["places"]
        scores = network(dict(self.items()), said, given, drop)
        return torch.split(scores, [len(choice.gold) for choice in choices])
