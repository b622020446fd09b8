"""Commands that train the models of recipes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.checkpoints.checkpoint import Checkpoint, load
from models.checkpoints.selftest import verify
from models.errors import CheckpointError
from training import data, recipes
from training.cli.app import INTERRUPTED, command, fail
from training.cli.console import (
    findings_table,
    metrics_table,
    print_cautions,
    print_check,
    print_choices,
    recipe_table,
    show_epochs,
    summary_table,
)
from training.cli.options import STORE, DataOptions, RecipeName, RecipeOptions, Seed, Store
from training.data import Dataset
from training.data.problems import TableError
from training.evaluation.checkpoints import open_checkpoint, versions
from training.loops.processes import describe_processes, is_first
from training.recipes.kinds.recipe import Recipe
from training.run.fit import Fitted, assist, fit, state_file
from training.run.threads import threads_for


@command("list")
def list_recipes() -> None:
    """List the recipes that can be fitted."""
    Console().print(recipe_table(recipes.RECIPES.values()))


@command("fit", several_processes=True)
def fit_recipe(
    recipe: RecipeName,
    source: DataOptions,
    changes: RecipeOptions,
    store: Store = STORE,
    seed: Seed = 0,
    start: Annotated[
        Path | None, typer.Option(help="Checkpoint whose weights to start from, instead of random ones.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say what is in the data and what would be done, without training.")
    ] = False,
) -> None:
    """Fit one model, to its own data or to yours.

    --data takes a table with a header (CSV, also compressed; Parquet; Feather; with --id and --time its rows are the
    steps of sequences); an NPZ file (x and y, or x_train, y_train and so on, or train_NAME with train_lengths); or a
    folder: of IDX files; of images by class; of images with masks (images and masks, or train and trainannot, also
    with val and test); of images alone, for generators; with train.csv and test.csv; or with data.csv and
    splits.json. --check shows what is found in them.

    'torchrun --standalone --nproc-per-node 2 -m training fit ...' shares the work of a run between two processes.
    """
    console = Console(quiet=not is_first())
    try:
        chosen, dataset = choose_recipe(recipe, source)
    except TableError as error:
        if check:
            console.print(findings_table(error.findings))
        raise
    chosen, opened = changes.apply(chosen), None if start is None else open_checkpoint(start, store)
    if not chosen.settings.epochs:
        chosen = chosen.around(opened, dataset)
    chosen.spec(dataset)  # raises before anything is said
    if check:
        return print_check(console, chosen, dataset)
    print_choices(console, (*dataset.notes, *chosen.choices, *describe_processes(chosen.settings.batch)))
    if not is_first():
        with threads_for(dataset):
            return assist(chosen, dataset, store, seed, resume=resume, start=opened)
    fitted = _Session(console, store, seed).fit(chosen, dataset, resume, opened)
    console.print(metrics_table(str(fitted.folder), fitted.figures))
    print_choices(console, fitted.choices)
    print_cautions(console, fitted.cautions)
    return None


@command("demo")
def fit_bundled(
    store: Store = STORE,
    starter: Annotated[
        bool, typer.Option("--starter", help="Train only the smaller set that 'make chaos' asks.")
    ] = False,
) -> None:
    """Fit every bundled model that the store lacks."""
    console = Console()
    bundled = [recipe for recipe in recipes.RECIPES.values() if (recipe.starter if starter else recipe.bundled)]
    missing = [recipe for recipe in bundled if not _is_loadable(store / recipe.name)]
    session = _Session(console, store, seed=0)
    fitted = {recipe.name: session.fit(recipe, data.load(recipe.data), resume=None) for recipe in missing}
    console.print(summary_table(fitted) if fitted else f"{store} has all of these models")
    print_cautions(console, [f"{name}: {caution}" for name, run in fitted.items() for caution in run.cautions])


def choose_recipe(name: str, source: DataOptions) -> tuple[Recipe, Dataset]:
    """Return the recipe of this name with its own data, or the one that suits the data that the options name."""
    if source.data_name is None:
        own = recipes.expected_data(name)
        return recipes.find(name), source.load(own)
    recipes.check_known(name)
    dataset = source.load(source.data_name)
    return recipes.suited(name, dataset), dataset


@dataclass(frozen=True)
class _Session:
    console: Console
    store: Path
    seed: int

    def fit(self, recipe: Recipe, dataset: Dataset, resume: bool | None, start: Checkpoint | None = None) -> Fitted:
        """Fit with a progress bar; ``resume=None`` continues a run if there is one to continue."""
        state = state_file(recipe, dataset, self.store, self.seed, start)
        resume = state.fits() if resume is None else resume
        try:
            with threads_for(dataset), show_epochs(self.console, recipe.name) as report:
                return fit(recipe, dataset, self.store, self.seed, resume=resume, report=report, start=start)
        except KeyboardInterrupt:
            hint = "continue with the same command and --resume" if state.fits() else "nothing was saved yet"
            fail(f"{recipe.name} interrupted; {hint}", INTERRUPTED)


def _is_loadable(folder: Path) -> bool:
    for version in versions(folder):
        try:
            verify(load(version.resolve()))
        except CheckpointError:
            continue
        return True
    return False
