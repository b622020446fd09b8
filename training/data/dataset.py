"""Data sets: raw values in four splits, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, TypeVar

import msgspec
import torch
from torch import Tensor

from models.pictures import PictureSpec
from models.specs import InputSpec, OutputSpec
from training.data.file_rows import FileRows


@dataclass(frozen=True)
class Finding:
    """One column of a table as it was found, with what becomes of it.

    Attributes:
        column: Its name in the header.
        kind: Kind of its values.
        unit: Unit, if the header has one.
        values: Its categories or classes, or its range among the training rows.
        missing: Number of rows where its value is missing.
        becomes: Features or the like that it becomes.
    """

    column: str
    kind: str
    unit: str
    values: str
    missing: int
    becomes: str


_Spec = TypeVar("_Spec", InputSpec, OutputSpec)


LARGE = 64_000_000
"""Number of values in a split from which bytes are widened only a batch at a time: as float32 they take 256 MB."""


class Split(NamedTuple):
    """Rows of one split.

    Large images and masks stay bytes, or even files; :meth:`rows` reads and widens them, a batch at a time.

    Attributes:
        inputs: Raw values ``(N, *shape)``, float32, uint8 or, of pictures with 16 bits a channel, uint16.
        targets: Class indices ``(N,)``, one per step ``(N, T)`` or per pixel ``(N, height, width)``, integers; or raw
            targets, float32 ``(N, D)`` or ``(N, T, D)``. Where nothing was observed (void pixels, steps beyond the
            end of a sequence) an index is ``VOID`` and a value NaN.
    """

    inputs: Tensor
    targets: Tensor

    def rows(self, chosen: Tensor | slice) -> Split:
        """Return some of the rows, the inputs as float32 and class indices as int64."""
        targets = self.targets[chosen]
        widened = targets if targets.is_floating_point() else targets.long()
        return Split(self.inputs[chosen].to(torch.float32), widened)

    def widened_if_small(self) -> Split:
        """Return all rows as :meth:`rows` does, unless that takes much memory."""
        stays = self.inputs.numel() >= LARGE or isinstance(self.inputs, FileRows)
        return self if stays else self.rows(slice(None))


class Splits(NamedTuple):
    """All rows, each in one split; :class:`Dataset` says what each split is for."""

    train: Split
    validation: Split
    calibration: Split
    test: Split


@dataclass(frozen=True)
class Truth:
    """The functions ``(N, 1)`` to ``(N, 1)`` that data were generated with, which estimates can be compared with.

    Attributes:
        mean: Mean of the target, in its units.
        deviation: Standard deviation of the noise, in the same units.
    """

    mean: Callable[[Tensor], Tensor]
    deviation: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Dataset:
    """A data set that models are fitted to.

    Attributes:
        name: First part of a model's name.
        inputs: Specification of a row, its statistics from the training split.
        outputs: Specification of the target, its statistics from the training split; ``None`` without targets.
        train: Rows that fit the weights.
        validation: Rows that decide what is selected: when to stop, hyper-parameters, a threshold.
        calibration: Rows that fit what comes after the weights: a temperature, conformal quantiles. Nothing else sees
            these rows, which gives a conformal interval its coverage.
        test: Rows for the card; nothing is ever selected by them.
        truth: Functions that generated data came from.
        outside: Inputs ``(M, *shape)`` of generated data where there are no training rows.
        arguments: Command-line arguments that load these data again from the folder where they are; empty for data
            that are known by name.
        fingerprint: Hash of the file or folder that they were read from; empty for data that are known by name.
        reading: Options that they were read with, as on the command line.
        notes: Sentences on what was decided while the data were read, for the user.
        findings: Finding on each column of a table, and its fate.
        test_name: Name of the rows that ``test`` holds: the data's own test split, or what takes its place.
        place_of: Function from the name of a split and the number of one of its rows, as they were read, to the place
            of that row in the file; ``None`` where rows have none.
    """

    name: str
    inputs: InputSpec
    outputs: OutputSpec | None
    train: Split
    validation: Split
    calibration: Split
    test: Split
    truth: Truth | None = None
    outside: Tensor | None = None
    arguments: str = ""
    fingerprint: str = ""
    reading: str = ""
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    test_name: str = "test split"
    place_of: Callable[[str, int], str] | None = None

    @property
    def positions(self) -> tuple[int, ...]:
        """Shape of one row's outcomes: ``()`` if it has one, ``(steps,)``, or ``(height, width)``."""
        targets = self.train.targets
        return tuple(targets.shape[1:-1] if targets.is_floating_point() else targets.shape[1:])

    @property
    def ragged(self) -> bool:
        """Whether sequences differ in length, so that NaN fills the end of some."""
        parts = (self.train, self.validation, self.calibration, self.test)
        return self.inputs.kind == "sequence" and any(bool(part.inputs.isnan().any()) for part in parts)

    def refit(self) -> Self:
        """Return the data with all rows but the test's to train on, and a table's statistics from all of these.

        For protocols that select on held-out rows and then fit again: what stays in ``validation`` and ``calibration``
        has been seen by such a model.

        References:
            Gal & Ghahramani (2016), Dropout as a Bayesian Approximation, the UCI experiments.
        """
        parts = self.train, self.validation, self.calibration
        return self._trained_on(Split(*(torch.cat(tensors) for tensors in zip(*parts, strict=True))))

    def hold_out(self, rows: slice) -> Self:
        """Return the data with some training rows as the ``validation``, and a table's statistics from the others."""
        stay = torch.ones(len(self.train.inputs), dtype=torch.bool)
        stay[rows] = False
        return replace(self._trained_on(self.train.rows(stay)), validation=self.train.rows(rows))

    def _trained_on(self, train: Split) -> Self:
        inputs, outputs = self.inputs, self.outputs
        if inputs.kind == "table":
            inputs = _with_moments(inputs, train.inputs)
        if outputs is not None and outputs.scale:
            outputs = _with_moments(outputs, train.targets)
        return replace(self, inputs=inputs, outputs=outputs, train=train, place_of=None)


def moments(values: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of every column; a constant column has deviation 1.

    Args:
        values: Values ``(..., D)``. Rows with NaN, the steps beyond the end of a sequence, do not count.
    """
    columns = values.reshape(-1, values.shape[-1]).double()
    columns = columns[~columns.isnan().any(-1)]
    varies = (columns != columns[:1]).any(0)
    deviation = torch.where(varies, columns.std(0), torch.ones(columns.shape[1], dtype=torch.float64))
    return tuple(columns.mean(0).tolist()), tuple(deviation.tolist())


def table_spec(train: Tensor, names: tuple[str, ...]) -> InputSpec:
    """Return the specification of rows of named features, each standardised on its own.

    Args:
        train: Raw rows of the training split, ``(N, features)``.
        names: Names of the features.
    """
    return InputSpec("table", tuple(train.shape[1:]), *moments(train), names=names)


def image_spec(train: Tensor, low: float | None, high: float | None, picture: PictureSpec | None = None) -> InputSpec:
    """Return the specification of images, standardised by one mean and one deviation for all pixels.

    Args:
        train: Raw images of the training split, ``(N, channels, height, width)``.
        low: Smallest possible value, if there is one.
        high: Largest possible value, if there is one.
        picture: How picture files became these rows, if they did.
    """
    mean, scale = _moments_of_all(train)
    return InputSpec("image", tuple(train.shape[1:]), mean, scale, low, high, picture=picture)


def target_spec(train: Tensor, names: tuple[str, ...]) -> OutputSpec:
    """Return the specification of real targets, each standardised on its own.

    Args:
        train: Raw targets of the training split, ``(..., D)``.
        names: Names of the targets, with their units.
    """
    return OutputSpec("regression", names, *moments(train))


def _moments_of_all(values: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of all values; levels are counted, without a copy in double precision."""
    if values.is_floating_point():
        return moments(values.reshape(-1, 1))
    levels = torch.iinfo(values.dtype).max + 1
    counts = sum(torch.bincount(row.flatten().int(), minlength=levels) for row in values)
    assert isinstance(counts, Tensor)  # a split has rows
    level = torch.arange(levels, dtype=torch.float64)
    mean = (counts * level).sum() / counts.sum()
    variance = (counts * (level - mean).square()).sum() / (counts.sum() - 1).clamp_min(1)
    return (float(mean),), (float(variance.sqrt()) or 1.0,)


def _with_moments(spec: _Spec, values: Tensor) -> _Spec:
    mean, scale = moments(values)
    return msgspec.structs.replace(spec, mean=mean, scale=scale)
