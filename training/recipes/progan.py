"""ProGAN: Karras et al. (2018).

On MNIST, three epochs each: 83.6 times the floor of the Fréchet distance when it grows, 84.5 when it is of the full
size from the start, which costs more.
"""

from __future__ import annotations

from functools import partial

from models.catalogue import Component
from training.loops.settings import AdversarialSettings
from training.losses.progressive import ProgressiveWassersteinLoss
from training.recipes.kinds.progressive import ProgressiveRecipe
from training.recipes.kinds.published import made_images

_MNIST = Component("progan", {"noise": 64, "width": 16})
_MNIST_SETTINGS = AdversarialSettings(
    epochs=7, batch=64, critic_rate=2e-3, generator_rate=2e-3, betas=(0.0, 0.99), ema_decay=0.999
)

RECIPES = (
    ProgressiveRecipe(
        data="digits",
        model="progan",
        description="generator: learns 4 x 4 pixels first, then 8 x 8",
        bundled=True,
        generator=Component("progan", {"noise": 32, "width": 16}),
        loss=partial(ProgressiveWassersteinLoss, growing=0.4),
        settings=AdversarialSettings(
            epochs=150, batch=64, critic_rate=2e-3, generator_rate=2e-3, betas=(0.0, 0.99), ema_decay=0.998
        ),
    ),
    ProgressiveRecipe(
        data="mnist",
        model="progan",
        description="generator: 7 x 7 pixels first, then 14 x 14, then 28 x 28",
        generator=_MNIST,
        loss=partial(ProgressiveWassersteinLoss, growing=0.4),
        settings=_MNIST_SETTINGS,
        published=made_images("MNIST"),
    ),
    ProgressiveRecipe(
        data="mnist",
        model="progan_fixed",
        description="generator: the same net on 28 x 28 pixels from the start, to compare with",
        generator=_MNIST,
        loss=partial(ProgressiveWassersteinLoss, growing=0.0),
        settings=_MNIST_SETTINGS,
        published=made_images("MNIST"),
    ),
)
