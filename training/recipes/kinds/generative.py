"""Recipes of generators that learn against a critic: a generator, the losses of both players and their settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec, Model
from training.data import Dataset
from training.data.pixels import pixel_spec, pixels
from training.loops.adversarial import fit_adversarial
from training.loops.progress import Run
from training.loops.settings import AdversarialSettings
from training.losses.adversarial_loss import AdversarialLoss
from training.recipes.kinds.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe(Recipe):
    """Fits an adversarial generator to images.

    Attributes:
        generator: Name and configuration of a generator in ``models.generators``.
        loss: Losses of both players, made from the model: a class, or a ``partial`` of one.
        settings: Hyper-parameters of the loop.
    """

    components: ClassVar = ("generator",)

    generator: Component
    loss: Callable[[Model], AdversarialLoss]
    settings: AdversarialSettings

    def spec(self, dataset: Dataset) -> GeneratorSpec:
        return GeneratorSpec(self.generator, pixel_spec(dataset.inputs))

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        fit_adversarial(self.loss(model), pixels(dataset.inputs, dataset.train.inputs), self.settings, run)
