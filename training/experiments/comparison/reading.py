"""A comparison in words: what each figure tells, what it cannot tell, and which model to take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from training.evaluation.metrics.standard_errors import Estimate
from training.experiments.comparison.comparison import Comparison, Standing
from training.experiments.comparison.judging import NLL

_FEW_ROWS = 100


def explain(comparison: Comparison) -> list[str]:
    """Return sentences on the budget, on every figure and on the choice."""
    standings = [_standing(standing, comparison) for standing in comparison.standings]
    return [*_budget(comparison), *standings, *_missing(comparison), recommend(comparison)]


def recommend(comparison: Comparison) -> str:
    """Return a sentence on which model to take.

    It is the one that answers fastest among those with draws that no figure shows to be worse than its best; where
    there is none, the same among those that the NLL, which counts both error and calibration, does not.
    """
    standings = comparison.standings
    level = [label for label in comparison.judged if all(label in standing.level for standing in standings)]
    drawn = [label for label in level if comparison.has_draws(label)]
    if drawn:
        chosen, others = _fastest(drawn, comparison)
        reason = f"no figure shows it to be worse than the best{_no_faster(others)}"
    else:
        by_nll = next(standing for standing in standings if standing.figure.name == NLL)
        candidates = [label for label in by_nll.level if comparison.has_draws(label)]
        chosen, others = _fastest(candidates or list(by_nll.level), comparison)
        reason = f"no model with draws is level with the best in every figure, and {chosen} is by the NLL"
        reason += f", which counts both error and calibration{_no_faster(others)}"
    single = [label for label in level if not comparison.has_draws(label)]
    warning = f"; {_listed(single)} is as good here, but says nothing of what it does not know" if single else ""
    return f"Take {chosen}: {reason}{warning}."


def _fastest(labels: Sequence[str], comparison: Comparison) -> tuple[str, list[str]]:
    """Return the model that answers fastest, and the others."""
    chosen = min(labels, key=comparison.milliseconds)
    return chosen, [label for label in labels if label != chosen]


def _no_faster(others: Sequence[str]) -> str:
    return f"; the same is true of {_listed(others)}, which took no less time to answer" if others else ""


def _budget(comparison: Comparison) -> Iterator[str]:
    seeds = len(comparison.seeds)
    yield (
        f"Every model was given {comparison.epochs} passes over the training rows, {seeds} time{'s' * (seeds != 1)}"
        f" (seed {', '.join(map(str, comparison.seeds))}), and kept its best epoch where its recipe says so; an"
        " ensemble trains all of its members along these. An answer is that of one row, timed by torch alone, with as"
        " many of 50 draws as the model has; MB is the size of the weights."
    )
    runs = (
        "other test rows and other seeds would change it"
        if seeds > 1
        else "other test rows would change it; what another seed would is not known from one (--seeds 3)"
    )
    yield (
        f"A ± is one standard error: as much as {runs}. A difference counts where chance makes one as large in fewer"
        " than 1 of 100 cases (a t test of paired rows and seeds)."
    )
    if comparison.rows < _FEW_ROWS:
        yield f"{comparison.rows} test rows show large differences only."


def _standing(standing: Standing, comparison: Comparison) -> str:
    figure = standing.figure
    best = f"{figure.name}: {standing.best} has the best, {show(comparison.estimate(standing.best, figure))}"
    if not standing.worse:
        return f"{best}, but no difference between the models is more than noise."
    worse = ", ".join(f"{label} (by {show(by)})" for label, by in standing.worse.items())
    tied = f"; not told apart from it: {_listed(standing.tied)}" if standing.tied else ""
    return f"{best}{tied}; clearly worse: {worse}."


def _missing(comparison: Comparison) -> Iterator[str]:
    for label, reason in comparison.refused.items():
        yield f"Not compared: {label}, {reason}"


def show(estimate: Estimate) -> str:
    """Return a value with its standard error, to two digits of the error.

    >>> show(Estimate(0.12345, 0.0123, 9))
    '0.123 ± 0.012'
    """
    if not estimate.error > 0:
        return f"{estimate.value:.4g} ± ?"  # one row, or rows that are all alike, show no error
    digits = max(0, 1 - _exponent(estimate.error))
    return f"{estimate.value:.{digits}f} ± {estimate.error:.{digits}f}"


def _exponent(value: float) -> int:
    return int(f"{value:.1e}".partition("e")[2])


def _listed(labels: Sequence[str]) -> str:
    return " and ".join([", ".join(labels[:-1]), labels[-1]]) if len(labels) > 1 else labels[0]
