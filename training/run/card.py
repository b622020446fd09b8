"""The card of a checkpoint: what the model is, how good it is, and the commands that train and measure it again."""

from __future__ import annotations

from pathlib import Path

from models.checkpoints.checkpoint import GeneratorSpec, Manifest, Origin, PredictorSpec
from training.evaluation.glossary import Definition, define
from training.evaluation.measurement import Measurement, Metrics
from training.evaluation.plots import training_curves
from training.evaluation.plots.generation import PLOTS as GENERATOR_PLOTS
from training.evaluation.plots.prediction import PLOTS
from training.loops.processes import count_processes
from training.recipes.kinds.recipe import Recipe
from training.run.breakdown_table import breakdown_section
from training.run.describe import describe


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
    settings = f"--epochs {recipe.settings.epochs}{clipped}{recipe.options}"
    runner = f"torchrun --standalone --nproc-per-node {count_processes()}" if count_processes() > 1 else "python"
    return f"{runner} -m training {command} {recipe.source}{data}{weights} {settings} --seed {seed}"


def card(
    recipe: Recipe,
    spec: PredictorSpec | GeneratorSpec,
    origin: Origin,
    seed: int,
    training_seconds: float,
    measured: Measurement,
    store: Path,
) -> str:
    """Write the card in markdown; plots are linked by the names of their files, which are in the same folder.

    Args:
        recipe: Recipe of the model.
        spec: Specification of the model, which describes one whose recipe was made for other data or was changed.
        origin: Command and machine that trained it.
        seed: Seed of the training run.
        training_seconds: Duration of the training run.
        measured: Metrics of the model.
        store: Folder of all checkpoints, as the user named it.
    """
    place = recipe.name if store.is_absolute() else store / recipe.name  # cards are served to everybody
    source = f" --data {measured.arguments}" if measured.arguments else ""
    remark = f"\n{measured.remark}\n" if measured.remark else ""
    cautions = "".join(f"> **Caution.** {sentence}\n\n" for sentence in measured.cautions)
    description = describe(spec) if recipe.taken_from or recipe.options else recipe.description
    choices = "".join(f"- {choice[:1].upper()}{choice[1:]}\n" for choice in origin.choices)
    choices += "\n" * bool(choices)
    return f"""# {recipe.name}

{description[:1].upper()}{description[1:]}.

{cautions}Trained on the data set `{recipe.data}` with seed {seed} in {training_seconds:.1f} s ({origin.machine}):

    {origin.command}

{choices}{figures_table(measured)}

Measured on `{recipe.data}`, {origin.tested}, with {measured.samples} samples, seed {measured.seed}, in
{measured.seconds:.1f} s. Again:

    python -m training evaluate {place}{source} --samples {measured.samples} --seed {measured.seed}
{remark}{sections(measured)}"""


def sections(measured: Measurement) -> str:
    """Return what follows the figures: the table by class or target, the plots and the glossary."""
    plots = "".join(_linked(name) for name in measured.plots)
    return f"{breakdown_section(measured.breakdown)}{plots}{_glossary(measured)}"


def figures_table(measured: Measurement) -> str:
    """Return the table of all figures, each with what it was measured on and a link to its meaning."""
    lines = [
        f"| {f'[{name}](#{name})' if define(name) else name} | {value:.4g} | {measured.evidence.get(name, '')} |"
        for name, value in measured.metrics.items()
    ]
    return "\n".join(["| figure | value | measured on |", "|---|---|---|", *lines])


def compare_figures(before: Metrics, after: Metrics) -> str:
    """Return the table of some figures before and after a change; a figure that is new has no value before."""
    lines = [f"| {name} | {before.get(name, float('nan')):.4g} | {value:.4g} |\n" for name, value in after.items()]
    return "".join(["| figure | before | after |\n|---|---|---|\n", *lines])


def _glossary(measured: Measurement) -> str:
    """Return the meaning of every figure, under an anchor of its name."""
    entries = [_entry(name, definition) for name in measured.metrics if (definition := define(name))]
    return "".join(["\n## Glossary\n", *entries]) if entries else ""


def _entry(name: str, definition: Definition) -> str:
    better = f" Better: {definition.better}." if definition.better else ""
    return f'\n<a id="{name}"></a>**{name}**: {definition.meaning}.{better}\n'


def _linked(name: str) -> str:
    captions = dict(training_curves.CAPTIONS)
    captions |= {file: plot.caption for file, plot in PLOTS.items()}
    captions |= {file: plot.caption for file, plot in GENERATOR_PLOTS.items()}
    return f"\n![{captions[name]}]({name})\n\n{captions[name]}\n"
