"""A generator and the real images it is judged beside; what it makes is made once for all figures and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.generation.generator import Codes, Generator
from models.noise import Permutation, Site, draw_noise
from models.specs import InputSpec
from training.data import Dataset
from training.data.dataset import Split
from training.data.pixels import pixels
from training.evaluation.feature_classifier import Judge, judge_of
from training.evaluation.inception import Inception
from training.seeds import seeds_from

IMAGES = 10_000
_VALUES = 256_000_000
"""Pixels of all made images together: 1 GB."""
SHOWN = 100
"""At least so many real images are there, to be shown beside made ones."""
_BLOCK = 500


def usual_number(inputs: InputSpec) -> int:
    """How many images to make if nobody says: 10 000, fewer where these would take more than 1 GB."""
    return min(IMAGES, _VALUES // inputs.example().numel())


@dataclass(frozen=True)
class Gallery:
    """What is judged, and how; all images are ``(N, channels, height, width)`` with pixels in [0, 1].

    Attributes:
        samples: How many images to make, at least 2.
        seed: Of the first; image ``i`` has the seed ``seed + i``.
        inception: With the user's weights, if there are any.
    """

    generator: Generator
    dataset: Dataset
    samples: int
    seed: int
    inception: Inception | None = None

    @cached_property
    def made(self) -> Tensor:
        """Of codes from their seeds alone."""
        return torch.cat([self.images(self.seeds(*ends)) for ends in _blocks(self.samples)])

    @cached_property
    def real(self) -> Tensor:
        """What nothing was fitted to, in a fixed random order: validation, calibration and test, twice ``samples``."""
        held_out = self.dataset.validation, self.dataset.calibration, self.dataset.test
        images = torch.cat([split.inputs for split in held_out])
        site = Site("held out", (len(images),), Permutation())
        order = draw_noise([site], 0, 1)[site.name][0][: 2 * max(self.samples, SHOWN)]
        return pixels(self.dataset.inputs, images[order])

    @cached_property
    def judge(self) -> Judge | None:
        """Of the data set, if its images have classes."""
        return judge_of(self.dataset)

    @cached_property
    def made_features(self) -> Tensor:
        """Of the judge, where there is one."""
        assert self.judge is not None  # who asks has seen that there is
        return self.judge.features(self.made)

    @cached_property
    def real_features(self) -> Tensor:
        """The same of the real images."""
        assert self.judge is not None  # who asks has seen that there is
        return self.judge.features(self.real)

    def images(self, seeds: Sequence[int], codes: Codes | None = None) -> Tensor:
        """Made images of some seeds, under some codes."""
        return self.generator.generate(self.generator.latents(seeds, codes)).cpu()

    def seeds(self, start: int, stop: int) -> list[int]:
        """Of the images ``start .. stop - 1``."""
        return seeds_from(self.seed + start, stop - start)

    def training_blocks(self) -> Iterator[Tensor]:
        """The training images, some at a time."""
        train: Split = self.dataset.train
        for start, stop in _blocks(len(train.inputs)):
            yield pixels(self.dataset.inputs, train.rows(slice(start, stop)).inputs)


def _blocks(rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _BLOCK, rows)) for start in range(0, rows, _BLOCK))
