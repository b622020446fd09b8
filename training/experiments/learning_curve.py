"""Learning curves: one recipe fitted to growing parts of the training rows.

More rows reduce the epistemic uncertainty; the noise in them is aleatoric and stays.

References:
    Kendall & Gal (2017), What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, table 3.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from models.checkpoints.checkpoint import Origin, PredictorSpec
from training.data import Dataset, Split
from training.data.splitting import share_of
from training.errors import DataError, RecipeError
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Measurement, Metrics
from training.evaluation.ood_inputs import OodInputs, uniform_noise
from training.loops.progress import Epoch, Run
from training.recipes.kinds.recipe import Recipe
from training.run.card import fit_command
from training.run.fit import Fitted, Trained, publish, state_file, tested, train

Announce = Callable[[str], AbstractContextManager[Callable[[Epoch], None]]]
"""From the name of a run to a context whose value is a callback for its epochs."""


@dataclass(frozen=True)
class Columns:
    """Names of the metrics that are compared: that of the error, and stems of ``test_{stem}_{unit}``.

    Attributes:
        error: Name of the metric of the error.
        aleatoric: Stem of the aleatoric uncertainty.
        epistemic: Stem of the epistemic uncertainty.
        unit: Unit of both uncertainties.
    """

    error: str
    aleatoric: str
    epistemic: str
    unit: str


COLUMNS = {
    "regression": Columns("test_rmse_target_units", "aleatoric_variance", "epistemic_variance", "target_units_squared"),
    "classification": Columns("test_error", "expected_entropy", "information", "nats"),
}
"""Columns by task; other tasks have no such metrics."""


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve: a model that was fitted to a part of the training rows.

    Attributes:
        proportion: Proportion of the training rows.
        rows: Number of rows.
        trained: The fitted model.
        measured: Its metrics on the test split and on inputs out of distribution.
        columns: Names of the metrics that are shown.
    """

    proportion: float
    rows: int
    trained: Trained
    measured: Measurement
    columns: Columns

    def mean(self, stem: str) -> float:
        """Return the mean of an uncertainty over the test split."""
        return self.measured.metrics[f"test_{stem}_{self.columns.unit}"]

    def cells(self) -> list[str]:
        """Return a cell for each of :func:`headings`."""
        metrics, columns = self.measured.metrics, self.columns
        numbers = metrics[columns.error], self.mean(columns.aleatoric), self.mean(columns.epistemic)
        beyond = metrics.get(f"ood_{columns.epistemic}_ratio", math.nan)
        return [f"{self.proportion:.4g}", str(self.rows), *(f"{n:.4g}" for n in numbers), f"{beyond:.3g} x"]


def headings(columns: Columns) -> list[str]:
    """Return the headings of a table with a line for each point."""
    measured = (name.replace("_", " ") for name in (columns.error, columns.aleatoric, columns.epistemic))
    return ["proportion", "rows", *measured, "the same out of distribution"]


def fit_learning_curve(
    recipe: Recipe,
    dataset: Dataset,
    ood: OodInputs,
    proportions: Sequence[float],
    store: Path,
    seed: int,
    announce: Announce,
) -> tuple[list[CurvePoint], Fitted]:
    """Fit a model to every part of the rows, and save that of all rows, the same that ``fit`` makes, with the ratios.

    All models take as many steps and are standardised alike: they differ by their training rows alone.

    Args:
        recipe: Recipe of a regression or a classification.
        dataset: All data.
        ood: Inputs out of distribution.
        proportions: Proportions of the training rows in ascending order; the last is 1.
        store: Folder of all checkpoints.
        seed: Seed of all runs.
        announce: Shows the progress of a run.

    Raises:
        CredenceError: if the data do not fit or a run diverges.
        OSError: if the store cannot be written.
    """
    started, columns = time.perf_counter(), columns_for(recipe, dataset)
    state_file(recipe, dataset, store, seed).check_writable()
    points = [_fit_point(recipe, dataset, ood, proportion, seed, announce, columns) for proportion in proportions]
    whole = points[-1]
    measured = replace(whole.measured, metrics=whole.measured.metrics | ratios(points))
    command = fit_command(recipe, measured.arguments, seed, command="learning-curve")
    origin = Origin(command, whole.trained.machine, tested(dataset), measured.samples, recipe.source)
    folder, figures = publish(recipe, dataset, store, seed, whole.trained, measured, origin, _card(points, ood))
    return points, Fitted(folder, figures, time.perf_counter() - started)


def ratios(points: Sequence[CurvePoint]) -> Metrics:
    """Return the uncertainties of the models of fewer rows over those of the model of all rows, the last."""
    whole = points[-1]
    return {
        f"{stem}_{100 * point.proportion:.4g}_percent_over_all": point.mean(stem) / whole.mean(stem)
        for point in points[:-1]
        for stem in (whole.columns.epistemic, whole.columns.aleatoric)
        if whole.mean(stem) > 0
    }


def part_of(dataset: Dataset, proportion: float, seed: int) -> Dataset:
    """Return the data with a part of the training rows; with the same seed a larger part contains a smaller one."""
    chosen = share_of(dataset.train, proportion, seed)
    return replace(dataset, train=Split(*(tensor[chosen] for tensor in dataset.train)))


def columns_for(recipe: Recipe, dataset: Dataset) -> Columns:
    """Return the names of the metrics that a recipe's learning curve shows.

    Raises:
        RecipeError: if its models have no such metrics.
    """
    spec = recipe.spec(dataset)
    task = spec.outputs.task if isinstance(spec, PredictorSpec) else "generator"
    if task not in COLUMNS:
        raise RecipeError(f"{recipe.model} makes a {task}; a learning curve needs a {' or a '.join(COLUMNS)}")
    return COLUMNS[task]


def default_ood(dataset: Dataset) -> OodInputs:
    """Return the default inputs out of distribution: those that come with generated data, or uniform noise for images.

    Raises:
        DataError: if there are none.
    """
    if dataset.outside is not None:
        return OodInputs(f"outside of {dataset.name}", dataset.outside)
    noise = uniform_noise(dataset.inputs, len(dataset.test.inputs))
    if noise is None:
        raise DataError(f"name data that are out of distribution for {dataset.name!r} with --ood: a file or folder")
    return noise


def parse_proportions(text: str) -> list[float]:
    """Parse a list such as ``0.25,0.5,1`` into proportions in ascending order.

    Raises:
        DataError: if it is no list of numbers above 0 of which the largest is 1.
    """
    try:
        proportions = sorted({float(part) for part in text.split(",")})
    except ValueError:
        proportions = []
    if not proportions or not 0 < proportions[0] < proportions[-1] == 1:
        raise DataError(f"--proportions {text} is not a list of numbers above 0, such as 0.25,0.5,1; the largest is 1")
    return proportions


def _fit_point(
    recipe: Recipe,
    dataset: Dataset,
    ood: OodInputs,
    proportion: float,
    seed: int,
    announce: Announce,
    columns: Columns,
) -> CurvePoint:
    part, slower = part_of(dataset, proportion, seed), recipe.with_epochs(round(recipe.settings.epochs / proportion))
    with announce(f"{recipe.name} {proportion:.4g}") as report:
        trained = train(slower, part, Run(seed, report=report))
    calibration, whole = trained.calibration, proportion == 1
    measured = measure(trained.model, part, recipe.metrics, ood=ood, calibration=calibration, plots=whole)
    return CurvePoint(proportion, len(part.train.inputs), trained, measured, columns)


def _card(points: Sequence[CurvePoint], ood: OodInputs) -> str:
    """Return a section with the table, in markdown."""
    rows = [headings(points[-1].columns), ["---"] * 6, *(point.cells() for point in points)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""
## Learning curve

Fitted to parts of the training rows by `python -m training learning-curve`; out of distribution: {ood.name}.

{table}
"""
