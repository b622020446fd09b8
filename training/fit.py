"""From a recipe and data to a verified checkpoint."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from models.calibration import Calibration
from models.checkpoint import GeneratorSpec, Manifest, PredictorSpec, load, save
from models.predictor import Predictor
from models.selftest import canary_examples, verify
from training.calibrate import calibrate, fit_temperature
from training.card import Measurement, card
from training.data import Dataset
from training.evaluate import measure
from training.progress import Epoch, Run
from training.recipe import Figures, Model, Recipe
from training.seeds import initialised
from training.state import StateFile

_EXAMPLES = 8


@dataclass(frozen=True)
class Trained:
    """A model with what was fitted after its weights.

    Attributes:
        model: In evaluation mode.
        spec: Of the model, its temperature included.
        calibration: What follows from the calibration split; a generator has nothing of it.
        seconds: That all of it took.
    """

    model: Model
    spec: PredictorSpec | GeneratorSpec
    calibration: Calibration | None
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """What a finished run left.

    Attributes:
        folder: The new checkpoint.
        figures: As in its manifest.
        seconds: From first to last, the measuring included.
    """

    folder: Path
    figures: Figures
    seconds: float


def fit(
    recipe: Recipe, dataset: Dataset, store: Path, seed: int, *, resume: bool, report: Callable[[Epoch], None]
) -> Fitted:
    """Train, measure and save a model under the recipe's name, as the next version in the store.

    Raises:
        CredenceError: if the data do not fit, the run diverges, or there is nothing to resume.
        OSError: if the store cannot be written.
    """
    started, state = time.perf_counter(), state_file(recipe, dataset, store, seed)
    recipe.spec(dataset)
    state.check_writable()
    try:
        trained = train(recipe, dataset, Run(seed, state, resume, report))
    except KeyboardInterrupt:
        state.flush()
        raise
    measured = measure(recipe, trained.model, dataset, calibration=trained.calibration, draw=True)
    folder, figures = publish(recipe, dataset, store, seed, trained, measured)
    state.remove()
    return Fitted(folder, figures, time.perf_counter() - started)


def train(recipe: Recipe, dataset: Dataset, run: Run) -> Trained:
    """The weights from the training split, and what comes after them from the calibration split."""
    started, spec = time.perf_counter(), recipe.spec(dataset)
    model = initialised(spec, run.seed)
    recipe.train(model, dataset, run)
    if not isinstance(model, Predictor) or not isinstance(spec, PredictorSpec):
        return Trained(model, spec, None, time.perf_counter() - started)
    fit_temperature(model, dataset.calibration)
    spec = msgspec.structs.replace(spec, outputs=model.outputs)
    return Trained(model, spec, calibrate(model, dataset.calibration), time.perf_counter() - started)


def publish(
    recipe: Recipe, dataset: Dataset, store: Path, seed: int, trained: Trained, measured: Measurement, more: str = ""
) -> tuple[Path, Figures]:
    """Save a model under the recipe's name, as the next version in the store, and see that it can be read.

    Args:
        more: Of the card, in markdown.

    Returns:
        The new checkpoint's folder and figures.
    """
    figures = {**measured.figures, "training_seconds": round(trained.seconds, 1)}
    manifest = Manifest(recipe.name, 0, trained.spec, dataset.name, seed, figures, trained.calibration)
    examples = canary_examples(trained.model, dataset.test.inputs[:_EXAMPLES])
    text = card(recipe, seed, trained.seconds, measured, store) + more
    folder = save(store, manifest, trained.model, examples, text, measured.pictures)
    verify(load(folder))
    return folder, figures


def state_file(recipe: Recipe, dataset: Dataset, store: Path, seed: int) -> StateFile:
    """Where a run of this recipe on these data keeps its state."""
    return StateFile(store / ".training" / f"{recipe.name}.safetensors", _fingerprint(recipe, dataset, seed))


def _fingerprint(recipe: Recipe, dataset: Dataset, seed: int) -> str:
    """Of everything that decides the weights: another PyTorch may round differently, so it counts too."""
    digest = hashlib.blake2b(f"{recipe} {seed} {torch.__version__}".encode(), digest_size=16)
    for tensor in (*dataset.train, *dataset.validation):
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
