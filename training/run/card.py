"""The card of a checkpoint: what the model is, how good it is, and the commands that train and measure it again."""

from __future__ import annotations

from pathlib import Path

from models.checkpoints.checkpoint import Manifest, Origin
from training.evaluation.measurement import Measurement
from training.evaluation.plots import training_curves
from training.evaluation.plots.generation import PLOTS as GENERATOR_PLOTS
from training.evaluation.plots.prediction import PLOTS
from training.recipes.kinds.recipe import Recipe


def fit_command(recipe: Recipe, arguments: str, seed: int, start: Manifest | None = None, command: str = "fit") -> str:
    """Return the command that trains the same model again.

    Args:
        recipe: Recipe of the model.
        arguments: Command-line arguments of the data, as in :attr:`Measurement.arguments`.
        seed: Seed of the training run.
        start: Manifest of the checkpoint whose weights it started from.
        command: Name of the command.
    """
    source = arguments or (recipe.data if recipe.taken_from else "")
    data = f" --data {source}" if source else ""
    weights = f" --start {start.name}/{start.version}" if start else ""
    clipped = "" if recipe.settings.clip_norm is None else f" --clip-norm {recipe.settings.clip_norm:g}"
    settings = f"--epochs {recipe.settings.epochs}{clipped}"
    return f"python -m training {command} {recipe.source}{data}{weights} {settings} --seed {seed}"


def card(recipe: Recipe, origin: Origin, seed: int, training_seconds: float, measured: Measurement, store: Path) -> str:
    """Write the card in markdown; plots are linked by the names of their files, which are in the same folder.

    Args:
        recipe: Recipe of the model.
        origin: Command and machine that trained it.
        seed: Seed of the training run.
        training_seconds: Duration of the training run.
        measured: Metrics of the model.
        store: Folder of all checkpoints, as the user named it.
    """
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in measured.metrics.items())
    place = recipe.name if store.is_absolute() else store / recipe.name  # cards are served to everybody
    source = f" --data {measured.arguments}" if measured.arguments else ""
    remark = f"\n{measured.remark}\n" if measured.remark else ""
    return f"""# {recipe.name}

{recipe.description[:1].upper()}{recipe.description[1:]}.

Trained on the data set `{recipe.data}` with seed {seed} in {training_seconds:.1f} s ({origin.machine}):

    {origin.command}

| figure | value |
|---|---|
{rows}

Measured on the test split of `{recipe.data}` with {measured.samples} samples, seed {measured.seed}, in
{measured.seconds:.1f} s. Again:

    python -m training evaluate {place}{source} --samples {measured.samples} --seed {measured.seed}
{remark}{"".join(_linked(name) for name in measured.plots)}"""


def _linked(name: str) -> str:
    captions = dict(training_curves.CAPTIONS)
    captions |= {file: plot.caption for file, plot in PLOTS.items()}
    captions |= {file: plot.caption for file, plot in GENERATOR_PLOTS.items()}
    return f"\n![{captions[name]}]({name})\n\n{captions[name]}\n"
