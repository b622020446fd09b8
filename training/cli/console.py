"""What the user sees: bars on a terminal, a few plain lines elsewhere, tables at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from training.evaluation.measurement import Metrics
from training.experiments.benchmark import Benchmarked
from training.experiments.learning_curve import Share, headings
from training.loops.progress import Epoch, readable
from training.recipes.kinds.recipe import Recipe
from training.run.fit import Fitted

_PLAIN_LINES = 5
"""Of a run, where there is no terminal to draw a bar on."""

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
"""The figures that a summary shows, where a model has them."""


@contextmanager
def epochs_shown(console: Console, name: str) -> Iterator[Callable[[Epoch], None]]:
    """A callback for a loop that shows every finished epoch."""
    if not console.is_terminal:
        yield lambda epoch: _print_epoch(console, name, epoch)
        return
    columns = TextColumn("{task.description:34}"), BarColumn(), TextColumn("{task.fields[news]}"), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, news="starting", total=None)

        def show(epoch: Epoch) -> None:
            progress.update(task, total=epoch.of, completed=epoch.number, news=news(epoch))
            if epoch.warning:
                progress.console.print(f"{name}: {epoch.warning}", markup=False)

        yield show


def news(epoch: Epoch) -> str:
    """The epoch, its losses and its metric, on one line."""
    measured = {**epoch.losses, **dict([epoch.metric] if epoch.metric else [])}
    shown = (f"{readable(name)} {value:.3f}" for name, value in measured.items())
    return f"epoch {epoch.number}/{epoch.of}  " + "  ".join(shown)


def recipe_table(recipes: Iterator[Recipe]) -> Table:
    """What can be fitted."""
    table = Table("recipe", "what it is", "bundled")
    table.columns[0].no_wrap = True
    for recipe in recipes:
        table.add_row(recipe.name, recipe.description, "yes" if recipe.bundled else "")
    return table


def figure_table(title: str, figures: Metrics) -> Table:
    """All figures of one model."""
    table = Table("figure", "value", title=title)
    for name, value in figures.items():
        table.add_row(name, f"{value:.4g}")
    return table


def share_table(title: str, shares: Sequence[Share]) -> Table:
    """What was said with fewer training rows and with more."""
    table = Table(*headings(shares[-1].columns), title=title)
    for share in shares:
        table.add_row(*share.cells())
    return table


def code_table(title: str, measured: Mapping[str, Metrics]) -> Table:
    """What each code moves: its rank correlations with some measures of the images, where it has them."""
    measures = list(dict.fromkeys(name for figures in measured.values() for name in figures))
    table = Table("code", *(f"Spearman with {measure}" for measure in measures), title=title)
    for code, figures in measured.items():
        table.add_row(code, *(f"{value:+.2f}" for value in figures.values()))
    return table


def summary_table(fitted: dict[str, Fitted]) -> Table:
    """The main figures of some new models."""
    table = Table("model", "version", "seconds", "figures")
    table.columns[0].no_wrap = True
    for name, one in fitted.items():
        shown = (f"{figure} {one.figures[figure]:.4g}" for figure in _HEADLINES if figure in one.figures)
        table.add_row(name, one.folder.name, f"{one.seconds:.0f}", "\n".join(shown))
    return table


def benchmark_table(title: str, found: Benchmarked) -> Table:
    """What every split chose and came to, and the means with their standard errors."""
    table = Table("split", "dropout", "noise", "RMSE", "log-likelihood", title=title)
    for number, result in enumerate(found.results):
        measured = (result.choice.deviation, result.rmse, result.log_likelihood)
        table.add_row(str(number), f"{result.choice.dropout:g}", *(f"{value:.3f}" for value in measured))
    table.add_section()
    rmse, likelihood = (
        f"{found.figures[f'{name}_{unit}']:.3f} ± {found.figures.get(f'{name}_standard_error', math.nan):.3f}"
        for name, unit in (("uci_rmse", "target_units"), ("uci_log_likelihood", "nats"))
    )
    table.add_row("all", "", "", rmse, likelihood)
    return table


def _print_epoch(console: Console, name: str, epoch: Epoch) -> None:
    before, now = (number * _PLAIN_LINES // epoch.of for number in (epoch.number - 1, epoch.number))
    if epoch.warning or before != now:
        console.print(f"{name}  {news(epoch)}  {epoch.warning}".rstrip(), markup=False, highlight=False, soft_wrap=True)
