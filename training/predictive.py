"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

import math
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
        warm_up: Share of the run along which the divergence's weight rises from 0 to 1 (Sonderby et al., 2016, Ladder
            Variational Autoencoders): what is minimised in the end is the free energy itself, but weights that the
            data need are found before the prior removes them.
    """

    network: Component
    posterior: Component
    outcome: Component
    settings: likelihood.Settings
    black_is_zero: bool = False
    warm_up: float = 0.0

    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        task = LIKELIHOODS[self.outcome.name].task
        if dataset.outputs is None or dataset.outputs.outcome != task:
            raise RecipeError(f"{self.model} is a {task}; the data set {dataset.name!r} is not")
        inputs = _from_zero(dataset.inputs) if self.black_is_zero else dataset.inputs
        return PredictorSpec(self.network, self.posterior, self.outcome, inputs, dataset.outputs)

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        assert isinstance(model, Predictor)  # as spec() says
        steps = self.warm_up * self.settings.epochs * math.ceil(len(dataset.train.inputs) / self.settings.batch)
        likelihood.minimise(FreeEnergy(model, dataset, steps), dataset.train, self.settings, run)

    def figures(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Figures:
        assert isinstance(model, Predictor)  # as spec() says
        return judge(Subject(model, dataset, samples, seed))


def _from_zero(images: InputSpec) -> InputSpec:
    """Pixels from 0 to 2."""
    if images.low is None or images.high is None:
        raise RecipeError("black is zero only where inputs are images with a smallest and a largest value")
    return msgspec.structs.replace(images, mean=(images.low,), scale=((images.high - images.low) / 2,))


class FreeEnergy(likelihood.Objective):
    """The negative ELBO of a predictor, on standardised targets; one draw a step.

    Args:
        warm_up_steps: Until the divergence counts in full.
    """

    metric_name = "validation NLL"

    def __init__(self, model: Predictor, dataset: Dataset, warm_up_steps: float = 0.0) -> None:
        self.model = model
        self.predictor = model
        self.outcomes = int(self.likelihood.observed(model.outputs.standardise(dataset.train.targets)).sum())
        self.validation = dataset.validation
        self.warm_up_steps = warm_up_steps

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
        return negative_elbo(nll[seen], self.weight(step) * posterior.kl(functions), self.outcomes)

    def weight(self, step: int) -> float:
        """Of the divergence at this step."""
        return min(1.0, step / self.warm_up_steps) if self.warm_up_steps else 1.0

    def metric(self) -> float:
        return mean_nll(self.predictor, self.validation, VALIDATION_SAMPLES, seed=0)
