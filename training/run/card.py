"""A checkpoint's card: what the model is, how good it is, and the command that says so again."""

from __future__ import annotations

from pathlib import Path

from models.checkpoints.checkpoint import Manifest, Origin
from training.evaluation.measurement import Measurement
from training.evaluation.plots import training_curves
from training.evaluation.plots.generation import PLOTS as OF_GENERATORS
from training.evaluation.plots.prediction import PLOTS
from training.recipes.kinds.recipe import Recipe


def fit_command(recipe: Recipe, arguments: str, seed: int, start: Manifest | None = None, command: str = "fit") -> str:
    """What trains the same model again.

    Args:
        arguments: Of the data, as :attr:`Measurement.arguments`.
        seed: Of the training run.
        start: Of the checkpoint whose weights it began with.
        command: Of the command line.
    """
    source = arguments or (recipe.data if recipe.taken_from else "")
    data = f" --data {source}" if source else ""
    began = f" --start {start.name}/{start.version}" if start else ""
    clipped = "" if recipe.settings.clip_norm is None else f" --clip-norm {recipe.settings.clip_norm:g}"
    settings = f"--epochs {recipe.settings.epochs}{clipped}"
    return f"python -m training {command} {recipe.source}{data}{began} {settings} --seed {seed}"


def card(recipe: Recipe, origin: Origin, seed: int, training_seconds: float, measured: Measurement, store: Path) -> str:
    """In markdown; pictures are linked by the names of their files, which lie beside it.

    Args:
        seed: Of the training run.
        store: Where the checkpoint is going to be, as the user named it.
    """
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in measured.metrics.items())
    place = recipe.name if store.is_absolute() else store / recipe.name  # cards are served to everybody
    given = f" --data {measured.arguments}" if measured.arguments else ""
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

    python -m training evaluate {place}{given} --samples {measured.samples} --seed {measured.seed}
{remark}{"".join(_linked(name) for name in measured.plots)}"""


def _linked(name: str) -> str:
    captions = dict(training_curves.CAPTIONS)
    captions |= {file: picture.caption for file, picture in PLOTS.items()}
    captions |= {file: picture.caption for file, picture in OF_GENERATORS.items()}
    return f"\n![{captions[name]}]({name})\n\n{captions[name]}\n"
