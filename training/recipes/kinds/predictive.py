"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec, Model, PredictorSpec
from models.likelihoods import LIKELIHOODS
from models.prediction.draws import evaluate
from models.prediction.likelihood import Likelihood
from models.prediction.predictor import Predictor
from training.data import Dataset, Split
from training.errors import RecipeError
from training.evaluation.metrics.likelihood import mean_nll
from training.evaluation.predictions import mark_unobserved
from training.loops import supervised
from training.loops.progress import Run
from training.losses.class_weights import median_frequency
from training.losses.objectives import negative_elbo
from training.recipes.kinds.recipe import Recipe

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
        likelihood: The likelihood, as in ``models.likelihoods``.
        kl_warm_up: Share of the run along which the KL term's weight rises from 0 to 1 (Sonderby et al., 2016, Ladder
            Variational Autoencoders): what is minimised in the end is the free energy itself, but weights that the
            data need are found before the prior removes them.
        kl_weight: The weight of the divergence; 1 is the free energy itself, less is a colder posterior (Wenzel et
            al., 2020, How Good is the Bayes Posterior in Deep Neural Networks Really?).
        balanced: Whether rare classes count as much as frequent ones, by their median frequency: the probabilities are
            then those of a world where all classes are as frequent.
    """

    network: Component
    posterior: Component
    likelihood: Component
    settings: supervised.SupervisedSettings
    kl_warm_up: float = 0.0
    kl_weight: float = 1.0
    balanced: bool = False

    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        task = LIKELIHOODS[self.likelihood.name].task
        if dataset.outputs is None or dataset.outputs.outcome != task:
            raise RecipeError(f"{self.model} is a {task}; the data set {dataset.name!r} is not")
        return PredictorSpec(self.network, self.posterior, self.likelihood, dataset.inputs, dataset.outputs)

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        assert isinstance(model, Predictor)  # as spec() says
        _check_outcomes(model, dataset)
        supervised.fit_supervised(FreeEnergy(model, dataset, self), dataset.train, self.settings, run)


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
    return sum(int(model.likelihood.observed(mark_unobserved(model, part)).sum()) for part in parts)


def _class_weights(model: Predictor, train: Split) -> Tensor:
    """By the median frequency of the classes; rows that are one outcome each count as one image together."""
    images = train.targets if train.targets.ndim > 1 else train.targets.unsqueeze(0)
    return median_frequency((model.outputs.standardise(one.long()) for one in images), model.outputs.size)


class FreeEnergy(supervised.Objective):
    """The negative ELBO of a predictor, on standardised targets; one draw a step."""

    metric_name = "validation NLL"

    def __init__(self, model: Predictor, dataset: Dataset, recipe: PredictiveRecipe) -> None:
        self.model = model
        self.predictor = model
        self.recipe = recipe
        self.outcomes = observed_outcomes(model, dataset.train)
        self.class_weights = _class_weights(model, dataset.train) if recipe.balanced else None
        steps = recipe.settings.epochs * math.ceil(len(dataset.train.inputs) / recipe.settings.batch)
        self.warm_up_steps = recipe.kl_warm_up * steps
        self.validation = dataset.validation

    @property
    def likelihood(self) -> Likelihood:
        return self.predictor.likelihood

    def loss(self, batch: Split, seed: int, step: int) -> Tensor:
        posterior, x = self.predictor.posterior, self.predictor.inputs.standardise(batch.inputs)
        functions = posterior.sample_for_training(seed, step, len(x))
        target = self.predictor.outputs.standardise(batch.targets)
        output = evaluate(posterior.network, x, functions)
        nll = self.likelihood.nll(output, target, self.likelihood.sample_noise(seed, step))
        seen = self.likelihood.observed(target).expand_as(nll)
        if self.class_weights is not None:
            nll = nll * self.class_weights.to(nll.device)[target.clamp_min(0)]
        return negative_elbo(nll[seen], self.weight(step) * posterior.kl(functions), self.outcomes)

    def weight(self, step: int) -> float:
        """Of the divergence at this step."""
        return self.recipe.kl_weight * (min(1.0, step / self.warm_up_steps) if self.warm_up_steps else 1.0)

    def after_epoch(self, progress: float) -> None:
        self.predictor.posterior.after_epoch(progress)

    def metric(self) -> float:
        return mean_nll(self.predictor, self.validation, VALIDATION_SAMPLES, seed=0)
