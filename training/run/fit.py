"""Fitting: a recipe and data become a verified checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Manifest, Model, Origin, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples, verify
from models.errors import ModelStructureError
from models.generators.vae import VAE
from models.guarantees.calibration import CalibrationRows
from models.prediction.graph_network import GraphNetwork
from models.prediction.predictor import Predictor
from training.data import Dataset, Split
from training.data.file_rows import join_rows
from training.errors import RecipeError
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Measurement, Metrics
from training.evaluation.plots import training_curves
from training.loops.processes import check_alike, check_batch, describe_processes, is_restarted
from training.loops.progress import Epoch, Kept, Run
from training.loops.state import StateFile, fingerprint
from training.loops.training_log import TrainingLog
from training.recipes.kinds.published import find_missed_lines
from training.recipes.kinds.recipe import Recipe, assignment
from training.run.calibrate import calibrate, fit_reference
from training.run.card import card, fit_command
from training.run.columns_table import columns_section
from training.run.dispersion import fit_dispersion
from training.run.machine import machine
from training.run.temperature import fit_temperature
from training.seeds import initialised

_EXAMPLES = 12
_AMONG = 300
"""Number of rows that examples are chosen from."""
_POINTS = 100
"""Number of examples where a row is a few numbers: enough to show in a plot where there are data."""


@dataclass(frozen=True)
class Trained:
    """A trained model with its calibration.

    Attributes:
        model: The model in evaluation mode, on the CPU.
        spec: Specification of the model, its temperature included.
        calibration: What the model said of the calibration rows; a generator has none.
        machine: Kind of machine that it was trained on, and the type of its layers if not float32.
        seconds: Duration of the training.
        kept: Epoch that was kept as the best; ``None`` where that is simply the last.
    """

    model: Model
    spec: PredictorSpec | GeneratorSpec
    calibration: CalibrationRows | None
    machine: str
    seconds: float
    kept: Kept | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """Sentences on what was decided for the user: the epoch that was kept, and what the posterior chose."""
        found = self.model.posterior.choices if isinstance(self.model, Predictor) else ()
        return (*([str(self.kept)] if self.kept else []), *found)


@dataclass(frozen=True)
class Fitted:
    """The outcome of a finished run.

    Attributes:
        folder: Folder of the new checkpoint.
        figures: Metrics as in its manifest.
        seconds: Duration of the run, the measurement included.
        cautions: Sentences on metrics that are bad, or that rest on few rows.
        choices: Sentences on what was decided for the user while it was trained.
    """

    folder: Path
    figures: Metrics
    seconds: float
    cautions: Sequence[str] = ()
    choices: Sequence[str] = ()


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

    Args:
        recipe: Recipe of the model.
        dataset: Data to fit it to.
        store: Folder of all checkpoints.
        seed: Seed of the run.
        resume: Whether to continue an interrupted run.
        report: Called with every finished epoch.
        start: Checkpoint whose network's weights to start from, instead of random ones.

    Raises:
        CredenceError: if the data do not fit, the run diverges, or there is nothing to resume.
        OSError: if the store cannot be written.
    """
    started, state = time.perf_counter(), state_file(recipe, dataset, store, seed, start)
    recipe.spec(dataset)  # refuses data that do not fit before anything is written
    resume = _agree(recipe, dataset, state, resume)
    state.check_writable()
    log = TrainingLog(state.path.with_suffix(""))

    def noted(epoch: Epoch) -> None:
        log.note(epoch)
        report(epoch)

    with state.alone():
        if not resume:
            log.remove()
        try:
            trained = train(recipe, dataset, Run(seed, state, resume, noted), start)
        except KeyboardInterrupt:
            state.flush()
            raise
        trained = replace(trained, seconds=state.seconds)  # those before an interruption count
        measured = measure(trained.model, dataset, recipe.metrics, calibration=trained.calibration, plots=True)
        plots = {**measured.plots, **training_curves.render_plots(log)}
        cautions = (*measured.cautions, *find_missed_lines(recipe.published, measured.metrics))
        measured = replace(measured, plots=plots, cautions=cautions)
        command = fit_command(recipe, measured.arguments, seed, start.manifest if start else None)
        shares = describe_processes(recipe.settings.batch)
        choices = (*dataset.notes, *recipe.choices, *shares, *trained.choices)
        origin = Origin(
            command,
            trained.machine,
            tested(dataset),
            measured.samples,
            recipe.source,
            choices,
            dataset.fingerprint,
            dataset.reading,
        )
        folder, figures = publish(recipe, dataset, store, seed, trained, measured, origin)
        state.remove()
        log.remove()
    return Fitted(folder, figures, time.perf_counter() - started, measured.cautions, trained.choices)


def assist(
    recipe: Recipe, dataset: Dataset, store: Path, seed: int, *, resume: bool, start: Checkpoint | None = None
) -> None:
    """Take part in the training of :func:`fit`, whose arguments these are, as a process that is not the first.

    Raises:
        CredenceError: as :func:`fit` does, or if another process has ended.
    """
    state = state_file(recipe, dataset, store, seed, start)
    resume = _agree(recipe, dataset, state, resume)
    fit_weights(recipe, dataset, Run(seed, state, resume), start)


def _agree(recipe: Recipe, dataset: Dataset, state: StateFile, resume: bool) -> bool:
    """Return whether to resume, in all processes alike: on request, or where torchrun had to start them again."""
    check_batch(min(recipe.settings.batch, len(dataset.train.inputs)))
    resume = resume or (is_restarted() and state.fits())
    check_alike(f"{state.fingerprint} {resume}")
    return resume


def train(recipe: Recipe, dataset: Dataset, run: Run, start: Checkpoint | None = None) -> Trained:
    """Fit the weights to the training split, on a GPU if there is one, and then the calibration.

    Args:
        recipe: Recipe of the model.
        dataset: Data to fit it to.
        run: Seed, state and progress of the run.
        start: Checkpoint whose network's weights to start from, instead of random ones.
    """
    started, spec, device = time.perf_counter(), recipe.spec(dataset), _device()
    trained, kept = fit_weights(recipe, dataset, run, start)
    model, calibration = trained.cpu(), None
    if isinstance(model, Predictor) and isinstance(spec, PredictorSpec):
        rows = dataset.calibration if kept else join_splits(dataset.calibration, dataset.validation)
        spec, calibration = calibrate_all(model, spec, dataset.train, rows)
    elif isinstance(model, VAE) and isinstance(spec, GeneratorSpec):
        spec = fit_dispersion(model, spec, dataset.calibration)
        model = _rebuilt(model, spec)
    where = machine(device) + (", layers in bfloat16" if recipe.in_bfloat16(device) else "")
    return Trained(model, spec, calibration, where, time.perf_counter() - started, kept)


def fit_weights(
    recipe: Recipe, dataset: Dataset, run: Run, start: Checkpoint | None = None
) -> tuple[Model, Kept | None]:
    """Return a new model with its weights fitted, and the epoch that was kept as the best.

    Args:
        recipe: Recipe of the model.
        dataset: Data to fit it to.
        run: Seed, state and progress of the run.
        start: Checkpoint whose network's weights to start from, instead of random ones.
    """
    model = initialised(recipe.spec(dataset), run.seed)
    if start is not None:
        _start_from(model, start, taken_as_it_is=not recipe.settings.epochs)
    model = model.to(_device())
    return model, recipe.train(model, dataset, run)


def calibrate_all(
    model: Predictor, spec: PredictorSpec, train: Split, rows: Split
) -> tuple[PredictorSpec, CalibrationRows | None]:
    """Fit all that comes after the weights: temperature, reference and calibration.

    Args:
        model: A trained predictor, which is changed.
        spec: Its specification.
        train: Rows that it was trained on.
        rows: Rows that nothing else has seen.

    Returns:
        The specification with what was fitted, and the calibration.
    """
    fit_temperature(model, rows)
    fit_reference(model, train)
    assert model.reference is not None  # as it was fitted just now
    fitted = msgspec.structs.replace(spec, outputs=model.outputs, reference=model.reference.spec)
    return fitted, calibrate(model, rows)


def publish(
    recipe: Recipe,
    dataset: Dataset,
    store: Path,
    seed: int,
    trained: Trained,
    measured: Measurement,
    origin: Origin,
    more: str = "",
) -> tuple[Path, Metrics]:
    """Save a model under the recipe's name, as the next version in the store, and verify that it can be read.

    Args:
        recipe: Recipe of the model.
        dataset: Data that it was fitted to.
        store: Folder of all checkpoints.
        seed: Seed of the training run.
        trained: The model with its calibration.
        measured: Its metrics and plots.
        origin: Command and machine that trained it.
        more: Further sections of the card, in markdown.

    Returns:
        The new checkpoint's folder and figures.
    """
    figures = {**measured.metrics, "training_seconds": round(trained.seconds, 1)}
    manifest = Manifest(recipe.name, 0, trained.spec, dataset.name, seed, figures, origin=origin)
    kept = examples(trained.model, dataset)
    text = (
        card(recipe, trained.spec, origin, seed, trained.seconds, measured, store)
        + columns_section(dataset.findings)
        + more
    )
    folder = save(store, manifest, trained.model, kept, text, measured.plots, trained.calibration)
    verify(load(folder))
    return folder, figures


def examples(model: Model, dataset: Dataset) -> dict[str, Tensor]:
    """Return rows of the test split with the model's answers, and with their targets where a row has one."""
    known = dataset.outputs is not None and not dataset.positions
    split = _whole_rows(dataset.test)
    if dataset.inputs.kind == "table":
        inputs, targets = split.rows(slice(_POINTS))
    else:  # of different classes, where there are classes
        among = split.targets[:_AMONG]
        classes = known and among.ndim == 1
        earlier = (among[:, None] == among).tril(-1).sum(1) if classes else torch.zeros(len(among))
        inputs, targets = split.rows(earlier.argsort(stable=True)[:_EXAMPLES])
    return canary_examples(model, inputs) | ({"targets": targets} if known else {})


def _rebuilt(model: VAE, spec: GeneratorSpec) -> Model:
    """Return a model of another specification with the same weights."""
    other = spec.build()
    other.load_state_dict(model.state_dict())
    return other


def _whole_rows(split: Split) -> Split:
    """Return the sequences of full length; where there is none, all of them with zeros after their end."""
    if not split.inputs.is_floating_point() or not (ended := split.inputs.isnan()).any():
        return split
    whole = ~ended.flatten(1).any(1)
    return split.rows(whole) if whole.any() else Split(split.inputs.nan_to_num(), split.targets)


def join_splits(calibration: Split, validation: Split) -> Split:
    """Return calibration rows and those of validation, which decided nothing where no epoch was chosen by them."""
    rows = Split(*(join_rows(tensors) for tensors in zip(calibration, validation, strict=True)))
    return rows.widened_if_small()


def tested(dataset: Dataset) -> str:
    """Describe the rows that metrics are measured on."""
    return f"{dataset.test_name}, {len(dataset.test.inputs)} rows"


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _start_from(model: Model, start: Checkpoint, taken_as_it_is: bool) -> None:
    if not isinstance(model, Predictor) or not isinstance(start.model, Predictor):
        raise RecipeError("only a predictive model can start from the weights of another one")
    if isinstance(start.model.posterior.network, GraphNetwork):
        raise RecipeError(
            f"{start.manifest.name} was imported: its network is a graph, which is not trained further; start from a"
            " model that was fitted here"
        )
    try:
        model.posterior.initialise_from(start.model.posterior.network)
    except ModelStructureError as error:
        theirs = start.manifest.model
        assert isinstance(theirs, PredictorSpec)  # as its model is a predictor
        network = " ".join([theirs.network.name, *map(assignment, theirs.network.config.items())])
        raise RecipeError(
            f"{start.manifest.name} has another network: {network}; give its hyper-parameters with --set"
        ) from error
    if taken_as_it_is:
        model.likelihood.load_state_dict(start.model.likelihood.state_dict())


def state_file(recipe: Recipe, dataset: Dataset, store: Path, seed: int, start: Checkpoint | None = None) -> StateFile:
    """Return the file that keeps the state of a run of this recipe on these data."""
    weights = () if start is None else start.model.state_dict().values()
    rounded = " bfloat16" if recipe.in_bfloat16(_device()) else ""
    decides = fingerprint(f"{recipe} {seed}{rounded}", (*dataset.train, *dataset.validation, *weights))
    return StateFile(store / ".training" / f"{recipe.name}.safetensors", decides)
