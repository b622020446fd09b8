"""What every recipe is: a model, the data it is meant for, how it is fitted and how it is judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from models.checkpoints.checkpoint import GeneratorSpec, PredictorSpec
from models.generation.generator import Generator
from models.prediction.predictor import Predictor
from models.specs import InputSpec
from training.data import Dataset
from training.errors import RecipeError
from training.loops import adversarial, supervised
from training.loops.progress import Run
from training.recipes.kinds.published import Published

Model = Predictor | Generator
Figures = dict[str, float]
"""Measured values by name, with the unit in the name where there is one."""
_SMALLEST_SIDE = 4
"""Pixels: the LeNet that judges images halves them twice."""


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """How a kind of model is fitted to a kind of data.

    Attributes:
        data: Name of the data set it is meant for.
        model: What is fitted, the second part of :attr:`name`.
        description: One line for ``list``.
        settings: Of the loop.
        bundled: Whether ``demo`` trains it.
        starter: Whether ``demo --starter`` does: at least one model of every task.
        published: Figures to compare the model's with.
        taken_from: Name of the recipe whose hyper-parameters these are, where they were taken to other data.
    """

    data: str
    model: str
    description: str
    settings: supervised.Settings | adversarial.Settings
    bundled: bool = False
    starter: bool = False
    # Of no effect on the weights, so not in the text that tells one run's state from another's.
    published: tuple[Published, ...] = field(default=(), repr=False)
    taken_from: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Of the recipe and of the models that it makes."""
        return f"{self.data}-{self.model}"

    @property
    def source(self) -> str:
        """Name of the recipe whose hyper-parameters these are: its own, but where they were taken to other data."""
        return self.taken_from or self.name

    @abstractmethod
    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        """Everything but the weights.

        Raises:
            RecipeError: if the data are not of the kind that this recipe takes.
        """

    def in_bfloat16(self, device: torch.device) -> bool:
        """Whether layers compute in it while the model is trained there; all else is float32."""
        return isinstance(self.settings, adversarial.Settings) and self.settings.in_bfloat16(device)

    @abstractmethod
    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        """Fit the model, and leave it in evaluation mode."""

    def figures(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Figures:
        """What only this family measures, on the test split, beside the figures that all of its kind get.

        Args:
            samples: Number of draws of a prediction, or of made images.
            seed: Of the draws, or of the first image.
        """
        return {}

    def with_epochs(self, epochs: int) -> Self:
        """The same with another number of epochs."""
        return replace(self, settings=replace(self.settings, epochs=epochs))


def pixels(inputs: InputSpec, images: Tensor) -> Tensor:
    """Raw images as pixels in [0, 1]."""
    return pixel_spec(inputs).standardise(images)


def pixel_spec(inputs: InputSpec) -> InputSpec:
    """The same images for a generator, whose pixels are in [0, 1].

    Raises:
        RecipeError: if they are no images with a range of values, or too small to be judged.
    """
    if inputs.kind != "image" or inputs.low is None or inputs.high is None:
        raise RecipeError("a generator needs images with a smallest and a largest value")
    if min(inputs.shape[1:]) < _SMALLEST_SIDE:
        allowed, given = f"{_SMALLEST_SIDE} x {_SMALLEST_SIDE}", " x ".join(map(str, inputs.shape[1:]))
        raise RecipeError(f"a generator needs images of at least {allowed} pixels, not {given}")
    scale = (inputs.high - inputs.low,)
    return InputSpec("image", inputs.shape, (inputs.low,), scale, inputs.low, inputs.high)
