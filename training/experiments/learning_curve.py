"""More data, less doubt: one recipe on growing shares of the training rows.

What the rows are too few to tell is epistemic and shrinks with every row; the noise in them is aleatoric and stays.

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
"""From the name of a run to what its epochs are reported to."""


@dataclass(frozen=True)
class Columns:
    """The figures that shares are compared by: the error, and what is left of ``test_aleatoric_unit`` and so on."""

    error: str
    aleatoric: str
    epistemic: str
    unit: str


COLUMNS = {
    "regression": Columns("test_rmse_target_units", "aleatoric_variance", "epistemic_variance", "target_units_squared"),
    "classification": Columns("test_error", "expected_entropy", "information", "nats"),
}
"""By task; others have no such figures."""


@dataclass(frozen=True)
class Share:
    """A model that knows a part of the training rows.

    Attributes:
        proportion: Of the training rows.
        rows: Number of them.
        trained: On them.
        measured: On the test split and on inputs out of distribution.
        columns: Which figures tell it.
    """

    proportion: float
    rows: int
    trained: Trained
    measured: Measurement
    columns: Columns

    def mean(self, kind: str) -> float:
        """Over the test split, of an uncertainty."""
        return self.measured.metrics[f"test_{kind}_{self.columns.unit}"]

    def cells(self) -> list[str]:
        """One for each of :func:`headings`."""
        figures, columns = self.measured.metrics, self.columns
        numbers = figures[columns.error], self.mean(columns.aleatoric), self.mean(columns.epistemic)
        beyond = figures.get(f"ood_{columns.epistemic}_ratio", math.nan)
        return [f"{self.proportion:.4g}", str(self.rows), *(f"{n:.4g}" for n in numbers), f"{beyond:.3g} x"]


def headings(columns: Columns) -> list[str]:
    """Of a table with a line for each share."""
    measured = (name.replace("_", " ") for name in (columns.error, columns.aleatoric, columns.epistemic))
    return ["share", "rows", *measured, "the same out of distribution"]


def fit_shares(
    recipe: Recipe,
    dataset: Dataset,
    strange: OodInputs,
    proportions: Sequence[float],
    store: Path,
    seed: int,
    announce: Announce,
) -> tuple[list[Share], Fitted]:
    """Train on every share, and save the model of all rows, the very one that ``fit`` makes, with the ratios.

    All take as many steps and are standardised alike: they differ by their training rows alone.

    Args:
        strange: Inputs out of distribution.
        proportions: As :func:`parsed_shares` gives them.

    Raises:
        CredenceError: if the data do not fit or a run diverges.
        OSError: if the store cannot be written.
    """
    started, columns = time.perf_counter(), columns_for(recipe, dataset)
    state_file(recipe, dataset, store, seed).check_writable()
    shares = [_share(recipe, dataset, strange, proportion, seed, announce, columns) for proportion in proportions]
    whole = shares[-1]
    measured = replace(whole.measured, metrics=whole.measured.metrics | ratios(shares))
    command = fit_command(recipe, measured.arguments, seed, command="shares")
    origin = Origin(command, whole.trained.machine, tested(dataset), measured.samples, recipe.source)
    folder, figures = publish(recipe, dataset, store, seed, whole.trained, measured, origin, _card(shares, strange))
    return shares, Fitted(folder, figures, time.perf_counter() - started)


def ratios(shares: Sequence[Share]) -> Metrics:
    """How many times the uncertainty of the model of all rows, the last, those of fewer rows have."""
    whole = shares[-1]
    return {
        f"{kind}_{100 * share.proportion:.4g}_percent_over_all": share.mean(kind) / whole.mean(kind)
        for share in shares[:-1]
        for kind in (whole.columns.epistemic, whole.columns.aleatoric)
        if whole.mean(kind) > 0
    }


def part_of(dataset: Dataset, proportion: float, seed: int) -> Dataset:
    """The same with a share of the training rows; with the same seed a larger share has all rows of a smaller one."""
    chosen = share_of(dataset.train, proportion, seed)
    return replace(dataset, train=Split(*(tensor[chosen] for tensor in dataset.train)))


def columns_for(recipe: Recipe, dataset: Dataset) -> Columns:
    """Which figures tell the shares of this recipe.

    Raises:
        RecipeError: if its models have none.
    """
    spec = recipe.spec(dataset)
    task = spec.outputs.task if isinstance(spec, PredictorSpec) else "generator"
    if task not in COLUMNS:
        raise RecipeError(f"{recipe.model} makes a {task}; shares are of a {' or a '.join(COLUMNS)}")
    return COLUMNS[task]


def default_ood(dataset: Dataset) -> OodInputs:
    """What is out of distribution if nobody says: what generated data have for it, or for images uniform noise.

    Raises:
        DataError: if there is neither.
    """
    if dataset.outside is not None:
        return OodInputs(f"outside of {dataset.name}", dataset.outside)
    noise = uniform_noise(dataset.inputs, len(dataset.test.inputs))
    if noise is None:
        raise DataError(f"name data that are out of distribution for {dataset.name!r} with --ood: a file or folder")
    return noise


def parsed_shares(text: str) -> list[float]:
    """Proportions from small to 1, from a list with commas.

    Raises:
        DataError: if it is none.
    """
    try:
        proportions = sorted({float(part) for part in text.split(",")})
    except ValueError:
        proportions = []
    if not proportions or not 0 < proportions[0] < proportions[-1] == 1:
        raise DataError(f"--shares {text} is not a list of numbers above 0, such as 0.25,0.5,1; the largest is 1")
    return proportions


def _share(
    recipe: Recipe,
    dataset: Dataset,
    strange: OodInputs,
    proportion: float,
    seed: int,
    announce: Announce,
    columns: Columns,
) -> Share:
    part, slower = part_of(dataset, proportion, seed), recipe.with_epochs(round(recipe.settings.epochs / proportion))
    with announce(f"{recipe.name} {proportion:.4g}") as report:
        trained = train(slower, part, Run(seed, report=report))
    calibration, whole = trained.calibration, proportion == 1
    measured = measure(trained.model, part, recipe.metrics, ood=strange, calibration=calibration, plots=whole)
    return Share(proportion, len(part.train.inputs), trained, measured, columns)


def _card(shares: Sequence[Share], strange: OodInputs) -> str:
    """A section with the table, in markdown."""
    rows = [headings(shares[-1].columns), ["---"] * 6, *(share.cells() for share in shares)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""
## Shares of the training rows

Trained on shares of the rows by `python -m training shares`; out of distribution: {strange.name}.

{table}
"""
