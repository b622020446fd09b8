"""Variational autoencoder: Kingma & Welling (2014); the digits' network is theirs, made smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from models.catalogue import Component, Count, NonNegative
from models.checkpoints.checkpoint import GeneratorSpec, Model
from training.data import Dataset
from training.data.pixels import pixel_spec
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.generation import variational_bound
from training.loops.progress import Kept, Run
from training.loops.settings import SupervisedSettings
from training.loops.supervised import fit_supervised
from training.losses.variational import Bound, Estimator, Treatment
from training.recipes.kinds.published import OURS, Published
from training.recipes.kinds.recipe import Recipe

_LOOKED_AT = 1000
"""Training images that tell whether pixels are whole numbers."""


@dataclass(frozen=True, kw_only=True)
class VAERecipe(Recipe):
    """Fits a variational autoencoder.

    Attributes:
        generator: Name and configuration of a generator in ``models.generators``.
        settings: Hyper-parameters of the loop.
        treatment: Treatment of the pixels, as in :class:`~training.losses.variational.Bound`.
        estimator: Estimator of the bound, ``A`` or ``B`` of the paper.
        beta: Weight of the KL term (Higgins et al., 2017).
        importance_samples: Number of samples for the log-likelihood of each test image.
        importance_images: Largest number of test images that it is estimated for.
    """

    components: ClassVar = ("generator",)
    adjustable: ClassVar = ("treatment", "estimator", "beta", "importance_samples", "importance_images")

    generator: Component
    settings: SupervisedSettings
    treatment: Treatment = "grey"
    estimator: Estimator = "B"
    beta: NonNegative = 1.0
    importance_samples: Count = 200
    importance_images: Count = 10_000

    def spec(self, dataset: Dataset) -> GeneratorSpec:
        return GeneratorSpec(self.generator, pixel_spec(dataset.inputs))

    def train(self, model: Model, dataset: Dataset, run: Run) -> Kept | None:
        bound = self.bound(model, dataset)
        return fit_supervised(bound, bound.unit(dataset.train), self.settings, run)

    def bound(self, model: Model, dataset: Dataset) -> Bound:
        """Return the bound to minimise; raw pixels that are no whole numbers leave no steps for noise to fill."""
        some = dataset.train.inputs[:_LOOKED_AT]
        stepless = self.treatment == "dequantised" and not torch.equal(some, some.round())
        return Bound(model, dataset, "grey" if stepless else self.treatment, self.estimator, self.beta)

    def metrics(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Metrics:
        bound = self.bound(model, dataset)
        return variational_bound.measure(bound, dataset, self.importance_samples, self.importance_images, seed)


RECIPES = (
    VAERecipe(
        data="digits",
        model="vae",
        description="generator: 64-200-8 autoencoder of grey pixels",
        bundled=True,
        starter=True,
        generator=Component("vae", {"hidden": [200], "latent": 8}),
        settings=SupervisedSettings(epochs=300, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=10),
    ),
    VAERecipe(
        data="digits",
        model="vae-2d",
        description="generator: the same with a code of two numbers, a map of all that it can draw",
        bundled=True,
        generator=Component("vae", {"hidden": [200], "latent": 2}),
        settings=SupervisedSettings(epochs=300, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=10),
    ),
    VAERecipe(
        data="digits",
        model="vae-gaussian",
        description="generator: convolutional autoencoder of grey or coloured pixels with Gaussian noise",
        generator=Component(
            "vae", {"network": "convolutional", "decoder": "gaussian", "hidden": [128], "latent": 16, "width": 16}
        ),
        settings=SupervisedSettings(epochs=100, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=10),
        treatment="dequantised",
        importance_images=1000,
    ),
    VAERecipe(
        data="mnist",
        model="vae",
        description="generator: 784-400-20 autoencoder of binarised pixels, as in the paper",
        generator=Component("vae", {"hidden": [400], "latent": 20}),
        settings=SupervisedSettings(epochs=80, batch=128, learning_rate=1e-3, cosine_decay=True),
        treatment="binarised",
        published=(
            Published(
                paper="Burda et al. (2016)",
                place="table 1, VAE",
                what="NLL of binarised images, nats (theirs is deeper)",
                figure="test_nll_importance_binarised_nats",
                value=86.8,
                at_most=95,
            ),
            Published(
                paper=OURS, place="MNIST", what="-ELBO, nats", figure="test_negative_elbo_binarised_nats", at_most=103
            ),
            Published(paper=OURS, place="MNIST", what="active units, of 20", figure="active_code_units", at_least=10),
        ),
    ),
    VAERecipe(
        data="mnist",
        model="vae-2d",
        description="generator: 784-256-128-2 autoencoder of binarised pixels, a map of all that it can draw",
        generator=Component("vae", {"hidden": [256, 128], "latent": 2}),
        settings=SupervisedSettings(epochs=80, batch=128, learning_rate=1e-3, cosine_decay=True),
        treatment="binarised",
        importance_images=1000,
    ),
    VAERecipe(
        data="mnist",
        model="vae-deep",
        description="generator: 784-500-500-50 autoencoder of binarised pixels",
        generator=Component("vae", {"hidden": [500, 500], "latent": 50}),
        settings=SupervisedSettings(epochs=100, batch=128, learning_rate=1e-3, cosine_decay=True),
        treatment="binarised",
        published=(
            Published(
                paper="Burda et al. (2016)",
                place="table 1, VAE",
                what="NLL of binarised images, nats",
                figure="test_nll_importance_binarised_nats",
                value=86.8,
                at_most=90,
            ),
        ),
    ),
)
