"""How good a checkpoint is, on the data of its recipe or on others of the same shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Model, PredictorSpec, load
from models.checkpoints.selftest import verify
from models.errors import CheckpointError
from models.prediction.calibration import Calibration
from models.prediction.predictor import Predictor
from models.specs import InputSpec
from training import data
from training.data import Dataset, Options
from training.errors import DataError
from training.evaluation.inception import Inception
from training.evaluation.measurement import Measurement, Metrics
from training.evaluation.metrics import Strange, Subject, generation, judge
from training.evaluation.metrics.generation import Gallery
from training.evaluation.plots.generation import hung
from training.evaluation.plots.prediction import drawn

FamilyMetrics = Callable[[Model, Dataset, int, int], Metrics]
"""From a model, its data, the number of samples and the seed to metrics that only models of its family have."""

SAMPLES = 50
SEED = 0
"""Of the figures on a predictor's card: what the service answers by default."""


def measure(
    model: Model,
    dataset: Dataset,
    family_metrics: FamilyMetrics,
    samples: int | None = None,
    seed: int = SEED,
    strange: Strange | None = None,
    calibration: Calibration | None = None,
    *,
    draw: bool = False,
    inception: Inception | None = None,
) -> Measurement:
    """All figures of a model in evaluation mode: those of its kind, and those of its family.

    Args:
        model: A trained model in evaluation mode.
        dataset: Data whose test split is measured.
        family_metrics: What its recipe measures beside the metrics of all models of its kind.
        samples: Draws of a prediction, 50 if none are given; 0 is the posterior's mean. For a generator, images to
            make, 10 000 if no number is given.
        seed: Of the draws, or of the first image.
        strange: Inputs that a predictor should tell from the data set's.
        calibration: Of the predictor.
        draw: Whether to make the pictures too.
        inception: For a generator, to take features of besides those of this project's own judge.

    Raises:
        DataError: for a generator that is to make less than two images.
    """
    started = time.perf_counter()
    if isinstance(model, Predictor):
        samples = model.available_samples(SAMPLES if samples is None else samples)
        subject = Subject(model, dataset, samples, seed, strange, calibration)
        figures, pictures, remark = judge(subject), drawn(subject) if draw else {}, ""
    else:
        samples = generation.usual_number(dataset.inputs) if samples is None else samples
        if samples < 2:
            raise DataError(f"a generator is judged by at least 2 images, not {samples}")
        gallery = Gallery(model, dataset, samples, seed, inception)
        figures, pictures = generation.judge(gallery), hung(gallery) if draw else {}
        remark = generation.remark(gallery)
    figures |= family_metrics(model, dataset, samples, seed)
    seconds = time.perf_counter() - started
    return Measurement(figures, samples, seed, seconds, pictures, dataset.arguments, remark)


def written(pictures: Mapping[str, bytes], folder: Path) -> list[str]:
    """The names of the pictures, once all are in the folder, which is made if it is not there.

    Raises:
        OSError: if one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    return sorted(pictures)


def load_strange(name: str, spec: PredictorSpec | GeneratorSpec, options: Options) -> Strange:
    """The test inputs of other data, with their range mapped to that of the model's own.

    Args:
        name: Of a data set, or a path.
        spec: Of the model.
        options: How to read a path; those of the model's own data.

    Raises:
        DataError: if there are none, or the model does not take such rows.
        InputValueError: if the model does not take their values.
    """
    if not isinstance(spec, PredictorSpec):
        raise DataError("a generator says nothing of inputs of another kind")
    named = name in {**data.BUNDLED, **data.FROM_FILES}
    dataset = data.load(name, options=Options() if named else options)
    _check_shape(dataset, spec.inputs)
    if dataset.inputs.names != spec.inputs.names:
        raise DataError(f"the columns of {dataset.name!r} are not those that the model takes")
    rows = dataset.test.rows(slice(None)).inputs
    return Strange(dataset.name, spec.inputs.rows(rescaled(rows, dataset.inputs, spec.inputs)))


def rescaled(rows: Tensor, own: InputSpec, wanted: InputSpec) -> Tensor:
    """Raw rows whose smallest and largest possible values are another model's; as they are if either has no range."""
    if own.low is None or own.high is None or wanted.low is None or wanted.high is None:
        return rows
    unit = (rows - own.low) / (own.high - own.low)
    return (unit * (wanted.high - wanted.low) + wanted.low).clamp(wanted.low, wanted.high)


def check_fits(checkpoint: Checkpoint, dataset: Dataset) -> None:
    """Raise unless the model takes the rows of this data set and predicts its targets.

    Raises:
        DataError: saying what differs.
    """
    spec = checkpoint.manifest.model
    inputs, outputs = (spec.inputs, spec.outputs) if isinstance(spec, PredictorSpec) else (spec.images, None)
    _check_shape(dataset, inputs)
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


def _check_shape(dataset: Dataset, inputs: InputSpec) -> None:
    if inputs.shape != dataset.inputs.shape:
        raise DataError(
            f"rows of {dataset.name!r} have the shape {dataset.inputs.shape}; the model takes {inputs.shape}"
        )
