"""Inputs of another kind than those that a predictor was fitted to (out of distribution, OOD)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.checkpoints.checkpoint import GeneratorSpec, PredictorSpec
from models.noise import Permutation, Site, Uniform, draw_noise
from models.parts import describe_parts
from models.specs import InputSpec
from training import data
from training.data import Options
from training.data.file_rows import FileRows
from training.errors import DataError
from training.evaluation.checkpoints import check_shape

_MOST_NOISE_ROWS = 2000


@dataclass(frozen=True)
class OodInputs:
    """Inputs that a predictor should tell apart from those of its own data set.

    Attributes:
        name: Name of the data.
        rows: Raw rows ``(N, *shape)``, in the range of the predictor's own inputs; read as they are needed where they
            are more than memory is meant to hold.
    """

    name: str
    rows: Tensor


def load_ood(name: str, spec: PredictorSpec | GeneratorSpec, options: Options) -> OodInputs:
    """Load the test inputs of other data, with their range mapped to that of the model's own.

    Args:
        name: Name of a data set, or a path.
        spec: Specification of the model.
        options: How to read a path: the options that the model's own data were read with.

    Raises:
        DataError: if there are no such data, or if the model does not take such rows.
        InputValueError: if the model does not take their values.
    """
    if not isinstance(spec, PredictorSpec):
        raise DataError("a generator says nothing about inputs of another kind: --ood is for predictors")
    if spec.inputs.parts:
        raise DataError(f"--ood reads data of one input, and the model takes {describe_parts(spec.inputs)}")
    dataset = data.load(name, options=Options() if data.is_named(name) else options)
    check_shape(dataset, spec.inputs)
    if dataset.inputs.names != spec.inputs.names:
        raise DataError(f"the columns of {dataset.name!r} are not those that the model takes")
    rows, source, inputs = dataset.test.inputs, dataset.inputs, spec.inputs
    if isinstance(rows, FileRows):
        one = rows.mapped(lambda row: inputs.rows(rescale(row[None].float(), source, inputs))[0], torch.float32)
        return OodInputs(dataset.name, one)
    return OodInputs(dataset.name, inputs.rows(rescale(rows.float(), source, inputs)))


def uniform_noise(inputs: InputSpec, rows: int) -> OodInputs | None:
    """Return images whose pixels are uniform over their range, 2000 at most.

    Args:
        inputs: Specification of the inputs; those that are not images or have no range give ``None``.
        rows: Number of images.
    """
    if inputs.kind != "image" or inputs.low is None or inputs.high is None:
        return None
    site = Site("pixels", inputs.shape, Uniform(inputs.low, inputs.high))
    pixels = draw_noise([site], 0, min(rows, _MOST_NOISE_ROWS))["pixels"]
    return OodInputs("uniform noise", pixels.clamp(inputs.low, inputs.high))


def shuffle_columns(inputs: InputSpec, rows: Tensor) -> OodInputs | None:
    """Return rows whose columns are shuffled, each by itself: every value is one of theirs, their combination is not.

    The features of one column, as those of its categories, stay together; so do the steps of a sequence.

    Args:
        inputs: Specification of the rows; pictures, sequences of different lengths and a single column give ``None``.
        rows: Rows of a table ``(N, features)``, or sequences ``(N, steps, features)``.
    """
    if inputs.kind not in ("table", "sequence") or bool(rows.isnan().any()):
        return None
    table = inputs.table
    widths = [1] * inputs.shape[-1] if table is None else [len(column.features) for column in table.columns]
    if len(widths) < 2:
        return None
    sites = [Site(f"column {number}", (len(rows),), Permutation()) for number in range(len(widths))]
    orders = draw_noise(sites, 0, 1)
    shuffled = [part[orders[site.name][0]] for site, part in zip(sites, torch.split(rows, widths, -1), strict=True)]
    return OodInputs("test rows with every column shuffled by itself", torch.cat(shuffled, -1))


def rescale(rows: Tensor, source: InputSpec, target: InputSpec) -> Tensor:
    """Map rows from the range of one specification to that of another; without both ranges they stay as they are.

    Args:
        rows: Raw rows of any shape.
        source: Specification of these rows.
        target: Specification whose smallest and largest values they get.
    """
    if source.low is None or source.high is None or target.low is None or target.high is None:
        return rows
    unit = (rows - source.low) / (source.high - source.low)
    return (unit * (target.high - target.low) + target.low).clamp(target.low, target.high)
