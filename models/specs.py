"""The inputs and outputs of a model, in the user's own values and units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray
from torch import Tensor

from models.errors import ControlError, InputShapeError, InputValueError, list_names
from models.pictures import PictureSpec
from models.tables import TableSchema

_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST = float(np.finfo(np.float32).tiny)

Task = Literal["classification", "segmentation", "regression", "multilabel"]
Support = Literal["real", "positive", "count"]
"""The values that a regression's target can have: any, those above 0, or whole numbers from 0."""

Side = Annotated[int, Meta(ge=1)]
"""Length of an axis."""
Centre = Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]
"""A number that float32 has room for."""
Deviation = Annotated[float, Meta(ge=_SMALLEST, le=_LARGEST)]
"""A number above 0 that float32 has room for, to divide by."""

VOID = -1
"""Class index of an outcome that counts neither in training nor in a metric."""

_MOST_NAMES = 20
"""Most names in a refusal."""


class InputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The specification of one row of input, as a client sends it and as the network takes it.

    Attributes:
        kind: Kind of row: ``image`` (channels, height, width), ``volume`` (channels, depth, height, width),
            ``sequence`` (steps, features), ``tokens`` (steps) that are whole numbers, ``table`` (features), or
            ``outputs`` of a model that lives elsewhere (:mod:`models.prediction.outputs_form`).
        shape: Shape of one row.
        mean: Mean that is subtracted from a raw row: one value, or one per feature or channel.
        scale: Deviation that this is divided by: one value, or one per feature or channel.
        low: Smallest raw value allowed; ``None`` if any is.
        high: Largest raw value allowed.
        names: Names of the features of a table or a sequence, with units where they have one.
        table: Raw columns that the features are made of; ``None`` where the features are what a client sends.
        ragged: Whether a sequence may be shorter than ``shape`` says; NaN fills the steps after its end.
        picture: How picture files become rows; without it transparent ones are refused.
        parts: Inputs of a network that takes several, by their names; see :mod:`models.parts`. A row is then a vector
            ``(size,)``, the values of its parts one after the other; mean, scale and the rest are of each part.
    """

    kind: Literal["image", "volume", "sequence", "tokens", "table", "outputs", "parts"]
    shape: Annotated[tuple[Side, ...], Meta(min_length=1)]
    mean: Annotated[tuple[Centre, ...], Meta(min_length=1)] = (0.0,)
    scale: Annotated[tuple[Deviation, ...], Meta(min_length=1)] = (1.0,)
    low: float | None = None
    high: float | None = None
    names: tuple[str, ...] = ()
    table: TableSchema | None = None
    ragged: bool = False
    picture: PictureSpec | None = None
    parts: dict[str, InputSpec] = {}

    def __post_init__(self) -> None:
        """Refuse means or deviations of another number, which would make a row longer as they are applied."""
        for name, values in (("mean", self.mean), ("scale", self.scale)):
            if len(values) not in {1, self.shape[0], self.shape[-1]}:
                raise ValueError(f"{name} has {len(values)} values; allowed are one, or one per feature or channel")

    @property
    def size(self) -> int:
        """Return the number of values of a row."""
        return math.prod(self.shape)

    @property
    def places(self) -> dict[str, slice]:
        """Return where in a row the values of each part are, by its name."""
        ends = dict(zip(self.parts, accumulate(part.size for part in self.parts.values()), strict=True))
        return {name: slice(end - self.parts[name].size, end) for name, end in ends.items()}

    @property
    def grids(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of what may have an answer at every position: of pictures their pixels or voxels."""
        if self.kind in ("image", "volume"):
            return (self.shape[1:],)
        return tuple(grid for part in self.parts.values() for grid in part.grids)

    def rows(self, values: Tensor) -> Tensor:
        """Return raw rows in the shape ``(B, *shape)``; see :meth:`check_rows`."""
        return torch.from_numpy(self.check_rows(values.numpy()))

    def check_rows(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw rows in the shape ``(B, *shape)``; flat rows, and images without their one channel, are taken too.

        Sequences that are shorter, or an array of objects that holds one array for each row, are taken by :meth:`pad`.

        Raises:
            InputShapeError: for another shape, or no row.
            InputValueError: for NaN, infinity, or a value outside ``[low, high]``.
        """
        if self.parts:
            return self._check_parts(values)
        flat, bare = (math.prod(self.shape),), tuple(side for side in self.shape if side != 1)
        shorter = self.ragged and values.ndim > 1 and values.shape[1:] not in {self.shape, flat, bare}
        if values.dtype == object or shorter:
            return self.pad(values)
        if values.ndim < 2 or values.shape[1:] not in {self.shape, flat, bare} or not len(values):
            raise self._shape_error(values.shape)
        with np.errstate(over="ignore"):  # what overflows becomes infinite, which is refused below
            values = values.astype(np.float32, copy=False)
        least, most = values.min(), values.max()  # NaN if there is one, which is neither above nor below anything
        low = -_LARGEST if self.low is None else max(self.low, -_LARGEST)
        high = _LARGEST if self.high is None else min(self.high, _LARGEST)
        if not (least >= low and most <= high) or (self.kind == "tokens" and (values != np.floor(values)).any()):
            raise self._value_error(values)
        return values.reshape(-1, *self.shape)

    def _value_error(self, values: NDArray[np.float32]) -> InputValueError:
        """Return the refusal of values of which one, at least, is not allowed."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        bad = ~np.isfinite(values) | (values < low) | (values > high)
        if self.kind == "tokens":
            bad |= values != np.floor(values)
        bounded = math.isfinite(low) or math.isfinite(high)
        numbers = "whole numbers" if self.kind == "tokens" else "numbers"
        allowed = f"{numbers} from {low:g} to {high:g}" if bounded else "finite float32 numbers"
        pointer = "/inputs/" + "/".join(map(str, np.unravel_index(bad.argmax(), bad.shape)))
        return InputValueError(
            f"{bad.sum()} values are not allowed, the first at {pointer}; allowed are {allowed}", pointer
        )

    def _check_parts(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return rows of several parts ``(B, size)``, checked part by part."""
        if values.ndim != 2 or values.shape[1:] != self.shape or not len(values):
            raise self._shape_error(values.shape)
        for name, place in self.places.items():
            try:
                self.parts[name].check_rows(values[:, place])
            except InputValueError as error:
                raise InputValueError(f"{name}: {error}", error.pointer) from error
        return values.astype(np.float32, copy=False)

    def _shape_error(self, given: tuple[int, ...]) -> InputShapeError:
        """Return the refusal of inputs of a shape, which names the columns that a row has."""
        shapes = dict.fromkeys((self.shape, (math.prod(self.shape),)))
        allowed = " or ".join(f"(rows, {', '.join(map(str, shape))})" for shape in shapes)
        names = f"; a row holds {list_names(self.names, _MOST_NAMES)}" if self.kind == "table" and self.names else ""
        pointer = "/inputs/0" if len(given) > 1 and given[0] else "/inputs"
        return InputShapeError(
            f"inputs have shape {given}; allowed is {allowed}, with at least one row{names}{self._by_name}", pointer
        )

    @property
    def _by_name(self) -> str:
        """The other form that rows may have, for a message."""
        if self.table is None:
            return ""
        record = self.table.example_text
        if self.kind == "sequence":
            return f"; or send lists of records, a record a step, such as [{record}]"
        return f"; or send records such as {record}"

    def pad(self, rows: Sequence[NDArray[Any]] | NDArray[Any]) -> NDArray[np.float32]:
        """Return sequences of different lengths in the shape ``(B, *shape)``, NaN after the end of each.

        Args:
            rows: Steps of each sequence, ``(steps, features)``, or ``(steps,)`` where a step is one number.

        Raises:
            InputShapeError: for a row of another shape, or where the model takes rows of one length alone.
            InputValueError: for a value that :meth:`check_rows` refuses.
        """
        if not self.ragged:
            other = next((i for i, row in enumerate(rows) if row.size != math.prod(self.shape)), 0)
            raise InputShapeError(
                f"the rows of inputs differ in shape; allowed is {self.shape} for each, and row {other} has"
                f" {rows[other].shape}",
                f"/inputs/{other}",
            )
        steps, features = self.shape
        padded = np.empty((len(rows), *self.shape), np.float32)
        padded[:] = self.mean  # an allowed value, which becomes NaN below
        ended = np.ones(padded.shape[:2], bool)
        for i, row in enumerate(rows):
            sequence = row[:, None] if row.ndim == features == 1 else row
            if sequence.ndim != 2 or sequence.shape[1] != features or not 1 <= len(sequence) <= steps:
                raise InputShapeError(
                    f"row {i} of inputs has shape {row.shape}; allowed is (steps, {features}) with 1 to {steps} steps;"
                    f" of a longer sequence send the last ones{self._by_name}",
                    f"/inputs/{i}",
                )
            with np.errstate(over="ignore"):
                padded[i, : len(sequence)] = sequence
            ended[i, : len(sequence)] = False
        checked = self.check_rows(padded)
        checked[ended] = np.nan
        return checked

    def standardise(self, rows: Tensor) -> Tensor:
        """Return standardised rows of raw ones, both ``(B, *shape)``; NaN stays where a sequence has ended."""
        rows = rows.to(torch.float32)  # images may come as bytes
        if self.parts:
            return torch.cat([part.standardise(values).flatten(1) for part, values in self.split(rows)], 1)
        if len(self.mean) == len(self.scale) == 1:  # numbers, as no tensor has to be made of them
            return (rows - self.mean[0]) / self.scale[0]
        each = self._one_each
        return (rows - rows.new_tensor(self.mean).view(each)) / rows.new_tensor(self.scale).view(each)

    def example(self, rows: int = 1) -> Tensor:
        """Return raw rows ``(rows, *shape)`` that standardise to zeros."""
        if self.parts:
            return torch.cat([part.example(rows).flatten(1) for part in self.parts.values()], 1)
        return torch.tensor(self.mean).view(self._one_each) + torch.zeros(rows, *self.shape)

    def split(self, rows: Tensor) -> list[tuple[InputSpec, Tensor]]:
        """Return each part with its values ``(B, *part shape)`` in rows ``(B, size)``."""
        parts = list(self.parts.values())
        values = torch.split(rows, [part.size for part in parts], 1)
        return [(part, one.reshape(-1, *part.shape)) for part, one in zip(parts, values, strict=True)]

    def with_grid(self, grid: tuple[int, ...], rows: Tensor) -> tuple[InputSpec, Tensor]:
        """Return what has the pixels or voxels of a grid in raw rows: the rows, or a part of them, and what they are.

        Args:
            grid: One of the :attr:`grids`.
            rows: Raw rows ``(B, *shape)``.
        """
        parts = self.split(rows) if self.parts else [(self, rows)]
        return next((part, values) for part, values in parts if grid in part.grids)

    @property
    def _one_each(self) -> tuple[int, ...]:
        """The shape of a number for each channel or feature, that goes with rows."""
        return (-1, *[1] * (len(self.shape) - 1)) if self.kind in ("image", "volume") else (-1,)


class OutputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The specification of the outcome that a model predicts.

    Attributes:
        task: Kind of outcome, which decides the statistics that are reported: one class, a class for every pixel, real
            values, or independent yes-or-no labels. Where a network answers at every step, each step has its own.
        names: Names of the classes, of the targets with their units, or of the labels.
        mean: Mean of the raw targets in training, one per target: added back to a regression's standardised answer.
        scale: Standard deviation of the raw targets in training.
        temperature: Divisor of a classification's logits, fitted after the weights (Guo et al., 2017).
        ignore: Raw label of pixels that are void; ``None`` if there is none.
        support: Values that a regression's target can have. Of what is above 0 the logarithm is standardised, and mean
            and scale are the logarithm's; counts are not standardised.
    """

    task: Task
    names: Annotated[tuple[str, ...], Meta(min_length=1)]
    mean: tuple[Centre, ...] = ()
    scale: tuple[Deviation, ...] = ()
    ignore: int | None = None
    temperature: Deviation = 1.0
    support: Support = "real"

    @property
    def size(self) -> int:
        """Return the number of classes, targets or labels."""
        return len(self.names)

    @property
    def outcome(self) -> Task:
        """Return the task of one outcome: a segmentation is a classification of every pixel."""
        return "classification" if self.task == "segmentation" else self.task

    @property
    def deviations(self) -> tuple[float, ...]:
        """Return the standard deviation of each target of a regression in its own units, in training."""
        if self.support != "positive":
            return self.scale
        moments = zip(self.mean, self.scale, strict=True)  # of a logarithm that is Gaussian
        return tuple(math.exp(mean + scale**2 / 2) * math.sqrt(math.expm1(scale**2)) for mean, scale in moments)

    def standardise(self, targets: Tensor) -> Tensor:
        """Return targets in the shape of the raw ones: :data:`VOID` for the label to ignore, mean 0 and deviation 1."""
        if self.ignore is not None:
            return targets.masked_fill(targets == self.ignore, VOID)
        if not self.scale or self.support == "count":
            return targets
        if self.support == "positive":
            targets = targets.log()
        return ((targets - targets.new_tensor(self.mean)) / targets.new_tensor(self.scale)).to(torch.float32)


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named control of a generator's latent code.

    Attributes:
        name: Name in requests.
        kind: Kind of value: ``categorical`` (a whole number from ``low`` to ``high``), ``continuous``, ``vector`` (of
            ``size``), or ``choice`` (one of ``choices``; a latent code holds its index).
        low: Smallest value allowed.
        high: Largest value allowed.
        meaning: Effect of moving it, and its value when a request leaves it out.
        size: Number of components of a ``vector``.
        default: Value when it is left out; ``None`` if it is then drawn from the seed, or absent.
        choices: Names that a ``choice`` takes.
    """

    name: str
    kind: Literal["categorical", "continuous", "vector", "choice"]
    low: float
    high: float
    meaning: str
    size: int = 1
    default: float | None = None
    choices: tuple[str, ...] = ()


def whole_code(size: int) -> Control:
    """Return the control of a normal code z that images are made of."""
    return Control("z", "vector", -10.0, 10.0, "the whole code, standard normal if left out", size=size)


def choice(name: str, choices: tuple[str, ...], default: str, meaning: str) -> Control:
    """Return a control that takes one of some names."""
    return Control(name, "choice", 0, len(choices) - 1, meaning, 1, choices.index(default), choices)


def find_control(controls: Sequence[Control], name: str) -> Control:
    """Return the control of a name.

    Raises:
        ControlError: naming those that exist.
    """
    found = next((control for control in controls if control.name == name), None)
    if found is None:
        raise ControlError(f"there is no control of that name; {offer_controls(controls)}", "")
    return found


def offer_controls(controls: Sequence[Control]) -> str:
    """Return a list of controls in words, as refusals name them."""
    names = ", ".join(control.name for control in controls)
    return f"this family's controls are: {names}" if names else "this family has no controls"
