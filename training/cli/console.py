"""Output for the user: progress bars on a terminal, a few plain lines elsewhere, tables at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from training.data import Dataset
from training.data.dataset import Finding
from training.data.findings import HEADINGS, as_rows
from training.data.summary import summarise
from training.evaluation.groups import GroupMetrics
from training.evaluation.measurement import Metrics
from training.experiments.active_learning import Curve, as_table
from training.experiments.benchmark import BenchmarkOutcome
from training.experiments.learning_curve import CurvePoint, headings
from training.loops.progress import Epoch, readable
from training.recipes.kinds.recipe import Recipe
from training.run.describe import describe
from training.run.fit import Fitted

_GROUPS_TOGETHER = 4
"""Columns of groups in one table."""
_PLAIN_LINES = 5
"""Number of lines for a run where there is no terminal to draw a bar on."""

_HEADLINES = (
    "test_accuracy",
    "test_rmse_target_units",
    "test_log_likelihood_nats",
    "test_negative_elbo_grey_nats",
    "test_negative_elbo_binarised_nats",
    "test_nll_importance_binarised_nats",
    "samples_one_to_one_agreement",
    "test_one_to_one_agreement",
    "noise_auroc",
    "frechet_lenet_ratio",
    "classes_present",
)
"""Metrics that a summary shows, where a model has them."""


@contextmanager
def show_epochs(console: Console, name: str) -> Iterator[Callable[[Epoch], None]]:
    """Yield a callback for a training loop that shows every finished epoch.

    Args:
        console: Console to write to.
        name: Name of the run.
    """
    if not console.is_terminal:
        yield lambda epoch: _print_epoch(console, name, epoch)
        return
    columns = (
        TextColumn("{task.description:34}"),
        BarColumn(),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, status="starting", total=None)

        def show(epoch: Epoch) -> None:
            progress.update(task, total=epoch.of, completed=epoch.number, status=describe_epoch(epoch))
            if epoch.warning:
                progress.console.print(f"{name}: {epoch.warning}", markup=False)

        yield show


def describe_epoch(epoch: Epoch) -> str:
    """Return the epoch, its losses and its metric on one line."""
    measured = {**epoch.losses, **dict([epoch.metric] if epoch.metric else [])}
    shown = (f"{readable(name)} {value:.3f}" for name, value in measured.items())
    return f"epoch {epoch.number}/{epoch.of}  " + "  ".join(shown)


def recipe_table(recipes: Iterable[Recipe]) -> Table:
    """Return a table of recipes."""
    table = Table("recipe", "description", "bundled")
    table.columns[0].no_wrap = True
    for recipe in recipes:
        table.add_row(recipe.name, recipe.description, "yes" if recipe.bundled else "")
    return table


def metrics_table(title: str, metrics: Metrics, evidence: Mapping[str, str] = {}) -> Table:
    """Return a table of all metrics of one model.

    Args:
        title: Title of the table.
        metrics: Metrics by name.
        evidence: Rows or images behind each metric, in words, by the metric's name; empty if they are not shown.
    """
    table = Table("metric", "value", *(["measured on"] if evidence else []), title=title)
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4g}", *([evidence.get(name, "")] if evidence else []))
    return table


def print_groups(console: Console, column: str, whole: Metrics, groups: Sequence[GroupMetrics]) -> None:
    """Print a table with a line for each figure and a column for each group, a few groups at a time."""
    for start in range(0, len(groups), _GROUPS_TOGETHER):
        shown = groups[start : start + _GROUPS_TOGETHER]
        table = Table("metric", "all rows", *(escape(group.name) for group in shown), title=f"by {escape(column)}")
        table.add_row("rows", str(sum(group.rows for group in groups)), *(str(group.rows) for group in shown))
        for name in dict.fromkeys(name for group in shown for name in group.metrics):
            values = (whole.get(name), *(group.metrics.get(name) for group in shown))
            table.add_row(name, *("" if value is None else f"{value:.4g}" for value in values))
        console.print(table)


def print_cautions(console: Console, cautions: Iterable[str]) -> None:
    """Print a line for every metric that is bad, or that rests on few rows."""
    for caution in cautions:
        console.print(f"caution: {caution}", markup=False, highlight=False, soft_wrap=True)


def print_choices(console: Console, choices: Iterable[str]) -> None:
    """Print a line for everything that was decided for the user."""
    for choice in choices:
        console.print(choice, markup=False, highlight=False, soft_wrap=True)


def print_check(console: Console, recipe: Recipe, dataset: Dataset) -> None:
    """Print what is in a data set, and what a recipe would do with it.

    Raises:
        RecipeError: if the recipe does not go with the data.
    """
    if dataset.findings:
        console.print(findings_table(dataset.findings))
    spec = recipe.spec(dataset)
    would_be = f"{recipe.name} would be: {describe(spec)}"
    print_choices(console, (*summarise(dataset), *dataset.notes, would_be, *recipe.choices))


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return a table with a line for each column of the user's table."""
    table = Table(*HEADINGS)
    for line in as_rows(findings):
        table.add_row(*map(escape, line))
    return table


def learning_curve_table(title: str, points: Sequence[CurvePoint]) -> Table:
    """Return a table with a line for each part of the training rows."""
    table = Table(*headings(points[-1].columns), title=title)
    for point in points:
        table.add_row(*point.cells())
    return table


def active_learning_table(title: str, curves: Sequence[Curve]) -> Table:
    """Return a table of the error of each method at every number of labels."""
    headings, lines = as_table(curves)
    table = Table(*headings, title=title)
    for line in lines:
        table.add_row(*line)
    return table


def code_table(title: str, measured: Mapping[str, Metrics]) -> Table:
    """Return a table of the codes with their rank correlations with measures of the images, where they have them."""
    measures = list(dict.fromkeys(name for figures in measured.values() for name in figures))
    table = Table("code", *(f"Spearman with {measure}" for measure in measures), title=title)
    for code, figures in measured.items():
        table.add_row(code, *(f"{value:+.2f}" for value in figures.values()))
    return table


def summary_table(fitted: dict[str, Fitted]) -> Table:
    """Return a table of the main metrics of new models."""
    table = Table("model", "version", "seconds", "metrics")
    table.columns[0].no_wrap = True
    for name, run in fitted.items():
        shown = (f"{metric} {run.figures[metric]:.4g}" for metric in _HEADLINES if metric in run.figures)
        table.add_row(name, run.folder.name, f"{run.seconds:.0f}", "\n".join(shown))
    return table


def benchmark_table(title: str, outcome: BenchmarkOutcome) -> Table:
    """Return a table of what every split selected and reached, with means and standard errors."""
    table = Table("split", "dropout", "noise", "RMSE", "log-likelihood", title=title)
    for number, result in enumerate(outcome.results):
        measured = (result.selection.deviation, result.rmse, result.log_likelihood)
        table.add_row(str(number), f"{result.selection.dropout:g}", *(f"{value:.3f}" for value in measured))
    table.add_section()
    rmse, likelihood = (
        f"{outcome.metrics[f'{name}_{unit}']:.3f} ± {outcome.metrics.get(f'{name}_standard_error', math.nan):.3f}"
        for name, unit in (("uci_rmse", "target_units"), ("uci_log_likelihood", "nats"))
    )
    table.add_row("all", "", "", rmse, likelihood)
    return table


def _print_epoch(console: Console, name: str, epoch: Epoch) -> None:
    before, now = (number * _PLAIN_LINES // epoch.of for number in (epoch.number - 1, epoch.number))
    if epoch.warning or before != now:
        console.print(
            f"{name}  {describe_epoch(epoch)}  {epoch.warning}".rstrip(), markup=False, highlight=False, soft_wrap=True
        )
