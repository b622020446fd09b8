"""Progressive growing: which resolution the players of the one adversarial loop see at which point of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checkpoints.checkpoint import Model
from models.generation.generator import Codes
from models.generation.progressive import ProgressiveGenerator, size_names
from training.data import Dataset
from training.loops.progress import Run
from training.losses.gan_losses import CriticLoss, Latents, WassersteinLoss
from training.recipes.kinds.generative import AdversarialRecipe
from training.seeds import derive

_REPAINTED = 512
_REPAINT_BATCH = 64
_REPAINT_RATE = 0.02


class Growth(NamedTuple):
    """How far a generator has grown.

    Attributes:
        stage: Of its resolutions, from 0.
        fade_alpha: How far that is faded in, 0 to 1.
    """

    stage: int
    fade_alpha: float


def growth(share: float, stages: int, growing: float) -> Growth:
    """The paper's schedule: each resolution is trained for a while before the next one fades in for as long.

    Args:
        share: Of the run that is over, 0 to 1.
        stages: Number of resolutions.
        growing: Share of the run after which the largest is there for good; 0 for a net that does not grow.

    References:
        Karras et al. (2018), Progressive Growing of GANs, appendix A.1.

    >>> [growth(share, 3, 0.4) for share in (0.0, 0.15, 0.25, 0.35)]
    [Growth(stage=0, fade_alpha=1.0), Growth(stage=1, fade_alpha=0.5), Growth(stage=1, fade_alpha=1.0), \
Growth(stage=2, fade_alpha=0.5)]
    """
    if stages == 1 or share >= growing:
        return Growth(stages - 1, 1.0)
    phases = round(2 * (stages - 1) * share / growing, 9)
    if int(phases) % 2 == 0:
        return Growth(int(phases) // 2, 1.0)
    return Growth(int(phases) // 2 + 1, phases % 1)


class ProgressiveLoss(CriticLoss):
    """A loss whose players grow, whatever its losses.

    Attributes:
        growing: Share of the run after which they are grown up; 0 for players that are from the start.
    """

    model: ProgressiveGenerator
    growing: float
    steady = False

    def codes(self, share: float) -> Codes:
        now = growth(share, len(self.model.sizes), self.growing)
        return {"resolution": size_names(self.model.sizes)[now.stage], "fade_alpha": now.fade_alpha}

    def seen(self, real: Tensor, latents: Latents) -> Tensor:
        return self.model.shrunk(real, latents)


class ProgressiveWassersteinLoss(ProgressiveLoss, WassersteinLoss):
    """Karras et al. (2018): the gradient penalty's loss, with a drift term, on images that grow."""

    def __init__(self, model: Model, growing: float, drift: float = 0.001) -> None:
        super().__init__(model, drift=drift)
        self.growing = growing


@dataclass(frozen=True, kw_only=True)
class ProgressiveRecipe(AdversarialRecipe):
    """Fits an adversary that grows, and then makes its smaller resolutions show what the largest one shows."""

    def train(self, model: Model, dataset: Dataset, run: Run) -> None:
        super().train(model, dataset, run)
        assert isinstance(model, ProgressiveGenerator)  # as the loss says
        repaint(model, run.seed)


def repaint(model: ProgressiveGenerator, seed: int, steps: int = 200) -> None:
    """Fit the layers that make the smaller images to what the largest images are when they are shrunk.

    They stopped learning when their resolution was outgrown, and the features that they read have changed since. The
    paper has no use for them afterwards, but a request may ask for them. The largest images stay as they are.
    """
    device = next(model.parameters()).device
    drawn = model.latents([derive(seed, f"repaint/{i}") for i in range(_REPAINTED)])
    latents = {name: tensor.to(device) for name, tensor in drawn.items()}
    largest = model.generate(latents).clone()
    for smaller, layer in enumerate(list(model.to_rgb.to_pixels)[:-1]):
        codes = latents | {"resolution": torch.full_like(latents["resolution"], smaller)}
        _fit(model, layer, codes, model.shrunk(largest, codes), steps)


def _fit(model: ProgressiveGenerator, layer: nn.Module, latents: Latents, wanted: Tensor, steps: int) -> None:
    """Adam on the mean squared difference of pixels, with one layer's weights."""
    optimiser = torch.optim.Adam(layer.parameters(), _REPAINT_RATE)
    batches = torch.split(torch.arange(len(wanted)), _REPAINT_BATCH)
    for step in range(steps):
        rows = batches[step % len(batches)]
        images = model.images({name: tensor[rows] for name, tensor in latents.items()})
        optimiser.zero_grad()
        F.mse_loss(images, wanted[rows]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    layer.zero_grad()
