"""The losses of players that grow: which resolution they see at which point of a run."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from models.checkpoints.checkpoint import Model
from models.generation.generator import Codes
from models.generation.progressive import ProgressiveGenerator, size_names
from training.losses.adversarial_loss import Latents
from training.losses.gan_losses import CriticLoss, WassersteinLoss


class Growth(NamedTuple):
    """The stage that a generator has grown to.

    Attributes:
        stage: Index of its resolution, from 0.
        fade_alpha: Share to which that resolution is faded in, in [0, 1].
    """

    stage: int
    fade_alpha: float


def growth(progress: float, stages: int, growing: float) -> Growth:
    """Follow the paper's schedule: each resolution is trained for a while before the next one fades in for as long.

    Args:
        progress: Share of the run that is done, in [0, 1].
        stages: Number of resolutions.
        growing: Share of the run after which the largest is there for good; 0 for a net that does not grow.

    References:
        Karras et al. (2018), Progressive Growing of GANs, appendix A.1.

    >>> [growth(progress, 3, 0.4) for progress in (0.0, 0.15, 0.25, 0.35)]
    [Growth(stage=0, fade_alpha=1.0), Growth(stage=1, fade_alpha=0.5), Growth(stage=1, fade_alpha=1.0), \
Growth(stage=2, fade_alpha=0.5)]
    """
    if stages == 1 or progress >= growing:
        return Growth(stages - 1, 1.0)
    phases = round(2 * (stages - 1) * progress / growing, 9)
    if int(phases) % 2 == 0:
        return Growth(int(phases) // 2, 1.0)
    return Growth(int(phases) // 2 + 1, phases % 1)


class ProgressiveLoss(CriticLoss):
    """A loss whose players grow; another class beside it in the bases says what the loss is.

    Attributes:
        growing: Share of the run after which the players have grown up; 0 for players that are from the start.
    """

    model: ProgressiveGenerator
    growing: float
    replayable = False

    def codes(self, progress: float) -> Codes:
        now = growth(progress, len(self.model.sizes), self.growing)
        return {"resolution": size_names(self.model.sizes)[now.stage], "fade_alpha": now.fade_alpha}

    def resize(self, real: Tensor, latents: Latents) -> Tensor:
        return self.model.shrink(real, latents)


class ProgressiveWassersteinLoss(ProgressiveLoss, WassersteinLoss):
    """Karras et al. (2018): the Wasserstein loss with a gradient penalty and a drift term, on images that grow."""

    def __init__(self, model: Model, growing: float, drift: float = 0.001) -> None:
        super().__init__(model, drift=drift)
        self.growing = growing
