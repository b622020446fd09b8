"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
from training.figures import Subject, judge
from training.figures.scores import mean_nll, observable
from training.objectives import negative_elbo
from training.progress import Run
from training.recipe import Figures, Model, Recipe

VALIDATION_SAMPLES = 8
"""Draws of a validation during training: enough to tell epochs apart."""

_ROWS_AT_A_TIME = 100
"""Of masks, which take eight times their bytes when they are counted."""


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
        _check_outcomes(model, dataset)
        likelihood.minimise(FreeEnergy(model, dataset), dataset.train, self.settings, run)

    def figures(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Figures:
        assert isinstance(model, Predictor)  # as spec() says
        return judge(Subject(model, dataset, samples, seed))


def _check_outcomes(model: Predictor, dataset: Dataset) -> None:
    """Raise unless the model answers where the data have outcomes, and every split that is measured has some."""
    if model.positions != dataset.positions:
        answers, wanted = (
            f"one for each of {positions}" if positions else "one a row"
            for positions in (model.positions, dataset.positions)
        )
        raise RecipeError(f"answers of the model are {answers}; targets of {dataset.name!r} are {wanted}")
    for name in ("train", "validation", "test"):
        if not observed_outcomes(model, getattr(dataset, name)):
            raise RecipeError(f"all targets of the {name} rows of {dataset.name!r} are void: there is nothing to learn")


def observed_outcomes(model: Predictor, split: Split) -> int:
    """How many outcomes of a split count: void pixels and steps beyond the end do not."""
    parts = (part if part.is_floating_point() else part.long() for part in torch.split(split.targets, _ROWS_AT_A_TIME))
    return sum(int(model.likelihood.observed(observable(model, part)).sum()) for part in parts)


class FreeEnergy(likelihood.Objective):
    """The negative ELBO of a predictor, on standardised targets; one draw a step."""

    metric_name = "validation NLL"

    def __init__(self, model: Predictor, dataset: Dataset) -> None:
        self.model = model
        self.predictor = model
        self.outcomes = observed_outcomes(model, dataset.train)
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
