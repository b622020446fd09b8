"""The command line: ``python -m training``."""

from __future__ import annotations

import os

# Before torch loads OpenMP: its threads shall sleep, not spin, while they wait for each other. On shared cores spinning
# made one LeNet pass 70 ms in place of 1.2.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from models.checkpoint import load
from models.errors import CheckpointError, CredenceError
from models.noise import SEED_LIMIT
from models.selftest import verify
from training import data, recipes
from training.console import epochs_shown, figure_table, recipe_table, summary_table
from training.evaluate import SAMPLES, SEED, check_fits, measure, open_checkpoint, versions
from training.fit import Fitted, fit, state_file
from training.recipe import Recipe
from training.threads import threads_for

app = typer.Typer(
    help="Train models into checkpoints that the service loads.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

USER_ERROR = 2
INTERRUPTED = 130

Store = Annotated[Path, typer.Option("--out", envvar="CREDENCE_STORE", help="Folder of all checkpoints.")]
Seed = Annotated[int, typer.Option(min=0, max=SEED_LIMIT - 1)]
Data = Annotated[
    str | None, typer.Option("--data", help=f"Instead of its own: {', '.join([*data.BUNDLED, *data.FROM_FILES])}.")
]
DataDir = Annotated[Path | None, typer.Option(help="Where mnist's four IDX files are; else they are downloaded.")]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What the user can mend ends in one line and exit code 2, without a traceback."""
    try:
        yield
    except CredenceError as error:
        _fail(str(error), USER_ERROR)
    except OSError as error:
        _fail(f"{error.filename or 'the disk'}: {error.strerror or error}", USER_ERROR)


@app.command("list")
def list_recipes() -> None:
    """Show what can be fitted."""
    Console().print(recipe_table(iter(recipes.RECIPES.values())))


@app.command("fit")
@_one_line_errors()
def fit_one(
    recipe: Annotated[str, typer.Argument(help="A name from 'list'.")],
    data_name: Data = None,
    data_dir: DataDir = None,
    out: Store = Path("store"),
    seed: Seed = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's number.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Train one model."""
    chosen = recipes.find(recipe, data_name)
    chosen = chosen.with_epochs(epochs) if epochs else chosen
    console = Console()
    fitted = _Session(console, out, seed).fit(chosen, data_dir, resume)
    console.print(figure_table(str(fitted.folder), fitted.figures))


@app.command()
@_one_line_errors()
def demo(out: Store = Path("store")) -> None:
    """Train every bundled model that the store does not have yet."""
    console = Console()
    missing = [recipe for recipe in recipes.RECIPES.values() if recipe.bundled and not _loadable(out / recipe.name)]
    session = _Session(console, out, seed=0)
    fitted = {recipe.name: session.fit(recipe, None, resume=None) for recipe in missing}
    console.print(summary_table(fitted) if fitted else f"{out} has all bundled models")


@app.command()
@_one_line_errors()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="Its folder, or a model's name in the store.")],
    samples: Annotated[int, typer.Option(min=0, max=1000, help="Draws; 0 is the posterior's mean.")] = SAMPLES,
    seed: Seed = SEED,
    data_name: Data = None,
    data_dir: DataDir = None,
    out: Store = Path("store"),
) -> None:
    """Measure a checkpoint on the test split."""
    opened = open_checkpoint(checkpoint, out)
    dataset = data.load(data_name or opened.manifest.data, data_dir)
    check_fits(opened, dataset)
    with threads_for(dataset):
        measured = measure(recipes.of_model(opened.manifest.name), opened.model, dataset, samples, seed)
    title = f"{opened.manifest.name} {opened.manifest.version} on {dataset.name}, {samples} samples, seed {seed}"
    Console().print(figure_table(title, measured.figures))


@dataclass(frozen=True)
class _Session:
    console: Console
    store: Path
    seed: int

    def fit(self, recipe: Recipe, data_dir: Path | None, resume: bool | None) -> Fitted:
        """Fit with a bar; ``resume=None`` goes on where there is something to go on with."""
        dataset = data.load(recipe.data, data_dir)
        state = state_file(recipe, dataset, self.store, self.seed)
        resume = state.fits() if resume is None else resume
        try:
            with threads_for(dataset), epochs_shown(self.console, recipe.name) as report:
                return fit(recipe, dataset, self.store, self.seed, resume=resume, report=report)
        except KeyboardInterrupt:
            hint = "go on with the same command and --resume" if state.fits() else "nothing was saved yet"
            _fail(f"{recipe.name} interrupted; {hint}", INTERRUPTED)


def _loadable(folder: Path) -> bool:
    for version in versions(folder):
        try:
            verify(load(version.resolve()))
        except CheckpointError:
            continue
        return True
    return False


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    app(prog_name="python -m training")
