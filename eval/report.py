"""Everything worth knowing about a prediction, in one object: the headline scores with confidence intervals, and the
details behind them. It can be written as JSON; `mawaqif.eval.tables` shows it in a terminal, `mawaqif.eval.page` as a
page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import chain
from typing import Any

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.eval.baselines import baselines
from mawaqif.eval.bootstrap import Counted, Interval, bootstrap
from mawaqif.eval.calibration import Reliability, reliability
from mawaqif.eval.entities import EntityScores, same_entities, score_entities
from mawaqif.eval.matching import (
    Confusion,
    MatchScore,
    match_mentions,
    score_matches,
    stance_confusion,
    type_confusion,
)
from mawaqif.eval.mentions import MentionScores, score_mentions
from mawaqif.eval.pairs import Pair, pair
from mawaqif.eval.selective import RiskCoverage, risk_coverage, score_of
from mawaqif.eval.slices import Seen, Slice, slices
from mawaqif.eval.stances import JoinedEdge, StanceScores, join, score_edges, score_stances
from mawaqif.eval.tuples import TupleScores, score_tuples
from mawaqif.labels import LabelSet

__all__ = ["Report", "evaluate", "plain"]


@dataclass(frozen=True)
class Report:
    """The scores of one prediction. `missing` is the number of gold articles that were not predicted.

    - `headline`: the 95 % intervals of the scores to quote, by name; `counted`: the counts of each article that they
      come from, in the order of the articles' ids. Two reports on the same gold can be compared article by article.
    - `baselines`: the same scores of what a model must beat (`mawaqif.eval.baselines`).
    - `matches`: mentions under the four MUC schemes; `types`: gold types against predicted ones.
    - `stances`, `labels`, `tuples`, `selective`, `reliability`: end to end, with the stances' own scores in the last
      two. `stances_given_gold` and the like: between the gold entities; None where none were predicted.
    - `slices`: by length and source; by what was seen in training, where a train file was given.
    """

    articles: int
    missing: int
    headline: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]
    mentions: MentionScores
    matches: dict[str, MatchScore]
    types: Confusion
    entities: EntityScores
    stances: StanceScores
    labels: Confusion
    tuples: TupleScores
    selective: RiskCoverage
    reliability: Reliability
    stances_given_gold: StanceScores | None
    selective_given_gold: RiskCoverage | None
    reliability_given_gold: Reliability | None
    slices: list[Slice]
    counted: dict[str, Counted]

    def to_dict(self) -> dict[str, Any]:
        """All scores and their counts as plain values, ready for JSON; the counts of each article are left out."""
        found: dict[str, Any] = plain(self)
        return found


def evaluate(
    gold: Iterable[Article],
    predicted: Iterable[Article],
    *,
    labels: LabelSet,
    predicted_given_gold: Iterable[Article] | None = None,
    train: Iterable[Article] | None = None,
    with_baselines: bool = True,
    resamples: int = 1000,
    seed: int = 0,
) -> Report:
    """Score predicted articles against gold.

    `predicted_given_gold` are predictions for which the gold mentions and entities were given, so that only the stances
    are the tagger's own. `train` are the articles that the tagger learned from: with them the report has a gazetteer
    baseline and slices by what was seen. `labels` says which types exist only for stances. The intervals are 95 %
    percentile bootstraps over articles, `resamples` draws with `seed`. Raises InputError as `mawaqif.eval.pair` does,
    and where `predicted_given_gold` has other entities than gold.
    """
    gold, known = list(gold), None if train is None else list(train)
    pairs = pair(gold, predicted)
    edges = [join(each) for each in pairs]
    given = None
    if predicted_given_gold is not None:
        given = [join(each) for each in _with_gold_entities(pair(gold, predicted_given_gold))]
    matched = [match_mentions(each) for each in pairs]
    mentions = score_mentions(pairs, only_in_stances=labels.only_in_stances)
    entities, tuples = score_entities(pairs), score_tuples(pairs)
    stances = score_edges(edges, labels.stance_names)
    stances_given_gold = None if given is None else score_edges(given, labels.stance_names)
    counted = {
        "mentions_named_micro_f1": mentions.counted_named,
        "mentions_all_micro_f1": mentions.counted,
        "entities_b3_f1": entities.counted,
        **_stance_counts(stances, stances_given_gold),
        "tuples_weighted_f1": tuples.counted,
    }
    flat, flat_given = list(chain.from_iterable(edges)), None if given is None else list(chain.from_iterable(given))
    sides = [each.gold for each in pairs], [each.predicted for each in pairs]
    return Report(
        articles=len(pairs),
        missing=sum(not each.found for each in pairs),
        headline=_intervals(counted, resamples, seed),
        baselines=_baselines(*sides, labels, known, resamples, seed) if with_baselines else {},
        mentions=mentions,
        matches=score_matches(matched),
        types=type_confusion(matched),
        entities=entities,
        stances=stances,
        labels=stance_confusion(flat),
        tuples=tuples,
        selective=risk_coverage(flat),
        reliability=_reliability(flat),
        stances_given_gold=stances_given_gold,
        selective_given_gold=None if flat_given is None else risk_coverage(flat_given),
        reliability_given_gold=None if flat_given is None else _reliability(flat_given),
        slices=slices(pairs, matched, edges, labels.only_in_stances, None if known is None else Seen.of(known)),
        counted=counted,
    )


def _stance_counts(end_to_end: StanceScores, given_gold: StanceScores | None) -> dict[str, Counted]:
    found = {"stances_micro_f1": end_to_end.counted, "stances_macro_f1": end_to_end.counted_macro}
    if given_gold is not None:
        found["stances_given_gold_micro_f1"] = given_gold.counted
        found["stances_given_gold_macro_f1"] = given_gold.counted_macro
    return found


def _intervals(counted: Mapping[str, Counted], resamples: int, seed: int) -> dict[str, Interval]:
    return {name: bootstrap(score, resamples=resamples, seed=seed) for name, score in counted.items()}


def _reliability(edges: Iterable[JoinedEdge]) -> Reliability:
    predicted = [edge for edge in edges if edge.predicted is not None]
    return reliability([score_of(edge) for edge in predicted], [edge.right for edge in predicted])


def _baselines(
    gold: Sequence[Article],
    predicted: Sequence[Article],
    labels: LabelSet,
    train: Sequence[Article] | None,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Interval]]:
    """The headline scores of each baseline; only what is its own: majority and lexicon find no entities."""
    found = {}
    for name, (tagged, given) in baselines(gold, predicted, labels, train).items():
        pairs = pair(gold, tagged)
        scores = [score_stances(each, labels.stance_names) for each in (pairs, pair(gold, given))]
        counted = {**_stance_counts(*scores), "tuples_weighted_f1": score_tuples(pairs).counted}
        if name == "gazetteer":
            mentions = score_mentions(pairs, only_in_stances=labels.only_in_stances)
            counted["mentions_named_micro_f1"] = mentions.counted_named
            counted["mentions_all_micro_f1"] = mentions.counted
            counted["entities_b3_f1"] = score_entities(pairs).counted
        found[name] = _intervals(counted, resamples, seed)
    return found


def _with_gold_entities(pairs: Sequence[Pair]) -> Sequence[Pair]:
    for each in pairs:
        if each.found and not same_entities(each.gold, each.predicted):
            reason = "has other entities than gold, though the gold ones were to be given; keep ids and mentions"
            raise InputError(reason, article_id=each.gold.id, field="entities")
    return pairs


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries, without the Counted in them; MatchScore with its precision, recall and F1."""
    if is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value) if field.name != "counted"}
        found = {name: plain(part) for name, part in parts.items() if not isinstance(part, Counted)}
        if isinstance(value, MatchScore):
            found |= dict(zip(("precision", "recall", "f1"), value.scores, strict=True))
        return found
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
