"""Everything worth knowing about a prediction, in one object: the headline scores with confidence intervals, and the
details behind them. It can be written as JSON and shown in a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from rich.console import Group
from rich.table import Table

from mawaqif.article import Article
from mawaqif.errors import InputError
from mawaqif.eval.bootstrap import PRF, Counted, Interval, Rate, bootstrap
from mawaqif.eval.entities import EntityScores, same_entities, score_entities
from mawaqif.eval.mentions import MentionScores, score_mentions
from mawaqif.eval.pairs import Pair, pair
from mawaqif.eval.stances import StanceScores, score_stances
from mawaqif.labels import LabelSet

__all__ = ["Report", "evaluate", "render"]


@dataclass(frozen=True)
class Report:
    """The scores of one prediction. `missing` is the number of gold articles that were not predicted.

    `headline` holds the 95 % intervals of the scores to quote, by name; `counted` the counts of each article that they
    come from, in the order of the articles' ids: two reports on the same gold can be compared article by article.
    `stances_given_gold` are the scores of stances between the gold entities; None where none were predicted.
    """

    articles: int
    missing: int
    headline: dict[str, Interval]
    mentions: MentionScores
    entities: EntityScores
    stances: StanceScores
    stances_given_gold: StanceScores | None
    counted: dict[str, Counted]

    def to_dict(self) -> dict[str, Any]:
        """All scores and their counts as plain values, ready for JSON; the counts of each article are left out."""
        plain: dict[str, Any] = _plain(self)
        return plain


def evaluate(
    gold: Iterable[Article],
    predicted: Iterable[Article],
    *,
    labels: LabelSet,
    predicted_given_gold: Iterable[Article] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Report:
    """Score predicted articles against gold.

    `predicted_given_gold` are predictions for which the gold mentions and entities were given, so that only the stances
    are the tagger's own. `labels` says which types exist only for stances. The intervals are 95 % percentile
    bootstraps over articles, `resamples` draws with `seed`. Raises InputError as `mawaqif.eval.pair` does, and where
    `predicted_given_gold` has other entities than gold.
    """
    gold = list(gold)
    pairs = pair(gold, predicted)
    given = None if predicted_given_gold is None else pair(gold, predicted_given_gold)
    mentions = score_mentions(pairs, only_in_stances=[label.name for label in labels.types if label.only_in_stances])
    entities = score_entities(pairs)
    stances = score_stances(pairs)
    stances_given_gold = None if given is None else score_stances(_with_gold_entities(given))
    counted = {
        "mentions_named_micro_f1": mentions.counted_named,
        "mentions_all_micro_f1": mentions.counted,
        "entities_b3_f1": entities.counted,
        "stances_micro_f1": stances.counted,
    }
    if stances_given_gold is not None:
        counted["stances_given_gold_macro_f1"] = stances_given_gold.counted_macro
    return Report(
        articles=len(pairs),
        missing=sum(not pair.found for pair in pairs),
        headline={name: bootstrap(score, resamples=resamples, seed=seed) for name, score in counted.items()},
        mentions=mentions,
        entities=entities,
        stances=stances,
        stances_given_gold=stances_given_gold,
        counted=counted,
    )


def _with_gold_entities(pairs: Sequence[Pair]) -> Sequence[Pair]:
    for each in pairs:
        if each.found and not same_entities(each.gold, each.predicted):
            reason = "has other entities than gold, though the gold ones were to be given; keep ids and mentions"
            raise InputError(reason, article_id=each.gold.id, field="entities")
    return pairs


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value) if field.name != "counted"}
        return {name: _plain(part) for name, part in parts.items() if not isinstance(part, Counted)}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value


def render(report: Report) -> Group:
    """The report as tables for a rich console."""
    predicted = report.articles - report.missing
    title = f"{report.articles} gold articles, {predicted} of them predicted"
    tables = [
        _headline(title, report.headline),
        _scores("Mentions: strict span and type", _mention_rows(report.mentions)),
        _scores("Entities: B³", {"all mentions": report.entities.b3, "shared mentions": report.entities.b3_shared}),
        *_stances("Stances, end to end", report.stances),
    ]
    if report.stances_given_gold is not None:
        tables += _stances("Stances, gold entities given", report.stances_given_gold)
    return Group(*tables)


def _mention_rows(scores: MentionScores) -> dict[str, PRF]:
    averages = {"micro, named": scores.named, "micro, all": scores.micro, "macro, all": scores.macro}
    return averages | scores.per_type


def _stances(title: str, scores: StanceScores) -> list[Table]:
    edges = {"micro": scores.micro, "macro": scores.macro} | scores.per_label
    edges["pairs, any label"] = scores.pairs
    edges |= {f"holder {name}": score for name, score in scores.by_holder_type.items()}
    edges |= {f"target {name}": score for name, score in scores.by_target_type.items()}
    rates = {
        "label accuracy on found pairs": scores.label_accuracy,
        "wrong edges that are swapped": scores.swaps,
        "evidence found": scores.evidence_found,
        "evidence word overlap": scores.evidence_iou,
    }
    rates |= {f"recall of {voice}": score for voice, score in scores.recall_by_voice.items()}
    return [_scores(title, edges), _rates(f"{title}: shares", rates)]


def _headline(title: str, intervals: Mapping[str, Interval]) -> Table:
    table = _table(title, "score", "value", "95 % interval")
    for name, interval in intervals.items():
        table.add_row(name, f"{interval.value:.3f}", f"{interval.low:.3f} – {interval.high:.3f}")
    return table


def _scores(title: str, rows: Mapping[str, PRF]) -> Table:
    table = _table(title, "", "precision", "recall", "F1", "predicted", "gold")
    for name, score in rows.items():
        numbers = [f"{value:.3f}" for value in (score.precision, score.recall, score.f1)]
        table.add_row(name, *numbers, str(score.predicted), str(score.gold))
    return table


def _rates(title: str, rows: Mapping[str, Rate]) -> Table:
    table = _table(title, "", "share", "of")
    for name, share in rows.items():
        table.add_row(name, "–" if share.value is None else f"{share.value:.3f}", str(share.of))
    return table


def _table(title: str, first: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for number in numbers:
        table.add_column(number, justify="right")
    return table
