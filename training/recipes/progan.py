"""ProGAN: Karras et al. (2018)."""

from __future__ import annotations

from functools import partial

from models.catalogue import Component
from training import adversarial
from training.progressive import ProgressiveRecipe, ProgressiveWasserstein

RECIPES = (
    ProgressiveRecipe(
        data="digits",
        model="progan",
        description="generator: learns 4 x 4 pixels first, then 8 x 8",
        bundled=True,
        generator=Component("progan", {"noise": 32, "width": 16}),
        game=partial(ProgressiveWasserstein, growing=0.4),
        settings=adversarial.Settings(
            epochs=150, batch=64, critic_rate=2e-3, generator_rate=2e-3, betas=(0.0, 0.99), average=0.998
        ),
    ),
)
