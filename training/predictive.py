"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from torch import Tensor

from models.catalogue import Component
from models.checkpoint import GeneratorSpec, PredictorSpec
from models.draws import evaluate
from models.likelihood import Likelihood
from models.likelihoods import LIKELIHOODS
from models.predictor import Predictor
from models.specs import InputSpec
from training import likelihood
from training.data import Dataset, Split
from training.errors import RecipeError
from training.figures import Subject, judge
from training.figures.scores import mean_nll
from training.objectives import negative_elbo
from training.progress import Run
from training.recipe import Figures, Model, Recipe

VALIDATION_SAMPLES = 8
"""Draws of a validation during training: enough to tell epochs apart."""


@dataclass(frozen=True, kw_only=True)
class PredictiveRecipe(Recipe):
    """Fits a posterior over a network's functions by the variational free energy.

    Attributes:
        network: As in ``models.networks``.
        posterior: As in ``models.posteriors``.
        outcome: The likelihood, as in ``models.likelihoods``.
        black_is_zero: Whether images are divided by half their range, as Blundell et al. do, in place of standardised:
            then the weights of pixels that are always black add no noise to a sampled layer.
    """

    network: Component
    posterior: Component
    outcome: Component
    settings: likelihood.Settings
    black_is_zero: bool = False

    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        task = LIKELIHOODS[self.outcome.name].task
        if dataset.outputs is None or dataset.outputs.outcome != task:
            raise RecipeError(f"{self.model} is a {task}; the data set {dataset.name!r} is not")
        inputs = _from_zero(dataset.inputs) if self.black_is_zero else dataset.inputs
        return PredictorSpec(self.network, self.posterior, self.outcome, inputs, dataset.outputs)

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        assert isinstance(model, Predictor)  # as spec() says
        likelihood.minimise(FreeEnergy(model, dataset), dataset.train, self.settings, run)

    def figures(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Figures:
        assert isinstance(model, Predictor)  # as spec() says
        return judge(Subject(model, dataset, samples, seed))


def _from_zero(images: InputSpec) -> InputSpec:
    """Pixels from 0 to 2."""
    if images.low is None or images.high is None:
        raise RecipeError("black is zero only where inputs are images with a smallest and a largest value")
    return msgspec.structs.replace(images, mean=(images.low,), scale=((images.high - images.low) / 2,))


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
