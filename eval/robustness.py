"""What a tagger loses on text that is messier, or newer, than its gold articles: the perturbation suite, scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.table import Table

from mawaqif.article import Article
from mawaqif.eval.comparison import Difference, difference
from mawaqif.eval.perturb import PERTURBATIONS, perturb
from mawaqif.eval.report import Report, evaluate
from mawaqif.eval.tables import number, table
from mawaqif.labels import LabelSet

__all__ = ["Robustness", "render_robustness", "robustness"]

Robustness = dict[str, dict[str, Difference]]
"""Perturbation → headline score → that score on the articles as they are (a) and perturbed (b)."""

_SCORES = ("mentions_named_micro_f1", "mentions_all_micro_f1", "entities_b3_f1", "stances_micro_f1")


def robustness(
    gold: Sequence[Article],
    report: Report,
    tag: Callable[[list[Article]], Iterable[Article]],
    *,
    labels: LabelSet,
    names: Iterable[str] = tuple(PERTURBATIONS),
    seed: int = 0,
) -> Robustness:
    """The drop of each score under each perturbation, with its interval and p-value (`mawaqif.eval.comparison`).

    `report` scores the tagger on the articles as they are. `tag` is called with the perturbed articles, bare, and must
    give them back in order. The perturbed articles are scored against the gold that moved with their text.
    """
    found: Robustness = {}
    for name in names:
        perturbed = [perturb(article, name, seed) for article in gold]
        tagged = tag([article.clean() for article in perturbed])
        other = evaluate(perturbed, tagged, labels=labels, with_baselines=False, resamples=1)
        found[name] = {score: difference(report.counted[score], other.counted[score], seed=seed) for score in _SCORES}
    return found


def render_robustness(found: Mapping[str, Mapping[str, Difference]]) -> Table:
    """The drops as a table for a rich console; * where p < 0.05, not corrected for the number of tests."""
    rows = table("Robustness: F1 on perturbed articles, and the change", "", *_SCORES)
    for name, scores in found.items():
        cells = (f"{number(s.b)} ({s.difference:+.3f}{'*' if s.p < 0.05 else ''})" for s in scores.values())
        rows.add_row(name, *cells)
    return rows
