"""StyleGAN's loss: a non-saturating one on images that grow, with mixed styles."""

from __future__ import annotations

import torch
from torch import Tensor

from models.checkpoints.checkpoint import Model
from models.generation.generator import Codes
from models.generators.stylegan import StyleGAN
from models.noise import Normal, Site, Uniform
from training.losses.adversarial_loss import Latents
from training.losses.gan_losses import NonSaturatingR1Loss
from training.losses.progressive import ProgressiveLoss
from training.losses.step_context import StepContext


class StyleGANLoss(ProgressiveLoss, NonSaturatingR1Loss):
    """The non-saturating loss on images that grow, some of which have the styles of two codes.

    Args:
        model: Both players.
        growing: Share of the run after which the players have grown up.
        slope: Weight of the gradient penalty R1.
        mixing: Share of images whose layers change from one code to another at a place drawn for each.

    References:
        Karras et al. (2019), A Style-Based Generator Architecture for GANs, section 3.1.
    """

    model: StyleGAN

    def __init__(self, model: Model, growing: float, slope: float = 10.0, mixing: float = 0.9) -> None:
        super().__init__(model, slope)
        self.growing = growing
        self.mixing = mixing

    def codes(self, progress: float) -> Codes:
        return {**super().codes(progress), "noise": "random"}

    def generate(self, latents: Latents, context: StepContext) -> Tensor:
        styles = self.model.styles(latents)
        self.model.update_mean_style(styles[:, 0])
        return self.model.images({**latents, "styles": self.mix(styles, latents, context)})

    def mix(self, styles: Tensor, latents: Latents, context: StepContext) -> Tensor:
        """Return styles whose upper layers are, for some images, those of a second code.

        Args:
            styles: Styles ``(B, layers, w)`` of the first code.
            latents: First code, ``(B, ...)`` each.
            context: Place of the step in its run, which the second code and the place of change are drawn from.
        """
        sites = [
            Site("second z", tuple(latents["z"].shape), Normal()),
            Site("is mixed", (len(styles), 1), Uniform(0.0, 1.0)),
            Site("crossover", (len(styles), 1), Uniform(0.0, 1.0)),
        ]
        z, chance, place = (context.draw(site, styles.device) for site in sites)
        used = 2 * (int(latents["resolution"][0]) + 1)
        first = 1 + (place * (used - 1)).floor()
        second = (chance < self.mixing) & (torch.arange(styles.shape[1], device=styles.device) >= first)
        return torch.where(second[..., None], self.model.styles({**latents, "z": z}), styles)
