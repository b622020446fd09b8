r"""What the critic of a Wasserstein GAN says of the distance between made and real images.

:math:`E[f(x)] - E[f(G(z))]` is a Wasserstein-1 distance, in units of the Euclidean distance of images with pixels in
[0, 1], if ``f`` is the best 1-Lipschitz function. A critic whose slope is K on the way estimates K times that (Arjovsky
et al., 2017, section 3), and one that learnt the training images by heart estimates more on them than on held-out ones
(Gulrajani et al., 2017, figure 5).
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


def metrics(model: AdversarialGenerator, dataset: Dataset, seed: int) -> Metrics:
    """The estimate on test and on training images, and the slope of the critic between test images and made ones."""
    images = min(_IMAGES, len(dataset.test.inputs), len(dataset.train.inputs))
    test, train = (pixels(dataset.inputs, s.rows(slice(images)).inputs) for s in (dataset.test, dataset.train))
    parts = zip(torch.split(test, _AT_ONCE), torch.split(train, _AT_ONCE), strict=True)
    seen = [views(model, *part, seed + i * _AT_ONCE) for i, part in enumerate(parts)]
    of_test, of_train, of_made, slope = (torch.cat(view) for view in zip(*seen, strict=True))
    return {
        "critic_distance_test": float(of_test.mean() - of_made.mean()),
        "critic_distance_train": float(of_train.mean() - of_made.mean()),
        "critic_slope_mean": float(slope.mean()),
        "critic_slope_largest": float(slope.max()),
    }


class Views(NamedTuple):
    """The critic's values of test, training and made images, and its slopes, all ``(B,)``."""

    test: Tensor
    train: Tensor
    made: Tensor
    slope: Tensor


def views(model: AdversarialGenerator, test: Tensor, train: Tensor, seed: int) -> Views:
    """Of as many made images, of the seeds from ``seed``; a slope is of a point between a test image and a made one."""
    latents = model.latents(seeds_from(seed, len(test)))
    made = model.generate(latents)
    with torch.inference_mode():
        of_test, of_train, of_made = (model.judge(images, latents) for images in (test, train, made))
    site = Site("mix", (len(test), 1, 1, 1), Uniform(0.0, 1.0))
    share = draw_noise([site], derive(seed, "slopes"), 1)["mix"][0]
    between = torch.lerp(made, test, share).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.judge(between, latents).sum(), between)
    return Views(of_test, of_train, of_made, torch.linalg.vector_norm(gradient.flatten(1), dim=1))
