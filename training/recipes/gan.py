"""The generative adversarial network: Goodfellow et al. (2014)."""

from models.catalogue import Component
from training.adversarial import Settings
from training.games import NonSaturating
from training.generative import AdversarialRecipe

RECIPES = (
    AdversarialRecipe(
        data="digits",
        model="gan",
        description="generator: fully connected, against a discriminator",
        bundled=True,
        generator=Component("gan", {"noise": 32, "hidden": [256, 256], "critic_hidden": [64, 64]}),
        game=NonSaturating,
        settings=Settings(250, 128, 1e-3, 1e-3, average=0.998),
    ),
)
