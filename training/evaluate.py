"""How good a checkpoint is, on the data of its recipe or on others of the same shape."""

from __future__ import annotations

import time
from pathlib import Path

from models.checkpoint import Checkpoint, PredictorSpec, load
from models.errors import CheckpointError
from models.selftest import verify
from training.card import Measurement
from training.data import Dataset
from training.errors import DataError
from training.recipe import Model, Recipe

SAMPLES = 50
SEED = 0
"""Of the figures on a card: what the service answers by default."""


def measure(recipe: Recipe, model: Model, dataset: Dataset, samples: int = SAMPLES, seed: int = SEED) -> Measurement:
    """The recipe's figures of a model in evaluation mode."""
    started = time.perf_counter()
    figures = recipe.figures(model, dataset, samples, seed)
    return Measurement(figures, samples, seed, time.perf_counter() - started)


def check_fits(checkpoint: Checkpoint, dataset: Dataset) -> None:
    """Raise unless the model takes the rows of this data set and predicts its targets.

    Raises:
        DataError: saying what differs.
    """
    spec = checkpoint.manifest.model
    inputs, outputs = (spec.inputs, spec.outputs) if isinstance(spec, PredictorSpec) else (spec.images, None)
    if inputs.shape != dataset.inputs.shape:
        raise DataError(
            f"rows of {dataset.name!r} have the shape {dataset.inputs.shape}; the model takes {inputs.shape}"
        )
    if outputs is not None and (dataset.outputs is None or dataset.outputs.names != outputs.names):
        raise DataError(f"the targets of {dataset.name!r} are not those that the model predicts")


def open_checkpoint(place: Path, store: Path) -> Checkpoint:
    """The verified checkpoint at a folder, or the newest of a model's folder, or of a model's name in the store.

    Raises:
        CheckpointError: if there is none, or it is not all right.
    """
    for folder in (place, store / place):
        if (folder / "manifest.json").is_file():
            checkpoint = load(folder.resolve())
            verify(checkpoint)
            return checkpoint
        if found := versions(folder):
            return open_checkpoint(found[-1], store)
    raise CheckpointError(f"there is no checkpoint at {place}, nor in the store {store}")


def versions(folder: Path) -> list[Path]:
    """The versions in a model's folder, oldest first."""
    numbered = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in numbered if path.name.isdecimal()), key=lambda path: int(path.name))
