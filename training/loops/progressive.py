"""The smaller images of players that have grown: a short run of their last layers alone."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from models.generation.progressive import ProgressiveGenerator
from training.loops.gradient_step import GradientStep
from training.losses.adversarial_loss import Latents
from training.losses.loss import Loss
from training.seeds import derive

_IMAGES = 512
_BATCH = 64
_LEARNING_RATE = 0.02


def refit_smaller_images(
    model: ProgressiveGenerator, seed: int, steps: int = 200, clip_norm: float | None = None
) -> None:
    """Fit the layers that make the smaller images to what the largest images are when they are shrunk.

    They stopped learning when their resolution was outgrown, and the features that they read have changed since. The
    paper has no use for them afterwards, but a request may ask for them. The largest images stay as they are.

    Args:
        model: Generator that has grown up.
        seed: Seed of the run that it grew in.
        steps: Number of steps for each resolution.
        clip_norm: Largest L2 norm of a layer's gradients together; ``None`` leaves them as they are.
    """
    device = next(model.parameters()).device
    # The name decides what is drawn: another one would give other weights for the same seed.
    drawn = model.latents([derive(seed, f"repaint/{i}") for i in range(_IMAGES)])
    latents = {name: tensor.to(device) for name, tensor in drawn.items()}
    largest = model.generate(latents).clone()
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.requires_grad_(False)  # or each step would differentiate by every weight
    for smaller, layer in enumerate(list(model.to_rgb.to_pixels)[:-1]):
        codes = latents | {"resolution": torch.full_like(latents["resolution"], smaller)}
        layer.requires_grad_(True)
        optimiser = torch.optim.Adam(layer.parameters(), _LEARNING_RATE)
        _fit(model, GradientStep(optimiser, clip_norm), codes, model.shrink(largest, codes), steps)
        layer.requires_grad_(False)
        layer.zero_grad()
    for parameter in learnt:
        parameter.requires_grad_(True)


def _fit(
    model: ProgressiveGenerator, gradient_step: GradientStep, latents: Latents, target: Tensor, steps: int
) -> None:
    """Minimise the mean squared difference of pixels between generated images and ``(N, channels, height, width)``."""
    batches = torch.split(torch.arange(len(target)), _BATCH)

    def loss(rows: Tensor) -> Loss:
        images = model.images({name: tensor[rows] for name, tensor in latents.items()})
        return Loss("loss", F.mse_loss(images, target[rows]))

    for step in range(steps):
        rows = batches[step % len(batches)]
        gradient_step.minimise(partial(loss, rows), step, step / steps)
