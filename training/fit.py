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
from models.checkpoint import GeneratorSpec, Manifest, Origin, PredictorSpec, load, save
from models.generator import Generator
from models.predictor import Predictor
from models.selftest import canary_examples, verify
from training.calibrate import calibrate, fit_temperature
from training.card import Measurement, card, fit_command
from training.data import Dataset
from training.evaluate import measure
from training.machine import machine
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
    with state.alone():
        try:
            recipe.train(model, dataset, Run(seed, state, resume, report))
        except KeyboardInterrupt:
            state.flush()
            raise
        spec, calibration = _calibrated(spec, model, dataset)
        training_seconds = round(state.seconds, 1)
        measured = measure(recipe, model, dataset, draw=True)
        figures = {**measured.figures, "training_seconds": training_seconds}
        origin = _origin(recipe, model, dataset, seed, measured)
        manifest = Manifest(recipe.name, 0, spec, dataset.name, seed, figures, calibration, origin=origin)
        examples = canary_examples(model, dataset.test.inputs[:_EXAMPLES])
        text = card(recipe, origin, seed, training_seconds, measured, store)
        folder = save(store, manifest, model, examples, text, measured.pictures)
        verify(load(folder))
        state.remove()
    return Fitted(folder, figures, time.perf_counter() - started)


def _origin(recipe: Recipe, model: Predictor | Generator, dataset: Dataset, seed: int, measured: Measurement) -> Origin:
    return Origin(
        command=fit_command(recipe, measured.arguments, seed),
        machine=machine(next(model.parameters()).device),
        tested=f"test split, {len(dataset.test.inputs)} rows",
        samples=measured.samples,
    )


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
