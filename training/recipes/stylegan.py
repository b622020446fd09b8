"""StyleGAN: Karras et al. (2019).

On MNIST many updates are worth more than large batches: with 64 images three epochs left out three of the ten digits
(251 times the floor of the Fréchet distance); with 32, seven epochs make all ten (19.8 times), of which simple ones are
too many: the median image is nearer to a training image than a real one is (.95 of its distance). Nine epochs in
bfloat16 at rates that fall to 0 take three quarters of the time and make the kinds more even and their images no nearer
to training images than real ones (1.01), but not better: 23.5 times, precision .81 for .85, recall .48 for .54.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import Model
from models.generation.generator import Codes
from models.generators.stylegan import StyleGAN
from models.noise import Normal, Site, Uniform
from training.loops import adversarial
from training.loops.progressive import ProgressiveLoss, ProgressiveRecipe
from training.losses.adversarial_loss import StepContext
from training.losses.gan_losses import Latents, NonSaturatingR1Loss
from training.recipes.kinds.published import OURS, Published, made_images


class StyleGANLoss(ProgressiveLoss, NonSaturatingR1Loss):
    """The non-saturating loss on images that grow, some of which have the styles of two codes.

    Args:
        growing: As of every progressive loss.
        slope: Weight of the gradient penalty R1.
        mixing: Share of images whose layers change from one code to another at a place drawn for each.
    """

    model: StyleGAN

    def __init__(self, model: Model, growing: float, slope: float = 10.0, mixing: float = 0.9) -> None:
        super().__init__(model, slope)
        self.growing = growing
        self.mixing = mixing

    def codes(self, share: float) -> Codes:
        return {**super().codes(share), "noise": "random"}

    def made(self, latents: Latents, context: StepContext) -> Tensor:
        styles = self.model.styles(latents)
        self.model.follow(styles[:, 0])
        return self.model.images({**latents, "styles": self.mixed(styles, latents, context)})

    def mixed(self, styles: Tensor, latents: Latents, context: StepContext) -> Tensor:
        """Styles ``(B, layers, w)``, the upper layers of some of them from a second code (the paper's section 3.1)."""
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


def _traded(what: str, figure: str) -> Published:
    """What truncation half way to the mean style does: more than a hundredth, or it does nothing."""
    return Published(paper=OURS, place="MNIST", what=f"{what} at psi .5", figure=figure, at_least=0.01)


RECIPES = (
    ProgressiveRecipe(
        data="digits",
        model="stylegan",
        description="generator: a style for every layer, to be mixed and truncated",
        bundled=True,
        generator=Component("stylegan", {"noise": 32, "style": 32, "depth": 4, "mapping_rate": 0.1, "width": 16}),
        loss=partial(StyleGANLoss, growing=0.4, slope=2.0),
        settings=adversarial.AdversarialSettings(
            epochs=150, batch=64, critic_rate=2e-3, generator_rate=2e-3, betas=(0.0, 0.99), ema_decay=0.998
        ),
    ),
    ProgressiveRecipe(
        data="mnist",
        model="stylegan",
        description="generator: six layers of style, 7 x 7 pixels first, then 14 x 14, then 28 x 28",
        generator=Component("stylegan", {"noise": 64, "style": 64, "depth": 8, "mapping_rate": 0.1, "width": 16}),
        loss=partial(StyleGANLoss, growing=0.4, slope=0.1),
        settings=adversarial.AdversarialSettings(
            epochs=9,
            batch=32,
            critic_rate=2e-3,
            generator_rate=2e-3,
            betas=(0.0, 0.99),
            ema_decay=0.999,
            linear_decay=True,
            bfloat16=True,
        ),
        published=(
            *made_images("MNIST"),
            Published(
                paper="Karras et al. (2019)",
                place="table 4, FFHQ",
                what="path length in w over that in z",
                figure="path_length_w_over_z",
                value=round(233 / 665, 2),
                at_most=1,
            ),
            _traded("precision gained", "truncation_precision_gain"),
            _traded("recall lost", "truncation_recall_loss"),
        ),
    ),
)
