"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from models.catalogue import Component
from models.checkpoint import GeneratorSpec, PredictorSpec
from models.likelihoods import LIKELIHOODS
from models.predictor import Predictor
from models.specs import OutputSpec
from training import likelihood
from training.data import Dataset, Split
from training.errors import RecipeError
from training.figures import classification, regression
from training.figures.scores import mean_nll
from training.objectives import negative_elbo
from training.progress import Run
from training.recipe import Figures, Model, Recipe

VALIDATION_SAMPLES = 8
"""Draws of a validation during training: enough to tell epochs apart."""

_FIGURES = {"classification": classification.figures, "regression": regression.figures}


@dataclass(frozen=True, kw_only=True)
class PredictiveRecipe(Recipe):
    """Fits a posterior over a network's functions by the variational free energy.

    Attributes:
        network: As in ``models.networks``.
        posterior: As in ``models.posteriors``.
        outcome: The likelihood, as in ``models.likelihoods``.
    """

    network: Component
    posterior: Component
    outcome: Component
    settings: likelihood.Settings

    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        task = LIKELIHOODS[self.outcome.name].task
        if dataset.outputs is None or dataset.outputs.task != task:
            raise RecipeError(f"{self.model} is a {task}; the data set {dataset.name!r} is not")
        return PredictorSpec(self.network, self.posterior, self.outcome, dataset.inputs, dataset.outputs)

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        assert isinstance(model, Predictor)  # as spec() says
        likelihood.minimise(FreeEnergy(model, dataset), dataset.train, self.settings, run)

    def figures(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Figures:
        assert isinstance(model, Predictor)  # as spec() says
        return _FIGURES[model.outputs.task](model, dataset, samples, seed)


class FreeEnergy(likelihood.Objective):
    """The negative ELBO of a predictor, on standardised targets; one draw a step."""

    metric_name = "validation NLL"

    def __init__(self, model: Predictor, dataset: Dataset) -> None:
        self.model = model
        self.predictor = model
        self.rows = len(dataset.train.inputs)
        self.validation = dataset.validation

    def loss(self, batch: Split, seed: int, step: int) -> Tensor:
        posterior, x = self.predictor.posterior, self.predictor.inputs.standardise(batch.inputs)
        function = posterior.training_function(seed, step, len(x))
        output = functional_call(posterior.network, function, (x,))
        nll = self.predictor.likelihood.nll(output, standardised(batch.targets, self.predictor.outputs))
        return negative_elbo(nll, posterior.kl(function), self.rows)

    def metric(self) -> float:
        return mean_nll(self.predictor, self.validation, VALIDATION_SAMPLES, seed=0)


def standardised(targets: Tensor, outputs: OutputSpec) -> Tensor:
    """Targets as a likelihood wants them: class indices as they are, real ones with mean 0 and deviation 1."""
    if not outputs.scale:
        return targets
    return ((targets - targets.new_tensor(outputs.mean)) / targets.new_tensor(outputs.scale)).to(torch.float32)
