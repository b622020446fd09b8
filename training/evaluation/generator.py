"""Evaluation of a generator: images are generated once for all metrics and plots, beside real images."""

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
from training.evaluation.feature_classifier import FeatureClassifier, feature_classifier_of
from training.evaluation.inception import Inception
from training.seeds import seeds_from

IMAGES = 10_000
_VALUES = 256_000_000
"""Pixel values of all generated images together: 1 GB."""
SHOWN = 100
"""Number of real images that are shown beside generated ones, where the data have as many."""
_BLOCK = 500


def default_images(inputs: InputSpec) -> int:
    """Return how many images to generate by default: 10 000, or fewer where these would take more than 1 GB."""
    return min(IMAGES, _VALUES // inputs.example().numel())


@dataclass(frozen=True)
class GeneratorEvaluation:
    """A generator with the images that it is evaluated on.

    All images are ``(N, channels, height, width)`` with pixels in [0, 1].

    Attributes:
        generator: The generator, in evaluation mode.
        dataset: Data that it was fitted to.
        samples: Number of images to generate, at least 2.
        seed: Seed of the first image; image ``i`` has the seed ``seed + i``.
        inception: Inception v3 with the user's weights, if there are any.
    """

    generator: Generator
    dataset: Dataset
    samples: int
    seed: int
    inception: Inception | None = None

    @cached_property
    def generated(self) -> Tensor:
        """Images whose codes follow from their seeds alone."""
        return torch.cat([self.images(self.seeds(*ends)) for ends in _blocks(self.samples)])

    @cached_property
    def real(self) -> Tensor:
        """Images that nothing was fitted to: validation, calibration and test, in a fixed random order.

        There are twice as many as ``samples``, if the data have as many.
        """
        held_out = self.dataset.validation, self.dataset.calibration, self.dataset.test
        images = torch.cat([split.inputs for split in held_out])
        site = Site("held out", (len(images),), Permutation())
        order = draw_noise([site], 0, 1)[site.name][0][: 2 * max(self.samples, SHOWN)]
        return pixels(self.dataset.inputs, images[order])

    @cached_property
    def classifier(self) -> FeatureClassifier | None:
        """The feature classifier of the data set, if its images have classes."""
        return feature_classifier_of(self.dataset)

    @cached_property
    def generated_features(self) -> Tensor:
        """Features of the generated images, ``(samples, F)``, where there is a feature classifier."""
        return self._features(self.generated)

    @cached_property
    def real_features(self) -> Tensor:
        """Features of the real images, ``(N, F)``, where there is a feature classifier."""
        return self._features(self.real)

    def images(self, seeds: Sequence[int], codes: Codes | None = None) -> Tensor:
        """Generate one image for each seed, on the CPU.

        Args:
            seeds: Seeds of the codes that are not given.
            codes: Values of some codes, by name.
        """
        return self.generator.generate(self.generator.latents(seeds, codes)).cpu()

    def seeds(self, start: int, stop: int) -> list[int]:
        """Return the seeds of the images ``start .. stop - 1``."""
        return seeds_from(self.seed + start, stop - start)

    def training_blocks(self) -> Iterator[Tensor]:
        """Iterate over the training images, some at a time."""
        train: Split = self.dataset.train
        for start, stop in _blocks(len(train.inputs)):
            yield pixels(self.dataset.inputs, train.rows(slice(start, stop)).inputs)

    def _features(self, images: Tensor) -> Tensor:
        assert self.classifier is not None  # callers have checked
        return self.classifier.features(images)


def _blocks(rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _BLOCK, rows)) for start in range(0, rows, _BLOCK))
