"""Commands that measure checkpoints and compare them with published results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.prediction.predictor import Predictor
from training import recipes
from training.cli.app import command
from training.cli.console import metrics_table, print_cautions, print_choices, print_groups
from training.cli.options import STORE, CheckpointPath, DataOptions, Ood, Seed, Store
from training.cli.outputs import calibrate_from_outputs
from training.errors import DataError, ExportError
from training.evaluation.checkpoints import check_fits, open_checkpoint
from training.evaluation.evaluate import SEED, measure, write_plots
from training.evaluation.foreign import load_to_measure
from training.evaluation.generator import IMAGES
from training.evaluation.groups import check_groups, find_group_cautions, measure_groups
from training.evaluation.inception import load as load_inception
from training.evaluation.ood_inputs import load_ood
from training.evaluation.predictor import PredictorEvaluation
from training.experiments import records, results
from training.run.recalibrate import recalibrate
from training.run.threads import threads_for


@command("evaluate")
def evaluate(
    checkpoint: CheckpointPath,
    source: DataOptions,
    samples: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=IMAGES,
            help="Number of draws (by default 50; 0 is the posterior's mean), or of a generator's images (10000).",
        ),
    ] = None,
    seed: Seed = SEED,
    ood: Ood = None,
    plots: Annotated[Path | None, typer.Option(help="Folder to write the plots to.")] = None,
    inception: Annotated[
        Path | None, typer.Option(help="Safetensors file with the weights of Inception v3, for its Fréchet distance.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of a table whose categories, or parts of its range, are measured."),
    ] = None,
    store: Store = STORE,
) -> None:
    """Measure a checkpoint on the test rows of its data, or on all rows of a file that it was not trained on."""
    console = Console()
    opened = open_checkpoint(checkpoint, store)
    manifest = opened.manifest
    dataset, tested = load_to_measure(opened, source.data_name, source.data_dir, source.reading)
    check_fits(opened, dataset)
    ood_inputs = load_ood(ood, manifest.model, source.reading) if ood else None
    if by is not None:
        check_groups(opened.model, dataset, by)
    with threads_for(dataset):
        measured = measure(
            opened.model,
            dataset,
            recipes.family_metrics(manifest),
            samples,
            seed,
            ood_inputs,
            opened.calibration,
            plots=plots is not None,
            inception=None if inception is None else load_inception(inception),
        )
    title = f"{manifest.name} {manifest.version} on {dataset.name}, {measured.samples} samples, seed {seed}"
    print_choices(console, [f"measured on {tested}", *dataset.notes])
    console.print(metrics_table(title, measured.metrics, measured.evidence))
    print_cautions(console, measured.cautions)
    if by is not None and isinstance(opened.model, Predictor):
        whole = PredictorEvaluation(opened.model, dataset, measured.samples, seed, None, opened.calibration)
        groups = measure_groups(whole, recipes.family_metrics(manifest), by)
        print_groups(console, by, measured.metrics, groups)
        print_cautions(console, find_group_cautions(by, groups))
    if measured.remark:
        console.print(measured.remark, markup=False, highlight=False)
    if plots is not None:
        names = ", ".join(write_plots(measured.plots, plots))
        typer.echo(f"written to {plots}: {names or 'no plot suits this model'}")


@command("calibrate")
def calibrate_checkpoint(
    checkpoint: CheckpointPath,
    source: DataOptions,
    outputs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz", help="Outputs of a model that stays where it is, with outcomes; CHECKPOINT names it."
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="FILE|NAME,...", help="Names of the classes of --outputs, or a file of lines.")
    ] = None,
    store: Store = STORE,
) -> None:
    """Calibrate a model on your own rows, without training: the next version, with the figures before and after.

    Temperature, conformal scores and thresholds are fitted to all rows of a file that the model was not trained on; of
    the model's own data, to the rows that were held out for it. With --outputs they are fitted to the logits,
    probabilities, or means and variances of a model that stays where it is, for POST /calibrated/NAME.
    """
    if outputs is not None:
        calibrate_from_outputs(str(checkpoint), outputs, labels, source, store)
        return
    if labels is not None:
        raise DataError("--labels goes with --outputs: the classes of a checkpoint have names; leave it out")
    console = Console()
    opened = open_checkpoint(checkpoint, store)
    dataset, tested = load_to_measure(opened, source.data_name, source.data_dir, source.reading)
    check_fits(opened, dataset)
    own = dataset.test is not dataset.calibration
    rows, tested = (
        (dataset.calibration, f"{len(dataset.calibration.inputs)} calibration rows") if own else (dataset.test, tested)
    )
    with threads_for(dataset):
        folder, before, after = recalibrate(opened, dataset, rows, tested, store)
    print_choices(console, [f"calibrated on {tested}", *dataset.notes])
    console.print(metrics_table(f"{opened.manifest.name} {opened.manifest.version}, before", before))
    console.print(metrics_table(f"{folder.parent.name} {folder.name}, after, on rows left out", after))
    typer.echo(f"saved as {folder.parent.name}/{folder.name}")


@command("export")
def export_checkpoint(checkpoint: CheckpointPath, store: Store = STORE) -> None:
    """Add an ONNX graph to a model, checked against torch: the next version, which ONNX Runtime can serve."""
    try:
        from training.run.export.export import export
    except ModuleNotFoundError as error:
        raise ExportError(f"export needs {error.name}: pip install -c constraints.txt -e '.[onnx]'") from error
    done = export(open_checkpoint(checkpoint, store), store)
    typer.echo(
        f"saved as {done.folder.parent.name}/{done.folder.name} with a graph of {done.size / 1e6:.2f} MB,"
        f" at most {done.difference:.1e} off torch on random rows and draws"
    )


@command("results")
def compare_results(
    store: Store = STORE,
    output: Annotated[Path | None, typer.Option(help="File to write the page to; by default it is printed.")] = None,
) -> None:
    """Compare the models of the store with published results.

    The page is in markdown. With --output, results of models that the store lacks stay on the page: a JSON file beside
    it keeps them.
    """
    new = records.read_store(store, results.published())
    if output is None:
        typer.echo(results.render_page(results.compare(new)), nl=False)
        return
    beside = output.with_suffix(".json")
    known = records.merge(records.read(beside), new)
    records.write(beside, known)
    output.write_text(results.render_page(results.compare(known)))
