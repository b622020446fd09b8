"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.catalogue import Component
from models.checkpoint import GeneratorSpec, PredictorSpec
from models.draws import evaluate
from models.likelihood import Likelihood
from models.likelihoods import LIKELIHOODS
from models.predictor import Predictor
from training import likelihood
from training.data import Dataset, Split
from training.errors import RecipeError
from training.figures.scores import mean_nll
from training.objectives import negative_elbo
from training.progress import Run
from training.recipe import Model, Recipe

VALIDATION_SAMPLES = 8
"""Draws of a validation during training: enough to tell epochs apart."""


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
        if dataset.outputs is None or dataset.outputs.outcome != task:
            raise RecipeError(f"{self.model} is a {task}; the data set {dataset.name!r} is not")
        return PredictorSpec(self.network, self.posterior, self.outcome, dataset.inputs, dataset.outputs)

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        assert isinstance(model, Predictor)  # as spec() says
        likelihood.minimise(FreeEnergy(model, dataset), dataset.train, self.settings, run)


class FreeEnergy(likelihood.Objective):
    """The negative ELBO of a predictor, on standardised targets; one draw a step."""

    metric_name = "validation NLL"

    def __init__(self, model: Predictor, dataset: Dataset) -> None:
        self.model = model
        self.predictor = model
        self.outcomes = int(self.likelihood.observed(model.outputs.standardise(dataset.train.targets)).sum())
        self.validation = dataset.validation

    @property
    def likelihood(self) -> Likelihood:
        return self.predictor.likelihood

    def loss(self, batch: Split, seed: int, step: int) -> Tensor:
        posterior, x = self.predictor.posterior, self.predictor.inputs.standardise(batch.inputs)
        functions = posterior.training_functions(seed, step, len(x))
        target = self.predictor.outputs.standardise(batch.targets)
        output = evaluate(posterior.network, x, functions)
        nll = self.likelihood.nll(output, target, self.likelihood.noise(seed, step))
        seen = self.likelihood.observed(target).expand_as(nll)
        return negative_elbo(nll[seen], posterior.kl(functions), self.outcomes)

    def metric(self) -> float:
        return mean_nll(self.predictor, self.validation, VALIDATION_SAMPLES, seed=0)
