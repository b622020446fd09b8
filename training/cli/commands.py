"""The command line: ``python -m training``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from models.checkpoints.checkpoint import Checkpoint, load
from models.checkpoints.selftest import verify
from models.errors import CheckpointError, CredenceError
from models.noise import SEED_LIMIT
from training import data, recipes
from training.cli.console import (
    benchmark_table,
    code_table,
    epochs_shown,
    figure_table,
    recipe_table,
    share_table,
    summary_table,
)
from training.data import Dataset, Options
from training.data.options import Outcome, parsed_size
from training.errors import DataError
from training.evaluation.checkpoints import check_fits, open_checkpoint, versions
from training.evaluation.evaluate import SEED, measure, write_plots
from training.evaluation.generator import IMAGES
from training.evaluation.inception import load as load_inception
from training.evaluation.ood_inputs import load_ood
from training.experiments import records, results
from training.experiments.benchmark import MOST_STEPS, RECIPE, benchmark
from training.experiments.learning_curve import default_ood, fit_shares, parsed_shares
from training.experiments.name_codes import name_codes, parsed_names, proposal, show_codes
from training.experiments.prune import prune
from training.recipes.kinds.recipe import Recipe
from training.run.fit import Fitted, fit, state_file
from training.run.threads import threads_for

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

_NAMED = ", ".join([*data.BUNDLED, *data.FROM_FILES])
Data = Annotated[str | None, typer.Option("--data", help=f"Instead of its own: {_NAMED}, or a file or folder.")]
DataDir = Annotated[Path | None, typer.Option(help="Where mnist's four IDX files are; else they are downloaded.")]
Target = Annotated[str | None, typer.Option(help="Column of a CSV file to predict.")]
Task = Annotated[Outcome | None, typer.Option(help="What a column of numbers is.")]
Categorical = Annotated[list[str] | None, typer.Option(help="Column whose numbers name categories; repeatable.")]
Drop = Annotated[list[str] | None, typer.Option(help="Column to leave out; repeatable.")]
Id = Annotated[str | None, typer.Option("--id", help="Column that tells a CSV file's sequences apart.")]
Time = Annotated[str | None, typer.Option(help="Column that orders a sequence's steps.")]
Steps = Annotated[int | None, typer.Option(min=1, help="How many of each sequence's last steps to keep.")]
Size = Annotated[str | None, typer.Option(metavar="HxW", help="Height and width to resize images to.")]
Ignore = Annotated[int | None, typer.Option(min=0, max=255, help="Label of pixels that are of no class.")]
Ood = Annotated[str | None, typer.Option(help="Data of another kind, by name or path, to tell apart.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's number.")]
ClipNorm = Annotated[
    float | None,
    typer.Option(
        "--clip-norm", help="Clip gradients to this L2 norm, each player's of a GAN by itself; default: no clipping."
    ),
]
PublishedSplit = Annotated[int | None, typer.Option("--split", min=0, help="Which pair of a splits.json, from 0.")]


_EPOCHS = f"Instead of the paper's {RECIPE.settings.epochs}, or as many as take {MOST_STEPS} steps where that is fewer."


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What the user can mend ends in one line and exit code 2, without a traceback."""
    try:
        yield
    except CredenceError as error:
        _fail(str(error), USER_ERROR)
    except OSError as error:
        _fail(f"{error.filename or 'the disk'}: {error.strerror or error}", USER_ERROR)
    except MemoryError as error:
        _fail(f"there is not enough memory: {error}", USER_ERROR)


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
    target: Target = None,
    task: Task = None,
    categorical: Categorical = None,
    drop: Drop = None,
    sequence_id: Id = None,
    time: Time = None,
    steps: Steps = None,
    size: Size = None,
    ignore: Ignore = None,
    split: PublishedSplit = None,
    out: Store = Path("store"),
    seed: Seed = 0,
    epochs: Epochs = None,
    clip_norm: ClipNorm = None,
    start: Annotated[Path | None, typer.Option(help="Checkpoint whose weights to start from.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Train one model, on its own data or on yours.

    --data takes a CSV file with a header (and with --id and --time the steps of sequences); an NPZ file (x and y, or
    x_train, y_train and so on, or train_NAME with train_lengths); a folder of IDX files; of images by class; of images
    with masks (train, trainannot, val, valannot); with train.csv and test.csv; or with data.csv and splits.json.
    """
    options = _options(target, task, categorical, drop, sequence_id, time, steps, size, ignore, split)
    chosen, dataset = _chosen(recipe, data_name, data_dir, options, epochs)
    chosen = chosen if clip_norm is None else chosen.with_clip_norm(clip_norm)
    console = Console()
    began = None if start is None else open_checkpoint(start, out)
    fitted = _Session(console, out, seed).fit(chosen, dataset, resume, began)
    console.print(figure_table(str(fitted.folder), fitted.figures))


@app.command("shares")
@_one_line_errors()
def fit_to_shares(
    recipe: Annotated[str, typer.Argument(help="A name from 'list'.")] = "dense_curve-mlp-bayes_by_backprop",
    shares: Annotated[str, typer.Option(help="Of the training rows; the last is all of them.")] = "0.25,0.5,1",
    ood: Ood = None,
    data_name: Data = None,
    data_dir: DataDir = None,
    target: Target = None,
    task: Task = None,
    categorical: Categorical = None,
    drop: Drop = None,
    sequence_id: Id = None,
    time: Time = None,
    steps: Steps = None,
    size: Size = None,
    ignore: Ignore = None,
    split: PublishedSplit = None,
    out: Store = Path("store"),
    seed: Seed = 0,
    epochs: Epochs = None,
) -> None:
    """Train on shares of the rows: with more of them the model knows more, and the noise stays.

    Out of distribution is what --ood names, else noise images, or what generated data have for it. The model of all
    rows is saved, with the ratios among its figures.
    """
    proportions = parsed_shares(shares)
    options = _options(target, task, categorical, drop, sequence_id, time, steps, size, ignore, split)
    chosen, dataset = _chosen(recipe, data_name, data_dir, options, epochs)
    strange = load_ood(ood, chosen.spec(dataset), options) if ood else default_ood(dataset)
    console = Console()
    announce = partial(epochs_shown, console)
    try:
        with threads_for(dataset):
            made, fitted = fit_shares(chosen, dataset, strange, proportions, out, seed, announce)
    except KeyboardInterrupt:
        _fail(f"{chosen.name} interrupted; nothing was saved", INTERRUPTED)
    console.print(share_table(f"{chosen.name}, out of distribution: {strange.name}", made))
    console.print(figure_table(str(fitted.folder), fitted.figures))


@app.command()
@_one_line_errors()
def demo(
    out: Store = Path("store"),
    starter: Annotated[bool, typer.Option("--starter", help="Only the smaller set that 'make serve' needs.")] = False,
) -> None:
    """Train every bundled model that the store does not have yet."""
    console = Console()
    wanted = [recipe for recipe in recipes.RECIPES.values() if (recipe.starter if starter else recipe.bundled)]
    missing = [recipe for recipe in wanted if not _loadable(out / recipe.name)]
    session = _Session(console, out, seed=0)
    fitted = {recipe.name: session.fit(recipe, data.load(recipe.data), resume=None) for recipe in missing}
    console.print(summary_table(fitted) if fitted else f"{out} has all of these models")


@app.command("benchmark")
@_one_line_errors()
def benchmark_one(
    folder: Annotated[Path, typer.Argument(help="With data.csv and splits.json.")],
    epochs: Annotated[int | None, typer.Option(min=1, help=_EPOCHS)] = None,
    seed: Seed = 0,
    out: Store = Path("store"),
) -> None:
    """Run the regression benchmark of Gal & Ghahramani (2016) with MC-dropout.

    On every published split it chooses the dropout and the noise on held-out rows, fits anew and measures on the test
    rows; then it saves the model of split 0. On one thread 300 rows x 20 splits take some minutes, 10 000 rows x 20
    splits or 45 000 rows x 5 splits about half an hour.
    """
    console = Console()
    try:
        found = benchmark(folder, out, seed, epochs, partial(epochs_shown, console))
    except KeyboardInterrupt:
        _fail(f"the benchmark on {folder} was interrupted; nothing was saved", INTERRUPTED)
    console.print(benchmark_table(f"{found.folder}, {found.seconds:.0f} s", found))


@app.command("prune")
@_one_line_errors()
def prune_one(
    checkpoint: Annotated[Path, typer.Argument(help="Its folder, or a model's name in the store.")],
    keep: Annotated[float, typer.Option(min=0.0, max=1.0, help="Proportion of the weights that stay.")] = 0.25,
    data_dir: DataDir = None,
    out: Store = Path("store"),
) -> None:
    """Remove the weights of a Bayes-by-Backprop model that are mostly noise, as the model's next version."""
    opened = open_checkpoint(checkpoint, out)
    folder, figures = prune(opened, keep, data.load(opened.manifest.data, data_dir), out)
    Console().print(figure_table(str(folder), figures))


@app.command("name-codes")
@_one_line_errors()
def name_codes_of(
    checkpoint: Annotated[Path, typer.Argument(help="Its folder, or a model's name in the store.")],
    names: Annotated[str | None, typer.Option(help="New names by old ones: c1=rotation,c2=width.")] = None,
    pictures: Annotated[Path, typer.Option(help="Folder for a picture of each code.")] = Path("codes"),
    data_name: Data = None,
    data_dir: DataDir = None,
    size: Size = None,
    out: Store = Path("store"),
) -> None:
    """Show what the codes of an InfoGAN do; with --names, name them, in the model's next version.

    Values of a code that has as many as the data have classes are put in the order of the classes.
    """
    opened = open_checkpoint(checkpoint, out)
    if names is None:
        Console().print(code_table(opened.manifest.name, show_codes(opened, pictures)))
        Console().print(f"What each code does is drawn in {pictures}/; then name them with --names {proposal(opened)}")
        return
    options = Options(size=None if size is None else parsed_size(size))
    dataset = data.load(data_name or opened.manifest.data, data_dir, options)
    check_fits(opened, dataset)
    folder, figures = name_codes(opened, parsed_names(names), dataset, out)
    Console().print(figure_table(str(folder), figures))


@app.command()
@_one_line_errors()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="Its folder, or a model's name in the store.")],
    samples: Annotated[
        int | None,
        typer.Option(min=0, max=IMAGES, help="Draws (50; 0: the posterior's mean), or images of a generator (10000)."),
    ] = None,
    seed: Seed = SEED,
    data_name: Data = None,
    data_dir: DataDir = None,
    target: Target = None,
    task: Task = None,
    categorical: Categorical = None,
    drop: Drop = None,
    sequence_id: Id = None,
    time: Time = None,
    steps: Steps = None,
    size: Size = None,
    ignore: Ignore = None,
    split: PublishedSplit = None,
    ood: Ood = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder to write the card's pictures of this to.")] = None,
    inception: Annotated[
        Path | None, typer.Option(help="Safetensors file of Inception's weights, for its Fréchet distance too.")
    ] = None,
    out: Store = Path("store"),
) -> None:
    """Measure a checkpoint on the test split."""
    opened = open_checkpoint(checkpoint, out)
    manifest, trained_on = opened.manifest, opened.manifest.data
    if data_name is None and not data.is_named(trained_on):
        raise DataError(f"{trained_on!r} are data of your own: give them with --data and the options of their fit")
    options = _options(target, task, categorical, drop, sequence_id, time, steps, size, ignore, split)
    dataset = data.load(data_name or trained_on, data_dir, options)
    check_fits(opened, dataset)
    ood_inputs = load_ood(ood, manifest.model, options) if ood else None
    with threads_for(dataset):
        recipe, plots = recipes.of_manifest(manifest), pictures is not None
        features = None if inception is None else load_inception(inception)
        measured = measure(
            opened.model,
            dataset,
            recipe.metrics,
            samples,
            seed,
            ood_inputs,
            manifest.calibration,
            plots=plots,
            inception=features,
        )
    title = f"{manifest.name} {manifest.version} on {dataset.name}, {measured.samples} samples, seed {seed}"
    console = Console()
    console.print(figure_table(title, measured.metrics))
    if measured.remark:
        console.print(measured.remark, markup=False, highlight=False)
    if pictures is not None:
        typer.echo(
            f"written to {pictures}: {', '.join(write_plots(measured.plots, pictures)) or 'no picture suits it'}"
        )


@app.command("results")
@_one_line_errors()
def show_results(
    out: Store = Path("store"),
    to: Annotated[Path | None, typer.Option(help="File to write; else it is printed.")] = None,
) -> None:
    """Compare the store's models with the figures of their papers, in markdown.

    With --to, the page also has what it had of models that the store lacks: a JSON file beside it keeps that.
    """
    found = records.of_store(out, results.published())
    if to is None:
        typer.echo(results.markdown(results.compared(found)), nl=False)
        return
    beside = to.with_suffix(".json")
    known = records.merged(records.read(beside), found)
    records.write(beside, known)
    to.write_text(results.markdown(results.compared(known)))


@dataclass(frozen=True)
class _Session:
    console: Console
    store: Path
    seed: int

    def fit(self, recipe: Recipe, dataset: Dataset, resume: bool | None, start: Checkpoint | None = None) -> Fitted:
        """Fit with a bar; ``resume=None`` goes on where there is something to go on with."""
        state = state_file(recipe, dataset, self.store, self.seed, start)
        resume = state.fits() if resume is None else resume
        try:
            with threads_for(dataset), epochs_shown(self.console, recipe.name) as report:
                return fit(recipe, dataset, self.store, self.seed, resume=resume, report=report, start=start)
        except KeyboardInterrupt:
            hint = "go on with the same command and --resume" if state.fits() else "nothing was saved yet"
            _fail(f"{recipe.name} interrupted; {hint}", INTERRUPTED)


def _chosen(
    name: str, data_name: str | None, directory: Path | None, options: Options, epochs: int | None
) -> tuple[Recipe, Dataset]:
    """The recipe of this name with its own data, or its twin for those that are named."""
    dataset = data.load(data_name or recipes.expected_data(name), directory, options)
    recipe = recipes.suited(name, dataset) if data_name else recipes.find(name)
    return recipe.with_epochs(epochs) if epochs else recipe, dataset


def _options(
    target: str | None,
    task: Outcome | None,
    categorical: list[str] | None,
    drop: list[str] | None,
    sequence_id: str | None,
    time: str | None,
    steps: int | None,
    size: str | None,
    ignore: int | None,
    split: int | None,
) -> Options:
    return Options(
        target=target,
        task=task,
        categorical=tuple(categorical or ()),
        drop=tuple(drop or ()),
        id=sequence_id,
        time=time,
        steps=steps,
        size=None if size is None else parsed_size(size),
        ignore=ignore,
        split=split,
    )


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
