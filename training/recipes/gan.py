"""The generative adversarial network: Goodfellow et al. (2014).

On MNIST the paper's fully connected players (``mnist-gan_maxout``) reach its Parzen-window figure, but some of their
images are dim or speckled, and the Fréchet distance is 72 times the floor after 30 epochs. More of the same did not
help much: a penalty on the slope (R1, .1), batches of 32 and a discriminator twice as wide are at 46 after ten epochs;
204 epochs of batches of 128 are at 37, with every fifth image a 1, and the discriminator right on 93 % of the images.

``mnist-gan`` has the same generator, with batch normalisation, against convolutions, which know that a stroke a pixel
further on is the same stroke. After three epochs of batches of 64 with R1 at 1 and rates of 1e-3 that fall to 0: 113
times; 441 without the normalisation, 115 with R1 at 3, 118 with twice the generator's rate, 117 with twice the
discriminator's, 97 with a code of 32 in place of 100, 82 with Adam's betas at 0 and .9 in place of .5 and .999. The
last two together are the recipe, which is at 6 after 13 of its 45 epochs and at 3.1 in the end. With DCGAN's
discriminator (batch normalisation, no penalty) it is 878 after five: the discriminator is right on everything.
"""

from functools import partial

from models.catalogue import Component
from training.loops.settings import AdversarialSettings
from training.losses.gan_losses import NonSaturatingLoss, NonSaturatingR1Loss
from training.recipes.kinds.generative import AdversarialRecipe
from training.recipes.kinds.published import Published, made_images

RECIPES = (
    AdversarialRecipe(
        data="digits",
        model="gan",
        description="generator: fully connected, against a discriminator",
        bundled=True,
        generator=Component("gan", {"noise": 32, "hidden": [256, 256], "critic_hidden": [64, 64]}),
        loss=NonSaturatingLoss,
        settings=AdversarialSettings(250, 128, 1e-3, 1e-3, ema_decay=0.998),
    ),
    AdversarialRecipe(
        data="mnist",
        model="gan",
        description="generator: fully connected, against a convolutional discriminator",
        generator=Component("gan", {"noise": 32, "normalised": True, "critic_width": 32}),
        loss=partial(NonSaturatingR1Loss, slope=1.0),
        settings=AdversarialSettings(45, 64, 1e-3, 1e-3, (0.0, 0.9), ema_decay=0.999, linear_decay=True, bfloat16=True),
        published=made_images("MNIST", frechet_at_most=10),
    ),
    AdversarialRecipe(
        data="mnist",
        model="gan_maxout",
        description="generator: fully connected, against maxout units, both as wide as in the paper",
        generator=Component("gan", {"noise": 100}),
        loss=NonSaturatingLoss,
        settings=AdversarialSettings(30, 128, 2e-4, 2e-4, ema_decay=0.999),
        published=(
            Published(
                paper="Goodfellow et al. (2014)",
                place="table 1",
                what="Parzen-window log-likelihood, nats",
                figure="parzen_log_likelihood_nats",
                value=225,
                standard_error=2,
            ),
        ),
    ),
)
