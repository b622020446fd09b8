"""The base of every recipe: a model, the data that it is meant for, and how it is fitted and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Self

import torch

from models.checkpoints.checkpoint import GeneratorSpec, Model, PredictorSpec
from training.data import Dataset
from training.evaluation.measurement import Metrics
from training.loops.progress import Run
from training.loops.settings import AdversarialSettings, SupervisedSettings
from training.recipes.kinds.published import Published


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A kind of model, fitted to a kind of data.

    Attributes:
        data: Name of the data set that it is meant for.
        model: Name of the model, the second part of :attr:`name`.
        description: One line for ``list``.
        settings: Hyper-parameters of the loop.
        bundled: Whether ``demo`` trains it.
        starter: Whether ``demo --starter`` does: at least one model of every task.
        published: Metrics to compare the model's with.
        taken_from: Name of the recipe whose hyper-parameters these are, where they were taken to other data.
    """

    data: str
    model: str
    description: str
    settings: SupervisedSettings | AdversarialSettings
    bundled: bool = False
    starter: bool = False
    # Of no effect on the weights, so not in the text that tells one run's state from another's.
    published: tuple[Published, ...] = field(default=(), repr=False)
    taken_from: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The name of the recipe and of the models that it makes."""
        return f"{self.data}-{self.model}"

    @property
    def source(self) -> str:
        """The name of the recipe whose hyper-parameters these are: its own, but where they were taken to other data."""
        return self.taken_from or self.name

    @abstractmethod
    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        """Return everything but the weights.

        Raises:
            RecipeError: if the data are not of the kind that this recipe takes.
        """

    def in_bfloat16(self, device: torch.device) -> bool:
        """Return whether layers compute in it while the model is trained on this device; all else is float32."""
        return isinstance(self.settings, AdversarialSettings) and self.settings.in_bfloat16(device)

    @abstractmethod
    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        """Fit the model, and leave it in evaluation mode."""

    def metrics(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Metrics:
        """Return what only this family measures on the test split, beside the metrics of all models of its kind.

        Args:
            model: A trained model in evaluation mode.
            dataset: Data whose test split is measured.
            samples: Number of draws of a prediction, or of generated images.
            seed: Seed of the draws, or of the first generated image.
        """
        return {}

    def with_epochs(self, epochs: int) -> Self:
        """Return the recipe with another number of epochs."""
        return replace(self, settings=replace(self.settings, epochs=epochs))

    def with_clip_norm(self, clip_norm: float) -> Self:
        """Return the recipe with gradients clipped to this L2 norm."""
        return replace(self, settings=replace(self.settings, clip_norm=clip_norm))
