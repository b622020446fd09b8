"""Checkpoints to be evaluated: where they are, and whether data fit them."""

from __future__ import annotations

from pathlib import Path

from models.checkpoints.checkpoint import Checkpoint, PredictorSpec, load
from models.checkpoints.selftest import verify
from models.errors import CheckpointError
from models.parts import describe_parts
from models.specs import InputSpec
from training.data import Dataset
from training.errors import DataError


def open_checkpoint(place: Path, store: Path) -> Checkpoint:
    """Load and verify the checkpoint that :func:`find_checkpoint` finds.

    Raises:
        CheckpointError: if there is no checkpoint, or if it is damaged.
    """
    checkpoint = load(find_checkpoint(place, store))
    verify(checkpoint)
    return checkpoint


def find_checkpoint(place: Path, store: Path) -> Path:
    """Return the folder of a checkpoint, or of the newest version in a model's folder.

    Args:
        place: A checkpoint's folder, a model's folder, or a model's name in the store.
        store: Folder of all checkpoints.

    Raises:
        CheckpointError: if there is no checkpoint.
    """
    for folder in (place, store / place):
        if (folder / "manifest.json").is_file():
            return folder.resolve()
        if numbered := versions(folder):
            return find_checkpoint(numbered[-1], store)
    raise CheckpointError(f"there is no checkpoint at {place}, nor in the store {store}")


def versions(folder: Path) -> list[Path]:
    """Return the folders of a model's versions, oldest first."""
    inside = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in inside if path.name.isdecimal()), key=lambda path: int(path.name))


def check_fits(checkpoint: Checkpoint, dataset: Dataset) -> None:
    """Raise unless the model takes the rows of this data set and predicts its targets.

    Raises:
        DataError: saying what differs.
    """
    spec = checkpoint.manifest.model
    inputs, outputs = (spec.inputs, spec.outputs) if isinstance(spec, PredictorSpec) else (spec.images, None)
    check_shape(dataset, inputs)
    if outputs is not None and (dataset.outputs is None or dataset.outputs.names != outputs.names):
        raise DataError(f"the targets of {dataset.name!r} are not those that the model predicts")


def check_shape(dataset: Dataset, inputs: InputSpec) -> None:
    """Raise unless the rows of a data set have the shape of a model's inputs, and the same parts.

    Raises:
        DataError: naming both shapes.
    """
    if inputs.parts and dataset.inputs.parts != inputs.parts:
        raise DataError(f"rows of {dataset.name!r} have one input, and the model takes {describe_parts(inputs)}")
    if inputs.shape != dataset.inputs.shape:
        raise DataError(
            f"rows of {dataset.name!r} have the shape {dataset.inputs.shape}; the model takes {inputs.shape}"
        )
