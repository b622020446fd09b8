"""Variational autoencoder: Kingma & Welling (2014); the digits' network is theirs, made smaller."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models import noise
from models.catalogue import Component
from models.checkpoint import GeneratorSpec
from models.generators.vae import VAE
from training import likelihood
from training.data import Dataset, Split
from training.objectives import bernoulli_nll, vae_negative_elbo
from training.progress import Run
from training.published import OURS, Published
from training.recipe import Figures, Model, Recipe, pixel_spec, pixels
from training.seeds import derive


@dataclass(frozen=True, kw_only=True)
class VAERecipe(Recipe):
    """Fits a VAE with Bernoulli pixels.

    Attributes:
        generator: As in ``models.generators``.
        binarise: Whether every pixel is drawn anew, 1 with the probability of its grey value, each time an image is
            seen. Otherwise grey values count as probabilities, and the bound is not one of a likelihood.
    """

    generator: Component
    settings: likelihood.Settings
    binarise: bool = False

    def spec(self, dataset: Dataset) -> GeneratorSpec:
        return GeneratorSpec(self.generator, pixel_spec(dataset.inputs))

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        objective = Bound(model, dataset, self.binarise)
        likelihood.minimise(objective, objective.unit(dataset.train), self.settings, run)

    def figures(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Figures:
        objective = Bound(model, dataset, self.binarise)
        test = objective.unit(dataset.test)
        with torch.inference_mode():
            nll, kl = objective.terms(test.inputs, derive(seed, "figures"), 0)
            active = objective.vae.encode(test.inputs).mean.var(0) > 0.01
        kind = "binarised" if self.binarise else "grey"
        return {
            f"test_negative_elbo_{kind}_nats": float((nll + kl).mean()),
            f"test_reconstruction_{kind}_nats": float(nll.mean()),
            "test_kl_nats": float(kl.mean()),
            "active_code_units": float(active.sum()),
        }


class Bound(likelihood.Objective):
    """The negative bound of a VAE, mean over images with pixels in [0, 1]; one sample of each code."""

    metric_name = "validation -ELBO"

    def __init__(self, model: Model, dataset: Dataset, binarise: bool) -> None:
        assert isinstance(model, VAE)  # as the recipe's spec() says
        self.model = model
        self.vae = model
        self.images = dataset.inputs
        self.binarise = binarise
        self.validation = self.unit(dataset.validation)

    def unit(self, split: Split) -> Split:
        """The split with pixels in [0, 1]."""
        return Split(pixels(self.images, split.inputs), split.targets)

    def loss(self, batch: Split, seed: int, step: int) -> Tensor:
        return vae_negative_elbo(*self.terms(batch.inputs, seed, step))

    @torch.inference_mode()
    def metric(self) -> float:
        return float(vae_negative_elbo(*self.terms(self.validation.inputs, derive(0, "validation"), 0)))

    def terms(self, images: Tensor, seed: int, step: int) -> tuple[Tensor, Tensor]:
        """Negative log-likelihood and divergence of every image, both ``(B,)``."""
        (site,) = self.vae.sites
        sites = [noise.Site("z", (len(images), *site.shape), site.law)]
        sites += [noise.Site("pixels", tuple(images.shape), noise.Uniform(0.0, 1.0))] if self.binarise else []
        drawn = {name: t[0].to(images.device) for name, t in noise.draw(sites, seed, step + 1, step).items()}
        seen = (drawn["pixels"] < images).float() if self.binarise else images
        code = self.vae.encode(seen)
        return bernoulli_nll(self.vae.decode(code.sample(drawn["z"])), seen), code.kl()


RECIPES = (
    VAERecipe(
        data="digits",
        model="vae",
        description="generator: 64-200-8 autoencoder of grey pixels",
        bundled=True,
        starter=True,
        generator=Component("vae", {"hidden": 200, "latent": 8}),
        settings=likelihood.Settings(epochs=300, batch=64, learning_rate=2e-3, anneal=True, validate_every=10),
    ),
    VAERecipe(
        data="mnist",
        model="vae",
        description="generator: 784-400-20 autoencoder of binarised pixels, as in the paper",
        generator=Component("vae", {"hidden": 400, "latent": 20}),
        settings=likelihood.Settings(epochs=40, batch=128, learning_rate=1e-3, anneal=True),
        binarise=True,
        published=(
            Published(
                paper="Burda et al. (2016)",
                place="table 1, VAE",
                what="NLL of binarised images, nats (ours is the bound above it, -ELBO)",
                figure="test_negative_elbo_binarised_nats",
                value=86.8,
                at_most=103,
            ),
            Published(paper=OURS, place="MNIST", what="active units, of 20", figure="active_code_units", at_least=10),
        ),
    ),
)
