"""Recipes of generators that gain resolution while they learn."""

from __future__ import annotations

from dataclasses import dataclass

from models.checkpoints.checkpoint import Model
from models.generation.progressive import ProgressiveGenerator
from training.data import Dataset
from training.loops.progress import Run
from training.loops.progressive import refit_smaller_images
from training.recipes.kinds.generative import AdversarialRecipe


@dataclass(frozen=True, kw_only=True)
class ProgressiveRecipe(AdversarialRecipe):
    """Fits a generator that grows, and then makes its smaller resolutions show what the largest one shows."""

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        super().train(model, dataset, run)
        assert isinstance(model, ProgressiveGenerator)  # as the loss says
        refit_smaller_images(model, run.seed, clip_norm=self.settings.clip_norm)
