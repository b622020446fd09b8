"""The command that compares all posteriors on the user's data."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.checkpoints.checkpoint import PredictorSpec
from models.networks import NETWORKS
from training.cli.app import INTERRUPTED, command, fail
from training.cli.arguments import command_line
from training.cli.console import findings_table, print_choices, show_epochs
from training.cli.options import STORE, DataOptions, Ood, RecipeOptions, Seed, Store
from training.data import Dataset
from training.data.problems import TableError
from training.data.summary import summarise
from training.errors import DataError
from training.evaluation.ood_inputs import OodInputs, load_ood, shuffle_columns
from training.experiments.comparison.compare import compare
from training.experiments.comparison.members import Members, choose_members
from training.experiments.comparison.plot import FILE
from training.experiments.comparison.reading import explain
from training.experiments.comparison.table import as_table, describe_ood
from training.experiments.learning_curve import default_ood
from training.recipes.kinds.recipe import Recipe
from training.run.threads import threads_for
from training.seeds import seeds_from


@command("compare")
def compare_posteriors(
    source: DataOptions,
    changes: RecipeOptions,
    network: Annotated[
        str | None, typer.Option(help=f"Network of all models: {', '.join(NETWORKS)}; by default one that suits.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of training runs of each model, of as many seeds.")] = 3,
    ood: Ood = None,
    store: Store = STORE,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted comparison.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say what is in the data and what would be done, without training.")
    ] = False,
) -> None:
    """Fit every posterior to your data with the same budget, and say which to choose.

    Prints error, NLL, calibration and out-of-distribution AUROC with standard errors over test rows and seeds, time of
    an answer and size, and which differences are more than noise. Out of distribution is what --ood names; by default
    the test rows of a table with every column shuffled by itself, or for pictures uniform noise. The model of the
    first seed is saved for each posterior, with the comparison on its card.
    """
    console = Console()
    if source.data_name is None:
        raise DataError("name the data to compare on with --data: a file, a folder, or the name of bundled data")
    try:
        dataset = source.load(source.data_name)
    except TableError as error:
        if check:
            console.print(findings_table(error.findings))
        raise
    members = choose_members(dataset, network, changes.epochs, partial(_changed, changes))
    inputs = _out_of_distribution(ood, members, dataset, source)
    if check:
        return _print_check(console, members, dataset, inputs)
    print_choices(console, (*dataset.notes, *_plan(members, seeds)))
    chosen = seeds_from(seed, seeds)
    try:
        with threads_for(dataset):
            done = compare(
                members, dataset, inputs, store, chosen, command_line(), partial(show_epochs, console), resume=resume
            )
    except KeyboardInterrupt:
        fail("the comparison was interrupted; continue with the same command and --resume", INTERRUPTED)
    headings, lines = as_table(done.comparison)
    table = Table(*headings, title=f"{dataset.name}, {done.comparison.tested}")
    table.columns[0].no_wrap = True
    for line in lines:
        table.add_row(*line)
    console.print(table)
    print_choices(console, ["*: the best by this figure, or not told apart from it", describe_ood(done.comparison)])
    print_choices(console, explain(done.comparison))
    places = list(done.folders.values())
    names = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in places)
    print_choices(console, [f"saved as {names}", f"plot: {places[0] / FILE}, and on the card of each"])
    return None


def _changed(changes: RecipeOptions, recipe: Recipe, label: str) -> Recipe:
    """Return a member's recipe with what the options say; a name is that of all, so the label follows it."""
    own = changes if changes.name is None else replace(changes, name=f"{changes.name}-{label}")
    return own.apply(recipe)


def _out_of_distribution(ood: str | None, members: Members, dataset: Dataset, source: DataOptions) -> OodInputs | None:
    if ood is not None:
        spec = next(iter(members.recipes.values())).spec(dataset)
        assert isinstance(spec, PredictorSpec)  # as it has targets
        return load_ood(ood, spec, source.reading)
    if dataset.outside is None and dataset.inputs.kind in ("table", "sequence"):
        return shuffle_columns(dataset.inputs, dataset.test.inputs)
    return default_ood(dataset)


def _plan(members: Members, seeds: int) -> list[str]:
    """Return what is going to be fitted, and what cannot be."""
    names = ", ".join(recipe.name for recipe in members.recipes.values())
    fitted = f"fitted {seeds} time{'s' * (seeds != 1)} each, with {members.epochs} epochs: {names}"
    return [fitted, *(f"not fitted: {label}, {reason}" for label, reason in members.refused.items())]


def _print_check(console: Console, members: Members, dataset: Dataset, inputs: OodInputs | None) -> None:
    if dataset.findings:
        console.print(findings_table(dataset.findings))
    strange = f"out of distribution: {inputs.name if inputs else 'nothing; --ood names some'}"
    settings = [f"{recipe.name}: {recipe.hyper_parameters}" for recipe in members.recipes.values()]
    refused = [f"not fitted: {label}, {reason}" for label, reason in members.refused.items()]
    print_choices(console, (*summarise(dataset), *dataset.notes, strange, *settings, *refused))
