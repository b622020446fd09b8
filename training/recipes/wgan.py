"""Wasserstein GAN: Gulrajani et al. (2017) with the gradient penalty, Arjovsky et al. (2017) with clipped weights.

What counts on MNIST is a good critic, and a generator that can follow it. Fréchet distances as multiples of the floor,
with DCGAN's generator, after three epochs at rates of 1e-3 that fall to 0: 122 with batches of 64, three critic steps
and no normalisation in the critic; 102 with batches of 32; 71 with layer normalisation too, and 116 with one critic
step of it, 53 with five, 118 with ten. 180 epochs of that, with the penalty on every fourth image, reached 4.9 in
8142 s and had flattened; players of twice the width, in batches of 128, reached 5.4 in 212 epochs.

A fully connected generator, as in one of the paper's pairs of players, has nine times the weights and costs no more.
Its batch normalisation wants larger batches: of 32 it was at 5.9 after 85 of 120 epochs; of 64, with a critic of half
the width (``mnist-wgan_narrow``, for a CPU), it is at 4.7 after 83 of 150 and at 4.3 in the end. ``mnist-wgan`` is for
a GPU, where it takes minutes and reaches 3.5; on one core its 98 280 updates of .18 s would take five hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from models.catalogue import Component
from models.checkpoints.checkpoint import Model
from models.generation.adversarial import AdversarialGenerator
from training.data import Dataset
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.generation import critic
from training.loops.settings import AdversarialSettings
from training.losses.gan_losses import WassersteinLoss
from training.recipes.kinds.generative import AdversarialRecipe
from training.recipes.kinds.published import OURS, Published, made_images


@dataclass(frozen=True, kw_only=True)
class WassersteinRecipe(AdversarialRecipe):
    """Fits a Wasserstein GAN, and measures the distance that its critic estimates."""

    def metrics(self, model: Model, dataset: Dataset, samples: int, seed: int) -> Metrics:
        assert isinstance(model, AdversarialGenerator)  # as spec() says
        return super().metrics(model, dataset, samples, seed) | critic.measure(model, dataset, seed)


RECIPES = (
    WassersteinRecipe(
        data="digits",
        model="wgan",
        description="generator: convolutional, against a critic with a gradient penalty",
        bundled=True,
        generator=Component("wgan", {"noise": 32, "width": 64, "critic_width": 32, "smallest": 2}),
        loss=WassersteinLoss,
        settings=AdversarialSettings(400, 128, 1e-3, 1e-3, (0.5, 0.9), critic_steps=5, ema_decay=0.998),
    ),
    WassersteinRecipe(
        data="mnist",
        model="wgan",
        description="generator: fully connected, against a convolutional critic with a gradient penalty",
        generator=Component("wgan", {"noise": 32, "hidden": [1200, 1200], "critic_width": 64}),
        loss=partial(WassersteinLoss, every=4),
        settings=AdversarialSettings(
            210, 128, 1e-3, 1e-3, (0.0, 0.9), critic_steps=3, ema_decay=0.999, linear_decay=True, bfloat16=True
        ),
        published=(
            *made_images("MNIST", frechet_at_most=4),
            Published(
                paper=OURS,
                place="MNIST",
                what="the critic's estimate of the Wasserstein distance to test images, times its slope",
                figure="critic_distance_test",
            ),
        ),
    ),
    WassersteinRecipe(
        data="mnist",
        model="wgan_narrow",
        description="generator: fully connected, against a critic of half the width, for a CPU",
        generator=Component("wgan", {"noise": 32, "hidden": [1200, 1200], "critic_width": 32}),
        loss=partial(WassersteinLoss, every=4),
        settings=AdversarialSettings(
            150, 64, 1e-3, 1e-3, (0.0, 0.9), critic_steps=3, ema_decay=0.999, linear_decay=True, bfloat16=True
        ),
        published=made_images("MNIST"),
    ),
    WassersteinRecipe(
        data="mnist",
        model="wgan_clipped",
        description="generator: convolutional, against a critic with clipped weights, as first proposed",
        generator=Component("wgan", {"noise": 64, "width": 32, "critic_width": 32}),
        loss=partial(WassersteinLoss, penalty=0.0, clip=0.01),
        settings=AdversarialSettings(30, 64, 5e-5, 5e-5, (0.0, 0.9), critic_steps=5),
    ),
)
