"""Deep convolutional GAN: Radford et al. (2016), section 3 and its details of training."""

from models.catalogue import Component
from training.loops.settings import AdversarialSettings
from training.losses.gan_losses import NonSaturatingLoss
from training.recipes.kinds.generative import AdversarialRecipe
from training.recipes.kinds.published import made_images

RECIPES = (
    AdversarialRecipe(
        data="digits",
        model="dcgan",
        description="generator: convolutional, against a discriminator",
        bundled=True,
        generator=Component("dcgan", {"noise": 32, "width": 64, "critic_width": 32, "smallest": 2}),
        loss=NonSaturatingLoss,
        settings=AdversarialSettings(150, 128, 2e-4, 2e-4),
    ),
    AdversarialRecipe(
        data="mnist",
        model="dcgan",
        description="generator: convolutional, against a discriminator",
        generator=Component("dcgan", {"noise": 64, "width": 32, "critic_width": 32}),
        loss=NonSaturatingLoss,
        settings=AdversarialSettings(20, 128, 1e-3, 1e-3, ema_decay=0.999),
        published=made_images("MNIST", frechet_at_most=10),
    ),
)
