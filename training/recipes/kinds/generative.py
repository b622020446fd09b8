"""Recipes of generators that learn against a critic: a generator, a loss and how it is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec, Model
from training.data import Dataset
from training.data.pixels import pixel_spec, pixels
from training.loops import adversarial
from training.loops.progress import Run
from training.losses.adversarial_loss import AdversarialLoss
from training.recipes.kinds.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe(Recipe):
    """Fits an adversary to images.

    Attributes:
        generator: As in ``models.generators``.
        loss: What the two players play for, from the model; a class, or a ``partial`` of one.
    """

    generator: Component
    loss: Callable[[Model], AdversarialLoss]
    settings: adversarial.AdversarialSettings

    def spec(self, dataset: Dataset) -> GeneratorSpec:
        return GeneratorSpec(self.generator, pixel_spec(dataset.inputs))

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        adversarial.fit_adversarial(self.loss(model), pixels(dataset.inputs, dataset.train.inputs), self.settings, run)
