"""Commands that study models over several runs, or change one after its training."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training import data
from training.cli.app import INTERRUPTED, command, fail
from training.cli.console import (
    active_learning_table,
    benchmark_table,
    code_table,
    learning_curve_table,
    metrics_table,
    show_epochs,
)
from training.cli.fitting import choose_recipe
from training.cli.options import (
    STORE,
    CheckpointPath,
    DataDir,
    DataName,
    DataOptions,
    Epochs,
    Ood,
    RecipeName,
    Seed,
    Size,
    Store,
)
from training.evaluation.checkpoints import check_fits, open_checkpoint
from training.evaluation.foreign import load_to_measure
from training.evaluation.ood_inputs import load_ood
from training.experiments.active_learning import RECIPE as LENET
from training.experiments.active_learning import Plan, compare_methods, parse_methods
from training.experiments.benchmark import MOST_STEPS, RECIPE, benchmark
from training.experiments.learning_curve import default_ood, fit_learning_curve, parse_proportions
from training.experiments.name_codes import draw_codes, name_codes, parse_names, propose_names
from training.experiments.prune import noisy_model, prune
from training.experiments.shrink import shrink
from training.run.threads import threads_for

_EPOCHS = (
    f"Number of epochs, instead of the paper's {RECIPE.settings.epochs}, or of as many as take {MOST_STEPS} steps"
    " where that is fewer."
)


@command("learning-curve")
def study_learning_curve(
    source: DataOptions,
    recipe: RecipeName = "dense_curve-mlp-bayes_by_backprop",
    proportions: Annotated[str, typer.Option(help="Proportions of the training rows; the last is 1.")] = "0.25,0.5,1",
    ood: Ood = None,
    store: Store = STORE,
    seed: Seed = 0,
    epochs: Epochs = None,
) -> None:
    """Fit a model to growing parts of its training rows.

    With more rows the epistemic uncertainty shrinks, and the aleatoric one stays. Data out of distribution are those
    that --ood names; by default noise images, or for generated data what lies outside their range. The model of all
    rows is saved, with the ratios of the uncertainties among its metrics.
    """
    parsed = parse_proportions(proportions)
    chosen, dataset = choose_recipe(recipe, source)
    chosen = chosen.with_epochs(epochs) if epochs else chosen
    inputs = load_ood(ood, chosen.spec(dataset), source.reading) if ood else default_ood(dataset)
    console = Console()
    try:
        with threads_for(dataset):
            points, fitted = fit_learning_curve(
                chosen, dataset, inputs, parsed, store, seed, partial(show_epochs, console)
            )
    except KeyboardInterrupt:
        fail(f"{chosen.name} interrupted; nothing was saved", INTERRUPTED)
    console.print(learning_curve_table(f"{chosen.name}, out of distribution: {inputs.name}", points))
    console.print(metrics_table(str(fitted.folder), fitted.figures))


@command("active-learning")
def study_active_learning(
    data_name: Annotated[str, typer.Argument(metavar="DATA", help="Images with classes, such as mnist.")] = "mnist",
    data_dir: DataDir = None,
    methods: Annotated[
        str, typer.Option(help="Methods of acquisition, each with the rows that it takes at a time.")
    ] = "batchbald:10,bald:10,epig:10,random:10",
    start: Annotated[int, typer.Option(min=1, help="Number of labels to begin with, equally many a class.")] = 20,
    labels: Annotated[int, typer.Option(min=1, help="Number of labels to end with.")] = 150,
    candidates: Annotated[int, typer.Option(min=1, help="Number of rows to choose from, each time others.")] = 1000,
    seed: Seed = 0,
    store: Store = STORE,
) -> None:
    """Compare what a classifier learns from rows that it chose itself with what it learns from random ones.

    The last model of the first method is saved with the error of every method at every number of labels. On one
    thread, a model of MNIST and its choice take about 10 s.
    """
    console, plan = Console(), Plan(parse_methods(methods), start, labels, candidates)
    dataset = data.load(data_name, data_dir)
    arguments = f"{dataset.name} --methods {methods} --start {start} --labels {labels} --candidates {candidates}"
    with threads_for(dataset):
        report = partial(console.print, highlight=False)
        outcome = compare_methods(LENET, dataset, plan, store, seed, arguments, report)
    console.print(active_learning_table(f"{outcome.folder}, {outcome.seconds:.0f} s", outcome.curves))


@command("benchmark")
def run_benchmark(
    folder: Annotated[Path, typer.Argument(help="Folder with data.csv and splits.json.")],
    epochs: Annotated[int | None, typer.Option(min=1, help=_EPOCHS)] = None,
    seed: Seed = 0,
    store: Store = STORE,
) -> None:
    """Run the UCI regression benchmark of MC-dropout.

    It is that of Gal & Ghahramani (2016). On every published split it selects dropout and noise on held-out rows, fits
    the model again and measures it on the test rows; then it saves the model of split 0. On one thread, 300 rows x 20
    splits take some minutes, 10 000 rows x 20 splits or 45 000 rows x 5 splits about half an hour.
    """
    console = Console()
    try:
        outcome = benchmark(folder, store, seed, epochs, partial(show_epochs, console))
    except KeyboardInterrupt:
        fail(f"the benchmark on {folder} was interrupted; nothing was saved", INTERRUPTED)
    console.print(benchmark_table(f"{outcome.folder}, {outcome.seconds:.0f} s", outcome))


@command("prune")
def prune_checkpoint(
    checkpoint: CheckpointPath,
    keep: Annotated[float, typer.Option(min=0.0, max=1.0, help="Proportion of the weights to keep.")] = 0.25,
    data_dir: DataDir = None,
    store: Store = STORE,
) -> None:
    """Remove weights that are mostly noise from a model.

    The model must be trained by Bayes by Backprop. What is left is saved as its next version.
    """
    opened = open_checkpoint(checkpoint, store)
    noisy_model(opened, keep)  # before data are looked for
    folder, figures = prune(opened, keep, data.load(opened.manifest.data, data_dir), store)
    Console().print(metrics_table(str(folder), figures))


@command("shrink")
def shrink_checkpoint(
    checkpoint: CheckpointPath,
    source: DataOptions,
    note: Annotated[str, typer.Option(help="Text for the card, such as whose data these are.")] = "",
    store: Store = STORE,
) -> None:
    """Make a model small enough to be handed out: weights of 16 bits, at most 1000 calibration rows, fewer examples.

    It is calibrated and measured anew, and saved under its name in the store: give another store than its own, or it is
    the next version. Data and options are those of its fit.
    """
    opened = open_checkpoint(checkpoint, store)
    dataset, _ = load_to_measure(opened, source.data_name, source.data_dir, source.reading)
    check_fits(opened, dataset)
    with threads_for(dataset):
        folder, before, after = shrink(opened, dataset, store, note)
    console = Console()
    console.print(metrics_table(f"{opened.manifest.name} {opened.manifest.version}, before", before))
    console.print(metrics_table(f"{folder}, after", after))


@command("name-codes")
def name_codes_of_checkpoint(
    checkpoint: CheckpointPath,
    names: Annotated[str | None, typer.Option(help="New names of codes, as c1=rotation,c2=width.")] = None,
    plots: Annotated[Path, typer.Option(help="Folder to write a plot of each code to.")] = Path("codes"),
    data_name: DataName = None,
    data_dir: DataDir = None,
    size: Size = None,
    store: Store = STORE,
) -> None:
    """Show what the codes of an InfoGAN do, or name them.

    With --names, the model is saved as the next version with new names of its codes. If a code has as many values as
    the data have classes, its values are put in the order of the classes.
    """
    opened = open_checkpoint(checkpoint, store)
    if names is None:
        Console().print(code_table(opened.manifest.name, draw_codes(opened, plots)))
        Console().print(
            f"{plots}/ has a plot of what each code does; then name them with --names {propose_names(opened)}"
        )
        return
    dataset = DataOptions(data_name, data_dir, size=size).load(opened.manifest.data)
    check_fits(opened, dataset)
    folder, figures = name_codes(opened, parse_names(names), dataset, store)
    Console().print(metrics_table(str(folder), figures))
