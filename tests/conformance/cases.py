"""Small models of everything that is registered.

A new network, posterior, likelihood or generator is in every test of this folder with no edit. Only one whose default
options are too large for a test, or that has options without a default, needs a line in ``SMALL``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import Checkpoint, GeneratorSpec, Manifest, Model, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples
from models.generation.generator import Generator
from models.likelihoods import LIKELIHOODS
from models.networks import NETWORKS
from models.posteriors import POSTERIORS
from models.prediction.predictor import Predictor
from models.specs import VOID, InputSpec, OutputSpec
from training.data.dataset import Dataset, Split
from training.evaluation.metrics.likelihood import mean_nll
from training.loops.progress import Run
from training.loops.settings import SupervisedSettings
from training.recipes.kinds.predictive import PredictiveRecipe
from training.seeds import initialised

IMAGES = InputSpec("image", (1, 8, 8), (8.0,), (4.0,), 0.0, 16.0)
OUTPUTS = {
    "classification": OutputSpec("classification", ("zero", "one", "two")),
    "segmentation": OutputSpec("segmentation", ("sky", "road", "car"), ignore=3),
    "regression": OutputSpec("regression", ("a [mm]", "b [kg]"), (150.0, -2.0), (70.0, 0.1)),
    "multilabel": OutputSpec("multilabel", ("urban", "night", "rain", "snow")),
}
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": [24]},
    "convnet": {"channels": [4, 6], "kernel": 3, "padding": 1, "hidden": 16, "conv_dropout": 0.2},
    "recurrent": {"hidden": 12, "layers": 2},
    "segnet": {"channels": [4, 6, 6], "kernel": 3},
    "ensemble": {"members": 4},
    "laplace": {"prior_precision": 20.0},  # seven rows that were learnt by heart say nothing of a prior
    "logit_normal": {"aleatoric_samples": 20},
    "vae": {"hidden": [24], "latent": 4},
    "gan": {"noise": 6, "hidden": [16, 16], "critic_hidden": [6, 6], "pieces": 2},
    "dcgan": {"noise": 6, "width": 4, "critic_width": 4},
    "wgan": {"noise": 6, "width": 4, "critic_width": 4},
    "infogan": {
        "categorical": {"digit": 10},
        "continuous": ["slant"],
        "noise": 6,
        "width": 4,
        "critic_width": 4,
        "hidden": 8,
    },
    "progan": {"noise": 6, "width": 4},
    "stylegan": {"noise": 6, "style": 5, "depth": 2, "width": 4},
}
VARIANTS = {
    "recurrent-many": Component("recurrent", {"hidden": 12, "many": True}),
}
"""A network once more, with options that make another kind of model of it."""

PER_PIXEL = {"segnet"}
_EVERYWHERE = ("categorical", "heteroscedastic_gaussian")
_ORDINARY = ("mlp", "mc_dropout")
PREDICTORS = [
    (network, posterior, likelihood)
    for network, posterior, likelihood in product([*NETWORKS, *VARIANTS], POSTERIORS, LIKELIHOODS)
    if likelihood in _EVERYWHERE or network == _ORDINARY[0] or posterior == _ORDINARY[1]
]
"""Every pair of a network, a posterior and a likelihood; all three in every combination would take half an hour."""
DRAWN = [parts for parts in PREDICTORS if POSTERIORS[parts[1]].max_samples != 0]
"""Those with a posterior that has draws."""

SAMPLES = 12
LEAST_GAIN = 0.02
"""Nats by which the predictive distribution of the rows that were learnt must be better than before."""


def component(name: str) -> Component:
    return VARIANTS.get(name, Component(name, SMALL.get(name, {})))


def predictor_spec(network: str, posterior: str, likelihood: str) -> PredictorSpec:
    task = LIKELIHOODS[likelihood].task
    outputs = OUTPUTS["segmentation" if task == "classification" and network in PER_PIXEL else task]
    if (support := getattr(LIKELIHOODS[likelihood], "support", "real")) != "real":
        outputs = OutputSpec("regression", ("a [mm]", "b [kg]"), (1.0, 2.0), (0.5, 0.1), support=support)
    return PredictorSpec(component(network), component(posterior), component(likelihood), IMAGES, outputs)


def generator_spec(name: str) -> GeneratorSpec:
    return GeneratorSpec(component(name), IMAGES)


@dataclass(frozen=True)
class Fit:
    """A model before and after a short fit: no test may change either.

    Attributes:
        untrained: With the initial weights.
        losses: What was minimised, the mean of every epoch.
    """

    untrained: Predictor
    model: Predictor
    losses: list[float]


@cache
def fitted(network: str, posterior: str, likelihood: str) -> Fit:
    """The model of these parts, the same in every test."""
    return fit(predictor_spec(network, posterior, likelihood))


def fit(spec: PredictorSpec) -> Fit:
    """Fit a model to a few rows as every predictive recipe does; its prior is weak, so that these rows outweigh it."""
    untrained, model = initialised(spec, 0), initialised(spec, 0)
    assert isinstance(untrained, Predictor)
    assert isinstance(model, Predictor)
    settings = SupervisedSettings(epochs=60, batch=8, learning_rate=0.01, validate_every=60)
    recipe = PredictiveRecipe(
        data="random",
        model="conformance",
        description="a few rows, learnt by heart",
        network=spec.network,
        posterior=spec.posterior,
        likelihood=spec.likelihood,
        settings=settings,
        kl_weight=1e-4,
    )
    split, losses = learnable(model), []
    dataset = Dataset("random", IMAGES, spec.outputs, split, split, split, split)
    recipe.train(model, dataset, Run(0, report=lambda epoch: losses.append(epoch.losses["loss"])))
    return Fit(untrained, model, losses)


def check_it_learns(fit: Fit) -> None:
    """Assert that what a fit leaves predicts the rows better than what it began with, by draws that differ."""
    untrained, posterior = fit.untrained, fit.model.posterior
    assert posterior.can_sample, "a fit has to leave draws"
    before = mean_nll(untrained, learnable(untrained), SAMPLES if untrained.posterior.can_sample else 0, seed=0)
    after = mean_nll(fit.model, learnable(fit.model), SAMPLES, seed=0)
    assert after < before - LEAST_GAIN, f"{before:.3f} nats before the fit, {after:.3f} after it"
    if posterior.max_samples != 0:
        spread = fit.model.predict(rows(), SAMPLES, seed=0).epistemic_variance
        assert spread is not None
        assert spread.any(), "draws have to differ"


def predictor(network: str, posterior: str, likelihood: str) -> Predictor:
    """The fitted model of these parts."""
    return fitted(network, posterior, likelihood).model


@cache
def generator(name: str) -> Generator:
    """With random weights, the same in every test: no test may change it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return generator_spec(name).build()


def rows(count: int = 7) -> Tensor:
    return 16 * torch.rand(count, *IMAGES.shape, generator=torch.Generator().manual_seed(1))


def targets(model: Predictor, count: int = 7) -> Tensor:
    """What a likelihood sees: a value for every outcome, but the first row's, which is not observed."""
    shape, outputs = (count, *model.positions), model.outputs
    if outputs.outcome == "classification":
        classes = torch.arange(count).remainder(outputs.size).reshape(-1, *(1 for _ in model.positions))
        target = classes.expand(shape).clone()
        target[0] = VOID
        return target
    values = torch.arange(count).unsqueeze(1) + torch.arange(outputs.size)
    target = values.remainder(2.0).reshape(count, *(1 for _ in model.positions), -1).expand(*shape, -1).clone()
    target[0] = torch.nan
    return target


def learnable(model: Predictor) -> Split:
    """The rows and their targets as a data set holds them: raw values in the units of the outputs."""
    target, outputs = targets(model), model.outputs
    raw = target
    if outputs.scale and outputs.support != "count":
        raw = target * torch.tensor(outputs.scale) + torch.tensor(outputs.mean)
    return Split(rows(), raw.exp() if outputs.support == "positive" else raw)


def saved_and_loaded(spec: PredictorSpec | GeneratorSpec, model: Model, store: Path) -> Checkpoint:
    manifest = Manifest("conformance", 0, spec, "random", 0, {})
    return load(save(store, manifest, model, canary_examples(model, rows()), "# A card"))
