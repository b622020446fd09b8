"""The generative adversarial network: Goodfellow et al. (2014).

On MNIST the paper's fully connected players reach its Parzen-window figure (222.7 of 225), but some of their images are
dim or speckled, and the Fréchet distance is 72 times the floor after 30 epochs, where the convolutional ones of
``mnist-dcgan``, with the same losses, are at 8. After five epochs at rates of 1e-3 that fall to 0: 196 times; with a
penalty on the slope (R1, .1) 158, and 200 with batch normalisation in the generator too; with noise on what the
discriminator sees 232. These four figures are of the first 5000 test images; of more real images: with the paper's
dropout in the discriminator 270, with R1 and batches of 64 117, of 32 91 (47 and 62 s an epoch; 50 s with 128). Ten
epochs of the last are 57, and 46 with a discriminator twice as wide. Both and 204 epochs of batches of 128 are 37 only
(214 s on an H200), and every fifth image is a 1: the discriminator was right on 93 % of the images by then.
"""

from functools import partial

from models.catalogue import Component
from training.adversarial import Settings
from training.games import NonSaturating, NonSaturatingR1
from training.generative import AdversarialRecipe
from training.published import Published, made_images

PARZEN = Published(
    paper="Goodfellow et al. (2014)",
    place="table 1",
    what="Parzen-window log-likelihood, nats",
    figure="parzen_log_likelihood_nats",
    value=225,
    standard_error=2,
)

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
    AdversarialRecipe(
        data="mnist",
        model="gan",
        description="generator: fully connected, against a convolutional discriminator",
        generator=Component("gan", {"noise": 32, "normalised": True, "critic_width": 32}),
        game=partial(NonSaturatingR1, slope=1.0),
        settings=Settings(45, 64, 1e-3, 1e-3, (0.0, 0.9), average=0.999, fading=True, half=True),
        published=(PARZEN, *made_images("MNIST", frechet_at_most=10)),
    ),
    AdversarialRecipe(
        data="mnist",
        model="gan_maxout",
        description="generator: fully connected, against maxout units, both as wide as in the paper",
        generator=Component("gan", {"noise": 100}),
        game=NonSaturating,
        settings=Settings(30, 128, 2e-4, 2e-4, average=0.999),
        published=(PARZEN, *made_images("MNIST")),
    ),
)
