"""From a recipe and data to a verified checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from models.calibration import Calibration
from models.checkpoint import Checkpoint, GeneratorSpec, Manifest, PredictorSpec, load, save
from models.generator import Generator
from models.predictor import Predictor
from models.selftest import canary_examples, verify
from training.calibrate import calibrate, fit_temperature
from training.card import card
from training.data import Dataset
from training.errors import RecipeError
from training.evaluate import measure
from training.progress import Epoch, Run
from training.recipe import Figures, Recipe
from training.seeds import initialised
from training.state import StateFile, fingerprint

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
    recipe: Recipe,
    dataset: Dataset,
    store: Path,
    seed: int,
    *,
    resume: bool,
    report: Callable[[Epoch], None],
    start: Checkpoint | None = None,
) -> Fitted:
    """Train, measure and save a model under the recipe's name, as the next version in the store.

    It is trained on a GPU if there is one, and measured on the CPU.

    Args:
        start: Whose network's weights to start from in place of random ones.

    Raises:
        CredenceError: if the data do not fit, the run diverges, or there is nothing to resume.
        OSError: if the store cannot be written.
    """
    started = time.perf_counter()
    spec, state = recipe.spec(dataset), state_file(recipe, dataset, store, seed, start)
    model = initialised(spec, seed)
    if start is not None:
        _start_from(model, start)
    state.check_writable()
    try:
        recipe.train(model.to(_device()), dataset, Run(seed, state, resume, report))
    except KeyboardInterrupt:
        state.flush()
        raise
    spec, calibration = _calibrated(spec, model.cpu(), dataset)
    training_seconds = time.perf_counter() - started
    measured = measure(recipe, model, dataset, draw=True)
    figures = {**measured.figures, "training_seconds": round(training_seconds, 1)}
    manifest = Manifest(recipe.name, 0, spec, dataset.name, seed, figures, calibration)
    examples = canary_examples(model, dataset.test.inputs[:_EXAMPLES])
    text = card(recipe, seed, training_seconds, measured, store, start)
    folder = save(store, manifest, model, examples, text, measured.pictures)
    verify(load(folder))
    state.remove()
    return Fitted(folder, figures, time.perf_counter() - started)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _start_from(model: Predictor | Generator, start: Checkpoint) -> None:
    if not isinstance(model, Predictor) or not isinstance(start.model, Predictor):
        raise RecipeError("only a predictive model can start from the weights of another one")
    model.posterior.initialise_from(start.model.posterior.network)


def _calibrated(
    spec: PredictorSpec | GeneratorSpec, model: Predictor | Generator, dataset: Dataset
) -> tuple[PredictorSpec | GeneratorSpec, Calibration | None]:
    """What is fitted after the weights; a generator has nothing of it."""
    if not isinstance(model, Predictor) or not isinstance(spec, PredictorSpec):
        return spec, None
    fit_temperature(model, dataset.calibration)
    return msgspec.structs.replace(spec, outputs=model.outputs), calibrate(model, dataset.calibration)


def state_file(recipe: Recipe, dataset: Dataset, store: Path, seed: int, start: Checkpoint | None = None) -> StateFile:
    """Where a run of this recipe on these data keeps its state."""
    weights = () if start is None else start.model.state_dict().values()
    decides = fingerprint(f"{recipe} {seed}", (*dataset.train, *dataset.validation, *weights))
    return StateFile(store / ".training" / f"{recipe.name}.safetensors", decides)
