"""The command that imports a network which was trained elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec import structs
from rich.console import Console

from models.checkpoints.checkpoint import NAME, Checkpoint, PredictorSpec
from training.cli.app import command
from training.cli.arguments import command_line, names_of
from training.cli.console import metrics_table, print_cautions, print_choices
from training.cli.options import STORE, DataOptions, Store
from training.data import Dataset
from training.errors import DataError, ExportError, ImportModelError, UnknownClassError
from training.evaluation.foreign import load_to_measure
from training.run.threads import threads_for


@command("import")
def import_model(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    source: DataOptions,
    place: Annotated[
        str | None,
        typer.Option("--from", metavar="MODULE:NAME", help="Module of your own, or a function that builds it."),
    ] = None,
    onnx: Annotated[Path | None, typer.Option(help="An ONNX file, in place of --from.")] = None,
    timm: Annotated[str | None, typer.Option(metavar="NAME", help="A model of timm, such as resnet18.")] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]KIND:SHAPE",
            help="image:3x224x224, volume:1x32x64x64, sequence:40x6, tokens:128x30522, table:8 or a .json; of several"
            " inputs each by its name: scan=image:1x28x28 (repeat).",
        ),
    ] = None,
    output: Annotated[
        list[str] | None, typer.Option(help="Result of the ONNX file to take, where it has several (repeat for two).")
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="Weights: .safetensors, or a state dictionary of torch; repeat for ensemble and swag."),
    ] = None,
    mean: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]NUMBER,...",
            help="Mean that rows had subtracted, for all or by channel; of several inputs by name (repeat).",
        ),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]NUMBER,...", help="Deviation that rows were divided by, likewise."),
    ] = None,
    value_range: Annotated[
        list[str] | None,
        typer.Option(
            "--range", metavar="[NAME=]LOW,HIGH", help="Values of a row; of an image 0,255, or 0,65535 by --scale."
        ),
    ] = None,
    bits: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]8|16|any", help="Bits a channel of picture files; any scales black and white to --range."
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="FILE|NAME,...", help="Names of the classes, or of labels: a file of lines.")
    ] = None,
    posterior: Annotated[
        Literal["mc_dropout", "laplace", "ensemble", "swag", "deterministic"] | None,
        typer.Option(
            help="mc_dropout (its dropouts make the draws; the default where it has any), laplace (the last layer,"
            " fitted on --data), ensemble (of 2 --weights or more), swag (of 3 epochs' or more), or deterministic."
        ),
    ] = None,
    dropout: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=P", help="Probability of a dropout, or of one to add after a module (repeat)."),
    ] = None,
    store: Store = STORE,
) -> None:
    """Import a network that was trained elsewhere: its dropouts make draws, --data calibrates it.

    Your code runs in this command alone. What is saved is an ONNX graph of standard operators. --data takes rows that
    the network was not trained on, as 'fit' does; without it nothing is calibrated, and nothing decided.
    """
    try:
        from training.run.importing.import_network import (
            Wanted,
            fitted_choices,
            make_checkpoint,
            save_calibrated,
            save_uncalibrated,
        )
    except ModuleNotFoundError as error:
        raise ExportError(f"import needs {error.name}: pip install -c constraints.txt -e '.[onnx]'") from error
    from training.run.importing.members import check_weights
    from training.run.importing.named_inputs import read_inputs
    from training.run.importing.open_network import open_network
    from training.run.importing.table_columns import name_columns
    from training.run.importing.timm_model import timm_inputs

    console = Console()
    if not NAME.fullmatch(name):
        raise ImportModelError(f"a model's name is made of a-z, 0-9, '_', '.' and '-', at most 64; not {name!r}")
    taken: tuple[str, ...] = ()
    if timm is not None:
        usual = timm_inputs(timm)
        inputs, mean, scale = inputs or [usual[0]], mean or [usual[1]], scale or [usual[2]]
        taken = (f"rows are {', '.join(inputs)}; inputs, mean and scale are timm's where you give none",)
    if not inputs:
        raise ImportModelError(
            "--inputs says what a row is: image:3x224x224, volume:1x32x64x64, sequence:40x6, tokens:128x30522 or"
            " table:8"
        )
    _check_data_options(source)
    said = {"mean": mean or (), "scale": scale or (), "range": value_range or (), "bits": bits or ()}
    spec, told = read_inputs(inputs, said)
    targets = tuple(source.target or ())
    if source.data_name is not None:
        spec, columns, named = name_columns(spec, Path(source.data_name), source.reading)
        targets, taken = columns or targets, (*taken, *named)
    files = tuple(weights or ())
    check_weights(posterior, files, calibrates=source.data_name is not None)
    network = open_network(place, onnx, timm, tuple(output or ()), spec, source.task, files)
    wanted = Wanted(
        name,
        spec,
        names_of(labels),
        targets,
        source.task,
        posterior,
        dict(map(_probability, dropout or ())),
        command_line(),
        (*told, *taken, *network.told),
        files if len(files) > 1 else (),
    )
    checkpoint = make_checkpoint(network, wanted)
    assert checkpoint.manifest.origin is not None  # as it was just made
    print_choices(console, checkpoint.manifest.origin.choices)
    if source.data_name is None:
        folder = save_uncalibrated(checkpoint, store)
        print_choices(console, ["nothing was calibrated, so that nothing is decided: give --data, or run 'calibrate'"])
    else:
        dataset, tested = _load(checkpoint, source, console)
        print_choices(console, [f"calibrated on a third of {tested}, measured on another", *dataset.notes])
        with threads_for(dataset):
            folder, measured = save_calibrated(checkpoint, dataset, tested, store)
        print_choices(console, fitted_choices(checkpoint.model))
        console.print(metrics_table(str(folder), measured.metrics, measured.evidence))
        print_cautions(console, measured.cautions)
    typer.echo(f"saved as {folder.parent.name}/{folder.name}")


def _check_data_options(source: DataOptions) -> None:
    """Refuse what would be read with --data where there is none, and names of classes where their values belong."""
    if source.classes is not None and "=" not in source.classes:
        raise ImportModelError(
            f"--classes says which values of masks are which class (road=255,sky=0), and {source.classes!r} does not;"
            " the names of the network's classes go to --labels"
        )
    others = replace(source.reading, target=(), task=None).arguments().split()
    others += ["--data-dir"] if source.data_dir is not None else []
    if source.data_name is None and others:
        raise ImportModelError(f"{others[0]} says how --data is read, and no --data is given")


def _load(checkpoint: Checkpoint, source: DataOptions, console: Console) -> tuple[Dataset, str]:
    """Load rows to calibrate on; classes may be the names that were given, or their places."""
    manifest = checkpoint.manifest
    assert isinstance(manifest.model, PredictorSpec)  # as it was imported
    reading = replace(source.reading, task=None, drop=())  # which have done their part before
    given = source.data_name, source.data_dir, reading
    try:
        return load_to_measure(checkpoint, *given)
    except DataError as error:
        outputs = manifest.model.outputs
        places = structs.replace(outputs, names=tuple(str(i) for i in range(outputs.size)))
        numbered = structs.replace(manifest, model=structs.replace(manifest.model, outputs=places))
        if outputs.names == places.names and isinstance(error, UnknownClassError):
            remedy = "give --labels NAME,... (or a file of lines) with the names in the order of the network's outputs"
            raise ImportModelError(f"{error}: {remedy}") from error
        if outputs.task == "regression" or outputs.names == places.names:
            raise
        try:
            dataset, tested = load_to_measure(replace(checkpoint, manifest=numbered), *given)
        except DataError:
            dataset = None
        if dataset is None:
            raise
        print_choices(
            console, [f"classes of {Path(str(source.data_name)).name} are numbers, taken as places in --labels"]
        )
        return replace(dataset, outputs=outputs), tested


def _probability(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError as error:
        raise ImportModelError(f"--dropout {text} is no NAME=PROBABILITY, such as layer4=0.2") from error
