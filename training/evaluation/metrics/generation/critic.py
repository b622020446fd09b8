r"""The distance between generated and real images as the critic of a Wasserstein GAN estimates it.

:math:`E[f(x)] - E[f(G(z))]` is a Wasserstein-1 distance, in units of the Euclidean distance of images with pixels in
[0, 1], if ``f`` is the best 1-Lipschitz function. A critic whose slope is K between the images estimates K times that
(Arjovsky et al., 2017, section 3), and one that has memorised the training images estimates more on them than on
held-out ones (Gulrajani et al., 2017, figure 5).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.generation.adversarial import AdversarialGenerator
from models.noise import Site, Uniform, draw_noise
from training.data import Dataset
from training.data.pixels import pixels
from training.evaluation.measurement import Metrics
from training.seeds import derive, seeds_from

_IMAGES = 1000
_AT_ONCE = 100


def measure(model: AdversarialGenerator, dataset: Dataset, seed: int) -> Metrics:
    """Return the estimates on test and on training images, and the critic's slope between test and generated images.

    Args:
        model: A Wasserstein GAN in evaluation mode.
        dataset: Data that it was fitted to.
        seed: Seed of the first generated image.
    """
    images = min(_IMAGES, len(dataset.test.inputs), len(dataset.train.inputs))
    test, train = (pixels(dataset.inputs, s.rows(slice(images)).inputs) for s in (dataset.test, dataset.train))
    parts = zip(torch.split(test, _AT_ONCE), torch.split(train, _AT_ONCE), strict=True)
    seen = [evaluate_critic(model, *part, seed + i * _AT_ONCE) for i, part in enumerate(parts)]
    on_test, on_train, on_generated, slope = (torch.cat(values) for values in zip(*seen, strict=True))
    return {
        "critic_distance_test": float(on_test.mean() - on_generated.mean()),
        "critic_distance_train": float(on_train.mean() - on_generated.mean()),
        "critic_slope_mean": float(slope.mean()),
        "critic_slope_largest": float(slope.max()),
    }


class CriticValues(NamedTuple):
    """Values of the critic on test, training and generated images, and its slopes between; all ``(B,)``."""

    test: Tensor
    train: Tensor
    generated: Tensor
    slope: Tensor


def evaluate_critic(model: AdversarialGenerator, test: Tensor, train: Tensor, seed: int) -> CriticValues:
    """Evaluate the critic on real and on as many generated images.

    Args:
        model: A Wasserstein GAN in evaluation mode.
        test: Images ``(B, channels, height, width)`` in [0, 1].
        train: Training images of the same shape.
        seed: Seed of the first generated image. Slopes are taken at random points between a test image and a generated
            one, which follow from this seed too.
    """
    latents = model.latents(seeds_from(seed, len(test)))
    generated = model.generate(latents)
    with torch.inference_mode():
        on_test, on_train, on_generated = (model.judge(images, latents) for images in (test, train, generated))
    site = Site("mix", (len(test), 1, 1, 1), Uniform(0.0, 1.0))
    share = draw_noise([site], derive(seed, "slopes"), 1)["mix"][0]
    between = torch.lerp(generated, test, share).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.judge(between, latents).sum(), between)
    return CriticValues(on_test, on_train, on_generated, torch.linalg.vector_norm(gradient.flatten(1), dim=1))
