"""The part of the command ``calibrate`` that takes a file of outputs in place of a checkpoint and data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from models.checkpoints.checkpoint import NAME
from training.cli.arguments import command_line, names_of
from training.cli.console import metrics_table, print_cautions, print_choices
from training.cli.options import DataOptions
from training.errors import DataError
from training.run.outputs.calibrate_outputs import calibrate_outputs
from training.run.outputs.read import Named, read_outputs


def calibrate_from_outputs(name: str, outputs: Path, labels: str | None, source: DataOptions, store: Path) -> None:
    """Calibrate the outputs of a model that lives elsewhere, and print what was decided and measured.

    Args:
        name: Name of the model.
        outputs: File of outputs and outcomes.
        labels: Names of the classes, or a file of them; ``None`` for those in the file.
        source: Options of data, of which the target and the task are taken.
        store: Folder of all checkpoints.

    Raises:
        CredenceError: if anything does not fit.
    """
    console = Console()
    if not NAME.fullmatch(name):
        raise DataError(f"a model's name is made of a-z, 0-9, '_', '.' and '-', at most 64; not {name!r}")
    other = replace(source.reading, target=(), task=None)
    if source.data_name is not None or source.data_dir is not None or other.arguments():
        raise DataError("--outputs takes --labels, --target and --task alone; leave options of --data out")
    task = source.task
    if task not in (None, "classification", "regression"):
        raise DataError(f"--task {task} is not taken with --outputs; allowed are classification and regression")
    file = read_outputs(outputs, Named(names_of(labels), tuple(source.target or ()), task))
    done = calibrate_outputs(name, file, outputs.name, command_line(), store)
    print_choices(console, done.choices)
    if done.before:
        console.print(metrics_table(f"{name}, outputs as they are", done.before))
    console.print(metrics_table(str(done.folder), done.measured.metrics, done.measured.evidence))
    print_cautions(console, done.measured.cautions)
    typer.echo(f"saved as {done.folder.parent.name}/{done.folder.name}; POST /calibrated/{name} takes its outputs")
