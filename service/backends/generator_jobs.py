"""Jobs for backends of generators, and their results: seeds, codes and pixels as arrays and plain facts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

R = TypeVar("R")
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Operation = Literal["generate", "traverse", "interpolate", "mix", "encode", "reconstruct", "project"]
Value = float | str | Sequence[float | str] | Sequence[Sequence[float]]
"""A control's value as a request gives it: one for every image, or one per image; a choice by its name."""
Codes = Mapping[str, NDArray[Any]]
"""Latent codes by the control's name, one row per image: float32, or int64 where a code is an index."""


class GeneratorJob(ABC, Generic[R]):
    """A request's share of a batch, whose result is an ``R``."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of images: the measure of its work."""


@dataclass(frozen=True)
class Generation:
    """Images and the codes that made them.

    Attributes:
        images: Pixels in [0, 1], ``(n, channels, height, width)``.
        codes: Values of the controls that are one number per image, ``(n,)`` each.
    """

    images: Float32Array
    codes: Codes


@dataclass(frozen=True)
class Sweep:
    """Values that one control takes in turn, or one component of a vector.

    Attributes:
        control: Name of the control.
        index: Index of the component; ``None`` if the control is one value.
        values: The values as codes hold them, ``(steps,)``.
    """

    control: str
    index: int | None
    values: NDArray[Any]


@dataclass(frozen=True)
class GenerateJob(GeneratorJob[Generation]):
    """Images of seeds.

    Attributes:
        seeds: One seed an image.
        codes: Codes in place of drawn ones, a row per image.
    """

    seeds: Sequence[int]
    codes: Codes = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of images: the measure of its work."""
        return len(self.seeds)


@dataclass(frozen=True)
class TraverseJob(GeneratorJob[Generation]):
    """A grid of images, row by row, in which one or two controls move and everything else is held.

    Attributes:
        seed: Seed of the code that is held.
        codes: Codes in place of drawn ones, one row.
        rows: Values from row to row; ``None`` if there is one row.
        columns: Values from column to column; ``None`` if there is one column.
    """

    seed: int
    codes: Codes
    rows: Sweep | None
    columns: Sweep | None

    @property
    def size(self) -> int:
        """Number of images: the measure of its work."""
        return math.prod(len(sweep.values) for sweep in (self.rows, self.columns) if sweep is not None)


@dataclass(frozen=True)
class InterpolateJob(GeneratorJob[Generation]):
    """Images on the way from one code to another, both ends included.

    Attributes:
        ends: The first and the last code.
        steps: Number of images.
        method: ``slerp`` turns Gaussian noise along the great circle; ``lerp`` goes straight.
    """

    ends: tuple[GenerateJob, GenerateJob]
    steps: int
    method: Literal["lerp", "slerp"]

    @property
    def size(self) -> int:
        """Number of images: the measure of its work."""
        return self.steps


@dataclass(frozen=True)
class MixJob(GeneratorJob[Generation]):
    """Images whose layers have the styles of different seeds.

    Attributes:
        seeds: One seed an image, for everything but the levels below.
        levels: One seed an image for a level of layers, by the level's name.
        codes: Codes in place of drawn ones, a row per image.
    """

    seeds: Sequence[int]
    levels: Mapping[str, Sequence[int]]
    codes: Codes = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of images: the measure of its work."""
        return len(self.seeds)


ImagesJob = GenerateJob | TraverseJob | InterpolateJob | MixJob
"""Jobs that make images; those of one model share a batch whatever their kind."""

Readings = Mapping[str, Mapping[str, NDArray[Any]]]
"""Per control: ``mean`` and ``variance``, or ``probabilities`` and the likeliest ``value``; one entry an image."""


@dataclass(frozen=True)
class EncodeJob(GeneratorJob[Readings]):
    """Images to read codes off.

    Attributes:
        pixels: Pixels in [0, 1], ``(B, channels, height, width)``.
    """

    pixels: Float32Array

    @property
    def size(self) -> int:
        """Number of images: the measure of its work."""
        return len(self.pixels)


@dataclass(frozen=True)
class Reconstruction:
    """Reconstructed images.

    Attributes:
        statistics: Statistics of the pixels, ``(B, channels, height, width)``; ``None`` where nothing was estimated.
        readings: The codes that the images were reconstructed from.
    """

    statistics: Mapping[str, Float64Array | None]
    readings: Readings


@dataclass(frozen=True)
class ReconstructJob(GeneratorJob[Reconstruction]):
    """Images to reconstruct.

    Attributes:
        pixels: Pixels in [0, 1], ``(B, channels, height, width)``.
        samples: Number of codes drawn for each image; 0 is the posterior's mean.
        seed: Seed of the draws.
    """

    pixels: Float32Array
    samples: int
    seed: int

    @property
    def size(self) -> int:
        """Number of images made, one for each code: the measure of its work."""
        return len(self.pixels) * max(1, self.samples)


@dataclass(frozen=True)
class FoundStyle:
    """The best that a search for the style of an image has found so far.

    Attributes:
        w: The style, ``(w,)``.
        image: The image that it makes, with pixels in [0, 1], ``(channels, height, width)``.
        loss: Mean squared difference to the given image, in pixels and features.
        step: Number of steps done.
        steps: Number of steps of the whole search.
    """

    w: NDArray[Any]
    image: Float32Array
    loss: float
    step: int
    steps: int


@dataclass(frozen=True)
class SearchProgress:
    """The state of a search after a slice of time.

    Attributes:
        found: The best so far; ``None`` if the slice found nothing.
        ended: ``True`` if the search is at its end.
    """

    found: FoundStyle | None
    ended: bool


@dataclass(frozen=True, eq=False)
class ProjectJob(GeneratorJob[SearchProgress]):
    """One search for the style of an image: each run of the same job takes it a slice of time further.

    Attributes:
        pixels: Pixels in [0, 1], ``(channels, height, width)``.
    """

    pixels: Float32Array

    @property
    def size(self) -> int:
        """Number of images: the measure of its work."""
        return 1
