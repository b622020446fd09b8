"""The rows that a checkpoint is measured on: its own test rows, or all rows of data that it was not trained on."""

from __future__ import annotations

from pathlib import Path

from models.checkpoints.checkpoint import Checkpoint, PredictorSpec
from training import data
from training.data import Dataset, Options
from training.data.fingerprint import fingerprint
from training.data.whole import read_whole
from training.errors import DataError


def load_to_measure(
    checkpoint: Checkpoint, name: str | None, directory: Path | None, options: Options
) -> tuple[Dataset, str]:
    """Load the data that a checkpoint is measured on, and say which rows these are.

    Args:
        checkpoint: The checkpoint.
        name: Name of the data, or a path; ``None`` for the checkpoint's own.
        directory: Folder with the files of named data.
        options: Options on how to read a path.

    Raises:
        DataError: if there are no such data, if they do not go with the model, or if they are the model's own and the
            options are not those of its fit, which would split them otherwise.
    """
    manifest = checkpoint.manifest
    if isinstance(manifest.model, PredictorSpec) and manifest.model.inputs.kind == "outputs":
        raise DataError(
            f"{manifest.name} is a calibration of outputs, and its network is elsewhere: python -m training calibrate"
            f" {manifest.name} --outputs FILE.npz measures it on other rows, as the next version"
        )
    if name is None and not data.is_named(manifest.data):
        raise DataError(f"{manifest.data!r} are data of your own: name them with --data and the options of the fit")
    name = name or manifest.data
    foreign = not data.is_named(name) and Path(name).exists() and not _is_own(checkpoint, Path(name), options)
    if foreign and isinstance(manifest.model, PredictorSpec):
        dataset = read_whole(Path(name), options, manifest.model.inputs, manifest.model.outputs)
        return dataset, f"all {len(dataset.test.inputs)} rows of {Path(name).name}, other data than the model's own"
    dataset = data.load(name, directory, options)
    return dataset, f"the {dataset.test_name} of {Path(name).name}, {len(dataset.test.inputs)} rows"


def _is_own(checkpoint: Checkpoint, path: Path, options: Options) -> bool:
    """Return whether a path holds the data that a model was trained on."""
    manifest, origin = checkpoint.manifest, checkpoint.manifest.origin
    if origin is None or not origin.fingerprint:  # an older checkpoint: all there is to go by is the name
        return data.name_of(path) == manifest.data
    if fingerprint(path) != origin.fingerprint:
        return False
    if options.arguments() != origin.reading:
        raise DataError(
            f"{path.name} is what the model was trained on, and its test rows are found by the options of its fit only:"
            f"{origin.reading or ' none'}"
        )
    return True
