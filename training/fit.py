"""From a recipe and data to a verified checkpoint."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from models.calibration import Calibration
from models.checkpoint import GeneratorSpec, Manifest, PredictorSpec, load, save
from models.generator import Generator
from models.predictor import Predictor
from models.selftest import canary_examples, verify
from training.calibrate import calibrate, fit_temperature
from training.card import card
from training.data import Dataset
from training.evaluate import measure
from training.progress import Epoch, Run
from training.recipe import Figures, Recipe
from training.seeds import initialised
from training.state import StateFile

_EXAMPLES = 8


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
    started = time.perf_counter()
    spec, state = recipe.spec(dataset), state_file(recipe, dataset, store, seed)
    model = initialised(spec, seed)
    state.check_writable()
    try:
        recipe.train(model, dataset, Run(seed, state, resume, report))
    except KeyboardInterrupt:
        state.flush()
        raise
    spec, calibration = _calibrated(spec, model, dataset)
    training_seconds = time.perf_counter() - started
    measured = measure(recipe, model, dataset, draw=True)
    figures = {**measured.figures, "training_seconds": round(training_seconds, 1)}
    manifest = Manifest(recipe.name, 0, spec, dataset.name, seed, figures, calibration)
    text = card(recipe, seed, training_seconds, measured, store)
    folder = publish(store, manifest, model, dataset.test.inputs, text, measured.pictures)
    state.remove()
    return Fitted(folder, figures, time.perf_counter() - started)


def publish(
    store: Path,
    manifest: Manifest,
    model: Predictor | Generator,
    rows: Tensor,
    text: str,
    pictures: Mapping[str, bytes],
) -> Path:
    """Save a model with its answers to a few of these raw rows, and load it as the service will.

    Args:
        text: The card.

    Returns:
        The new checkpoint.
    """
    folder = save(store, manifest, model, canary_examples(model, rows[:_EXAMPLES]), text, pictures)
    verify(load(folder))
    return folder


def _calibrated(
    spec: PredictorSpec | GeneratorSpec, model: Predictor | Generator, dataset: Dataset
) -> tuple[PredictorSpec | GeneratorSpec, Calibration | None]:
    """What is fitted after the weights; a generator has nothing of it."""
    if not isinstance(model, Predictor) or not isinstance(spec, PredictorSpec):
        return spec, None
    fit_temperature(model, dataset.calibration)
    return msgspec.structs.replace(spec, outputs=model.outputs), calibrate(model, dataset.calibration)


def state_file(recipe: Recipe, dataset: Dataset, store: Path, seed: int) -> StateFile:
    """Where a run of this recipe on these data keeps its state."""
    return StateFile(store / ".training" / f"{recipe.name}.safetensors", _fingerprint(recipe, dataset, seed))


def _fingerprint(recipe: Recipe, dataset: Dataset, seed: int) -> str:
    """Of everything that decides the weights: another PyTorch may round differently, so it counts too."""
    digest = hashlib.blake2b(f"{recipe} {seed} {torch.__version__}".encode(), digest_size=16)
    for tensor in (*dataset.train, *dataset.validation):
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
