"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from models.catalogue import Component
from models.checkpoint import GeneratorSpec, PredictorSpec
from models.draws import evaluate
from models.likelihood import Likelihood
from models.likelihoods import LIKELIHOODS
from models.predictor import Predictor
from training import likelihood
from training.class_weights import median_frequency
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
        warm_up: Share of the run along which the divergence's weight rises from 0 to 1 (Sonderby et al., 2016, Ladder
            Variational Autoencoders): what is minimised in the end is the free energy itself, but weights that the
            data need are found before the prior removes them.
        divergence: The weight of the divergence; 1 is the free energy itself, less is a colder posterior (Wenzel et
            al., 2020, How Good is the Bayes Posterior in Deep Neural Networks Really?).
        balanced: Whether rare classes count as much as frequent ones, by their median frequency: the probabilities are
            then those of a world where all classes are as frequent.
    """

    network: Component
    posterior: Component
    outcome: Component
    settings: likelihood.Settings
    warm_up: float = 0.0
    divergence: float = 1.0
    balanced: bool = False

    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        task = LIKELIHOODS[self.outcome.name].task
        if dataset.outputs is None or dataset.outputs.outcome != task:
            raise RecipeError(f"{self.model} is a {task}; the data set {dataset.name!r} is not")
        return PredictorSpec(self.network, self.posterior, self.outcome, dataset.inputs, dataset.outputs)

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        assert isinstance(model, Predictor)  # as spec() says
        likelihood.minimise(FreeEnergy(model, dataset, self), dataset.train, self.settings, run)

    def figures(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Figures:
        assert isinstance(model, Predictor)  # as spec() says
        return judge(Subject(model, dataset, samples, seed))


class FreeEnergy(likelihood.Objective):
    """The negative ELBO of a predictor, on standardised targets; one draw a step."""

    metric_name = "validation NLL"

    def __init__(self, model: Predictor, dataset: Dataset, recipe: PredictiveRecipe) -> None:
        self.model = model
        self.predictor = model
        self.recipe = recipe
        targets = model.outputs.standardise(dataset.train.targets)
        self.outcomes = int(self.likelihood.observed(targets).sum())
        self.class_weights = median_frequency(targets, model.outputs.size) if recipe.balanced else None
        steps = recipe.settings.epochs * math.ceil(len(dataset.train.inputs) / recipe.settings.batch)
        self.warm_up_steps = recipe.warm_up * steps
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
        if self.class_weights is not None:
            nll = nll * self.class_weights.to(nll.device)[target.clamp_min(0)]
        return negative_elbo(nll[seen], self.weight(step) * posterior.kl(functions), self.outcomes)

    def weight(self, step: int) -> float:
        """Of the divergence at this step."""
        return self.recipe.divergence * (min(1.0, step / self.warm_up_steps) if self.warm_up_steps else 1.0)

    def metric(self) -> float:
        return mean_nll(self.predictor, self.validation, VALIDATION_SAMPLES, seed=0)
