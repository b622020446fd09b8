"""StyleGAN: Karras et al. (2019).

On MNIST many updates are worth more than large batches: with 64 images three epochs left out three of the ten digits
(251 times the floor of the Fréchet distance); with 32, seven epochs make all ten (19.8 times), of which simple ones are
too many: the median image is nearer to a training image than a real one is (.95 of its distance). Nine epochs in
bfloat16 at rates that fall to 0 take three quarters of the time and make the kinds more even and their images no nearer
to training images than real ones (1.01), but not better: 23.5 times, precision .81 for .85, recall .48 for .54.
"""

from __future__ import annotations

from functools import partial

from models.catalogue import Component
from training.loops.settings import AdversarialSettings
from training.losses.stylegan import StyleGANLoss
from training.recipes.kinds.progressive import ProgressiveRecipe
from training.recipes.kinds.published import OURS, Published, made_images


def _traded(what: str, figure: str) -> Published:
    """Return the line for truncation half way to the mean style: a gain of a hundredth, or it does nothing."""
    return Published(paper=OURS, place="MNIST", what=f"{what} at psi .5", figure=figure, at_least=0.01)


RECIPES = (
    ProgressiveRecipe(
        data="digits",
        model="stylegan",
        description="generator: a style for every layer, to be mixed and truncated",
        bundled=True,
        generator=Component("stylegan", {"noise": 32, "style": 32, "depth": 4, "mapping_rate": 0.1, "width": 16}),
        loss=partial(StyleGANLoss, growing=0.4, slope=2.0),
        settings=AdversarialSettings(
            epochs=150, batch=64, critic_rate=2e-3, generator_rate=2e-3, betas=(0.0, 0.99), ema_decay=0.998
        ),
    ),
    ProgressiveRecipe(
        data="mnist",
        model="stylegan",
        description="generator: six layers of style, 7 x 7 pixels first, then 14 x 14, then 28 x 28",
        generator=Component("stylegan", {"noise": 64, "style": 64, "depth": 8, "mapping_rate": 0.1, "width": 16}),
        loss=partial(StyleGANLoss, growing=0.4, slope=0.1),
        settings=AdversarialSettings(
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
