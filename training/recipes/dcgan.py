"""Deep convolutional GAN: Radford et al. (2016), section 3 and its details of training."""

from models.catalogue import Component
from training.adversarial import Settings
from training.games import NonSaturating
from training.generative import AdversarialRecipe

RECIPES = (
    AdversarialRecipe(
        data="digits",
        model="dcgan",
        description="generator: convolutional, against a discriminator",
        bundled=True,
        generator=Component("dcgan", {"noise": 32, "width": 64, "critic_width": 32, "smallest": 2}),
        game=NonSaturating,
        settings=Settings(150, 128, 2e-4, 2e-4),
    ),
)
