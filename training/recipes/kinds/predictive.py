"""Recipes of predictive models: network x posterior x likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, ClassVar, Self

from msgspec import Meta, structs

from models.catalogue import Component, NonNegative
from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Model, PredictorSpec
from models.errors import did_you_mean
from models.likelihoods import LIKELIHOODS
from models.posteriors import POSTERIORS
from models.prediction.predictor import Predictor
from training.data import Dataset, Split
from training.errors import RecipeError
from training.evaluation.metrics.likelihood import mean_cost, mean_nll
from training.loops.progress import Kept, Run
from training.loops.settings import SupervisedSettings
from training.loops.supervised import fit_supervised
from training.losses.free_energy import FreeEnergy, observed_outcomes
from training.losses.picture_augmentation import Flip, PictureAugmentation
from training.recipes.kinds.recipe import Recipe
from training.recipes.kinds.targets import likelihood_for, outputs_for

VALIDATION_SAMPLES = 8
"""Draws of a validation during training: enough to tell epochs apart."""


@dataclass(frozen=True, kw_only=True)
class PredictiveRecipe(Recipe):
    """Fits a posterior over a network's functions by the variational free energy.

    Attributes:
        network: Name and configuration of a network in ``models.networks``.
        posterior: Name and configuration of a posterior in ``models.posteriors``.
        likelihood: Name and configuration of a likelihood in ``models.likelihoods``.
        settings: Hyper-parameters of the loop.
        kl_warm_up: Share of the run along which the KL term's weight rises from 0 (Sonderby et al., 2016, Ladder
            Variational Autoencoders): what is minimised in the end is the free energy itself, but weights that the
            data need are found before the prior removes them.
        kl_weight: Weight of the KL term; 1 is the free energy itself, less is a colder posterior (Wenzel et al., 2020,
            How Good is the Bayes Posterior in Deep Neural Networks Really?).
        balanced: Whether rare classes count as much as frequent ones, by their median frequency: the probabilities are
            then those of a world where all classes are as frequent.
        flip: Axes along which training pictures are mirrored at random, ``none`` to ``both``.
        crop: Largest random shift of training pictures, in pixels.
        colour_jitter: Largest relative change of the brightness, contrast and saturation of training pictures.
    """

    components: ClassVar = ("network", "posterior", "likelihood")
    adjustable: ClassVar = ("kl_warm_up", "kl_weight", "balanced", "flip", "crop", "colour_jitter")

    network: Component
    posterior: Component
    likelihood: Component
    settings: SupervisedSettings
    kl_warm_up: Annotated[float, Meta(ge=0, le=1)] = 0.0
    kl_weight: NonNegative = 1.0
    balanced: bool = False
    flip: Flip = "none"
    crop: Annotated[int, Meta(ge=0)] = 0
    colour_jitter: Annotated[float, Meta(ge=0, lt=1)] = 0.0

    def spec(self, dataset: Dataset) -> PredictorSpec | GeneratorSpec:
        task = LIKELIHOODS[self.likelihood.name].task
        if dataset.outputs is None or dataset.outputs.outcome != task:
            theirs = f"a {dataset.outputs.task}" if dataset.outputs else "without targets"
            alone = f": {self.model} without data in its name suits any" if self.taken_from != self.model else ""
            raise RecipeError(
                f"{self.model} is a {task} by {self.likelihood.name}; the data set {dataset.name!r} is {theirs}{alone}"
            )
        if self.balanced and task != "classification":
            raise RecipeError(f"balanced weighs classes, and {dataset.name!r} is a {task}; leave it out")
        if dataset.ragged and not dataset.inputs.ragged:
            raise RecipeError(
                f"the sequences of {dataset.name!r} differ in length, which {self.network.name} cannot read: take a"
                " recurrent network, such as recurrent-mc_dropout, or keep as many steps of each with --steps"
            )
        self._augmentation(dataset)
        likelihood = likelihood_for(self.likelihood, dataset)
        outputs = outputs_for(likelihood, dataset)
        return PredictorSpec(self.network, self.posterior, likelihood, dataset.inputs, outputs)

    def with_likelihood(self, name: str) -> Self:
        """Return the recipe with another likelihood in its default configuration.

        Raises:
            RecipeError: if there is none of this name.
        """
        if name not in LIKELIHOODS:
            there_are = did_you_mean(name, LIKELIHOODS) or f"; there are: {', '.join(LIKELIHOODS)}"
            raise RecipeError(f"there is no likelihood {name!r}{there_are}")
        return replace(self, likelihood=Component(name), options=f"{self.options} --likelihood {name}")

    def around(self, start: Checkpoint | None, dataset: Dataset) -> Self:
        if not POSTERIORS[self.posterior.name].fitted_after_training:
            return super().around(start, dataset)
        if start is None:
            raise RecipeError(f"{self.model} with 0 epochs is fitted around a trained network; name one with --start")
        theirs = start.manifest.model
        if not isinstance(theirs, PredictorSpec) or not isinstance(start.model, Predictor):
            raise RecipeError(f"{start.manifest.name} is a generator; {self.model} is fitted around a predictive model")
        if start.model.posterior.mean_function():
            raise RecipeError(
                f"{self.model} is fitted around one trained network, and {theirs.posterior.name} answers with more than"
                " its own; start from deterministic or mc_dropout"
            )
        recipe = replace(self, network=theirs.network, likelihood=theirs.likelihood)
        ours = recipe.spec(dataset)
        assert isinstance(ours, PredictorSpec)  # as every predictive recipe has
        outputs = structs.replace(theirs.outputs, temperature=ours.outputs.temperature)
        if (ours.inputs, ours.outputs) != (theirs.inputs, outputs):
            raise RecipeError(
                f"{start.manifest.name} was trained on other rows than those of {dataset.name!r} (it reads or scales"
                " them otherwise); give the data that it was trained on, read with the same options"
            )
        return recipe

    def train(self, model: Model, dataset: Dataset, run: Run) -> Kept | None:
        assert isinstance(model, Predictor)  # as spec() says
        _check_outcomes(model, dataset)
        return fit_supervised(self.loss(model, dataset), dataset.train, self.settings, run)

    def loss(self, model: Predictor, dataset: Dataset) -> FreeEnergy:
        """Return the free energy that this recipe minimises."""
        steps = self.settings.epochs * math.ceil(len(dataset.train.inputs) / self.settings.batch)
        metric = partial(_validation_cost, model, dataset.validation)
        warm_up, augmentation = self.kl_warm_up * steps, self._augmentation(dataset)
        return FreeEnergy(model, dataset.train, metric, self.kl_weight, warm_up, self.balanced, augmentation)

    def _augmentation(self, dataset: Dataset) -> PictureAugmentation | None:
        """Return how training pictures are changed at random; ``None`` if they are not."""
        if self.flip == "none" and not self.crop and not self.colour_jitter:
            return None
        return PictureAugmentation(dataset.inputs, self.flip, self.crop, self.colour_jitter)


def _validation_cost(model: Predictor, validation: Split) -> float:
    """Return the NLL, or another cost, in nats, of the mean function as long as the posterior has no draws."""
    measure = mean_nll if model.likelihood.is_fitted_by_nll else mean_cost
    return measure(model, validation, VALIDATION_SAMPLES if model.posterior.can_sample else 0, seed=0)


def _check_outcomes(model: Predictor, dataset: Dataset) -> None:
    """Raise unless the model answers where the data have outcomes, and every split that is measured has some."""
    if model.positions != dataset.positions:
        answers, targets = (
            f"one for each of {positions}" if positions else "one a row"
            for positions in (model.positions, dataset.positions)
        )
        raise RecipeError(f"answers of the model are {answers}; targets of {dataset.name!r} are {targets}")
    for name in ("train", "validation", "test"):
        if not observed_outcomes(model, getattr(dataset, name)):
            raise RecipeError(f"all targets of the {name} rows of {dataset.name!r} are void: there is nothing to learn")
