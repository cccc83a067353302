"""Articles in, the same articles out with mentions, entities and stances: the tagger that `mawaqif.load` returns.

    tagger = mawaqif.load()
    article = tagger("…")                           # one text or Article
    for article in tagger.pipe(articles): ...       # many, streamed in order

The windows of several articles run as one batch, and so do their entity pairs: one encoder pass feeds both tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from mawaqif.article import Article
from mawaqif.boundaries import Boundaries
from mawaqif.decoding import EVIDENCE_SHIFT, Floats, PairScore, Scaling, decide, decode_mentions, merge_windows, stitch
from mawaqif.encoding import Encoded, Ints, Pairs, encode, keep_whole, pad_pairs, pad_windows, pairs_of, special_ids
from mawaqif.errors import ModelError, require
from mawaqif.inference.clustering import cluster, whole_names
from mawaqif.inference.engine import Engine, EngineName, make_engine
from mawaqif.saved import (
    BOUNDARIES,
    CONFIG,
    EMBEDDED,
    TOKENIZER,
    WORDS,
    Precision,
    SavedModel,
    open_model,
    read_tensors,
)

_HUB_SECONDS = 5.0  # to answer
_LEAST_TOKENS = 8  # in a window, with [CLS] and [SEP]
_BATCH = 32  # articles
_SCORES_A_BATCH = 100_000  # entity pairs times tokens; more takes memory and no less time
_SCORES_A_RUN = 1_000_000  # the most of one window in one run: apart, pairs are not compared with each other


def load(
    model: str | Path | None = None,
    *,
    engine: EngineName = "auto",
    threads: int | None = None,
    precision: Precision | None = None,
) -> Tagger:
    """A tagger with the embedded model, a model directory, or a model on the Hugging Face hub.

    engine: auto (ONNX Runtime if the model has ONNX graphs, else PyTorch), onnx or torch. threads: processor threads,
    None for all. precision: fp32, int8 (ONNX Runtime only) or bf16 (PyTorch only, and its default on a GPU); None for
    the model's default. Raises ModelError that says what is missing, or MissingExtraError.
    """
    saved = open_model(_find(model))
    return Tagger(saved, make_engine(saved, engine, threads, precision))


def _find(model: str | Path | None) -> Path:
    if model is None:
        return EMBEDDED
    directory = Path(model)
    looks_like_hub_id = isinstance(model, str) and model.count("/") == 1 and not model.startswith((".", "/"))
    if directory.exists() or not looks_like_hub_id:
        return directory
    hub = require("huggingface_hub", "train")
    wanted = ["*.json", "*.safetensors", "*.onnx", "README.md", WORDS]
    try:
        return Path(hub.snapshot_download(model, allow_patterns=wanted, etag_timeout=_HUB_SECONDS))
    except Exception as error:  # offline, unknown id, no permission: the hub's errors have no common base
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{model!r} is no directory here and the hub did not give it ({reason}); give a model directory, or leave "
            "the model out to use the embedded one"
        ) from error


class Tagger:
    """Tags articles with one model. `min_score` is the default probability from which a stance is reported, `scaling`
    how the model's logits are read: both come from its settings and may be changed."""

    def __init__(self, saved: SavedModel, engine: Engine) -> None:
        self.saved, self.engine, self.labels = saved, engine, saved.labels
        self._rank = saved.word_table.rank if saved.word_table else None
        try:
            self._ids = special_ids(saved.tokenizer)
        except ModelError as error:
            raise ModelError(f"{saved.directory / TOKENIZER}: {error}") from error
        try:
            self.min_score = float(saved.settings.get("min_score", 0.5))
            self._max_tokens = int(saved.settings["max_tokens"])
            self.scaling = Scaling(
                temperature=float(saved.settings.get("temperature", 1.0)),
                none_bias=float(saved.settings.get("none_bias", 0.0)),
                evidence_shift=float(saved.settings.get("evidence_shift", EVIDENCE_SHIFT)),
                phrase_bias=float(saved.settings.get("phrase_bias", 0.0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            path = saved.directory / CONFIG
            raise ModelError(f"{path}: damaged section 'mawaqif' ({error!r}); copy the model again") from error
        if self._max_tokens < _LEAST_TOKENS:
            raise ModelError(f"{saved.directory / CONFIG}: max_tokens is {self._max_tokens}, at least {_LEAST_TOKENS}")
        known = saved.config.get("vocab_size")
        if known is not None and saved.tokenizer.get_vocab_size() > known:
            raise ModelError(f"{saved.directory / TOKENIZER}: has more pieces than the model; copy both again")
        self._boundaries = _boundaries(saved)

    def __call__(self, article: Article | str, *, min_score: float | None = None, evidence: bool = True) -> Article:
        """The article with its mentions, entities and stances; what it held of them before is replaced."""
        return next(self.pipe([article], min_score=min_score, evidence=evidence))

    def pipe(
        self,
        articles: Iterable[Article | str],
        *,
        min_score: float | None = None,
        evidence: bool = True,
        batch_size: int = _BATCH,
    ) -> Iterator[Article]:
        """Tags articles in order, `batch_size` at a time; the batch changes no result.

        min_score: least probability of a stance, None for the model's own. evidence: whether to look for it. A text
        becomes an Article with the id `text-<its number>`. Raises ArticleError for a text that is no valid text.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        stream = (
            Article(id=f"text-{number}", text=article) if isinstance(article, str) else article
            for number, article in enumerate(articles, start=1)
        )
        while batch := list(islice(stream, batch_size)):
            yield from self._tag(batch, self.min_score if min_score is None else min_score, evidence)

    def stances(self, articles: Sequence[Article], *, min_score: float | None = None) -> list[Article]:
        """Copies of articles whose stances are the model's, between the entities that the articles already hold."""
        least = self.min_score if min_score is None else min_score
        scored: list[Article] = []
        for start in range(0, len(articles), _BATCH):
            batch = articles[start : start + _BATCH]
            encodings = encode([a.text for a in batch], self.saved.tokenizer, self._max_tokens)
            hidden = [[states for states, _ in windows] for windows in self._encode(encodings)]
            scored += self._with_stances(batch, encodings, hidden, least, True)
        return scored

    def pair_probabilities(
        self, articles: Iterable[Article]
    ) -> Iterator[tuple[Article, dict[tuple[str, str], Floats]]]:
        """Articles with the mentions and entities found, and what the model thinks of each ordered pair of them.

        Probabilities [1 + stances] of none and of each stance, by (holder, target), if both ends are right: what
        `mawaqif calibrate` fits.
        """
        stream = iter(articles)
        while batch := list(islice(stream, _BATCH)):
            named, encodings, hidden = self._name(batch)
            for article, pairs in zip(named, self._score_pairs(named, encodings, hidden), strict=True):
                yield article, {ends: score.stance for ends, score in pairs.items()}

    def _tag(self, articles: Sequence[Article], min_score: float, evidence: bool) -> list[Article]:
        named, encodings, hidden = self._name(articles)
        tagged = self._with_stances(named, encodings, hidden, min_score, evidence)
        return [self._drop_unused(article) for article in tagged]

    def _name(self, articles: Sequence[Article]) -> tuple[list[Article], list[Encoded], list[list[Floats]]]:
        """The articles with their mentions and entities, their encodings, and the hidden states of their windows."""
        encodings = encode([a.text for a in articles], self.saved.tokenizer, self._max_tokens)
        outputs = self._encode(encodings)
        named = []
        for article, encoded, windows in zip(articles, encodings, outputs, strict=True):
            emissions = stitch(encoded, [tags for _, tags in windows])
            found = decode_mentions(emissions, encoded, self.labels, self.scaling.phrase_bias)
            if self._boundaries:
                found = self._boundaries(found, encoded, stitch(encoded, [states for states, _ in windows]), emissions)
            spans = [(encoded.words[a][0], encoded.words[b][1], label, score) for a, b, label, score in found]
            mentions, entities = cluster(article.text, whole_names(article.text, spans), self._rank)
            named.append(article.model_copy(update={"mentions": mentions, "entities": entities, "stances": []}))
        return named, encodings, [[states for states, _ in windows] for windows in outputs]

    def _encode(self, encodings: Sequence[Encoded]) -> list[list[tuple[Floats, Floats]]]:
        """Hidden states and tag logits [tokens + 2, …] of every window of every article, run in order of length."""
        windows = [(n, w) for n, encoded in enumerate(encodings) for w in range(len(encoded.windows))]
        ids = {(n, w): encodings[n].ids[slice(*encodings[n].windows[w])] for n, w in windows}
        results: list[list[tuple[Floats, Floats]]] = [[None] * len(e.windows) for e in encodings]  # type: ignore[list-item]
        order = sorted(windows, key=lambda key: len(ids[key]))
        while order:
            size = max(1, self.engine.batch_tokens // (len(ids[order[-1]]) + 2))
            batch, order = order[-size:], order[:-size]
            inputs, mask = pad_windows([ids[key] for key in batch], self._ids)
            hidden, tags = self.engine.encode(inputs, mask)
            for row, (n, w) in enumerate(batch):
                length = len(ids[n, w]) + 2
                results[n][w] = hidden[row, :length], tags[row, :length]
        return results

    def _with_stances(
        self,
        articles: Sequence[Article],
        encodings: Sequence[Encoded],
        hidden: list[list[Floats]],
        min_score: float,
        evidence: bool,
    ) -> list[Article]:
        decided = []
        for article, encoded, pairs in zip(
            articles, encodings, self._score_pairs(articles, encodings, hidden), strict=True
        ):
            shift, sure = self.scaling.evidence_shift, article.entity_scores()
            whole = keep_whole(encoded, article.mentions)
            stances = decide(pairs, whole, self.labels, min_score, evidence, shift, sure)
            decided.append(article.model_copy(update={"stances": stances}))
        return decided

    def _score_pairs(
        self, articles: Sequence[Article], encodings: Sequence[Encoded], hidden: list[list[Floats]]
    ) -> list[dict[tuple[str, str], PairScore]]:
        """The model's view of every ordered pair of each article's entities."""
        jobs: list[tuple[int, int, Pairs]] = []
        for n, (article, encoded) in enumerate(zip(articles, encodings, strict=True)):
            for w, window in enumerate(encoded.windows):
                pairs = pairs_of(article, encoded, window, self.labels)
                most = max(1, _SCORES_A_RUN // pairs.mask.shape[1])  # a window full of names has too many for one run
                parts = [pairs.pairs[start : start + most] for start in range(0, len(pairs.pairs), most)]
                jobs += [(n, w, replace(pairs, pairs=part)) for part in parts]
        scores = [len(pairs.pairs) * pairs.mask.shape[1] for *_, pairs in jobs]
        results: dict[int, list[Floats]] = {}
        order = sorted(range(len(jobs)), key=lambda job: scores[job])
        while order:
            size = max(1, _SCORES_A_BATCH // scores[order[-1]])
            batch, order = order[-size:], order[:-size]
            states, mask = _pad_states([hidden[n][w] for n, w, _ in (jobs[job] for job in batch)])
            inputs = pad_pairs([jobs[job][2] for job in batch], states.shape[1])
            outputs = self.engine.stances(states, mask, inputs)
            for row, job in enumerate(batch):
                results[job] = [output[row, : len(jobs[job][2].pairs)] for output in outputs]
        scored: list[list[tuple[int, Pairs, Floats, Floats, Floats]]] = [[] for _ in articles]
        for job, (n, w, pairs) in enumerate(jobs):  # in text order, whatever the order of the runs
            stance, voice, where = results[job]
            scored[n].append((w, pairs, stance, voice, where))
        return [
            merge_windows(encoded, outcomes, self.scaling) for encoded, outcomes in zip(encodings, scored, strict=True)
        ]

    def _drop_unused(self, article: Article) -> Article:
        """Without the entities that exist only for stances and take part in none."""
        only = self.labels.only_in_stances
        used = {end for stance in article.stances for end in (stance.holder, stance.target)}
        kept = [e for e in article.entities if e.type not in only or e.id in used]
        names = {entity.id for entity in kept}
        return article.model_copy(
            update={"entities": kept, "mentions": [m for m in article.mentions if m.entity in names]}
        )


def _boundaries(saved: SavedModel) -> Boundaries | None:
    path = saved.directory / BOUNDARIES
    if not path.is_file():
        return None
    weights = read_tensors(path)
    try:
        boundaries = Boundaries(weights, saved.labels)
    except ModelError as error:
        raise ModelError(f"{path}: {error}; copy the model again") from error
    if boundaries.hidden != saved.config.get("hidden_size", boundaries.hidden):
        raise ModelError(f"{path}: belongs to another encoder; make it anew with: mawaqif boundaries {saved.directory}")
    return boundaries


def _pad_states(states: Sequence[Floats]) -> tuple[Floats, Ints]:
    """Hidden states [batch, longest, hidden], zero-padded, and their mask [batch, longest]."""
    longest = max(len(s) for s in states)
    padded = np.zeros((len(states), longest, states[0].shape[1]), dtype=np.float32)
    mask = np.zeros((len(states), longest), dtype=np.int64)
    for row, s in enumerate(states):
        padded[row, : len(s)], mask[row, : len(s)] = s, 1
    return padded, mask
