"""The negative variational bound of an autoencoder."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from models.checkpoints.checkpoint import Model
from models.generators.vae import VAE, LatentPosterior, log_prior
from models.noise import Site, Uniform, draw_noise
from training.data import Dataset, Split
from training.data.pixels import pixels
from training.losses.loss import Loss
from training.losses.objectives import sgvb_a, sgvb_b
from training.losses.step_context import StepContext
from training.losses.supervised_loss import SupervisedLoss
from training.seeds import derive

Estimator = Literal["A", "B"]
Treatment = Literal["grey", "binarised", "dequantised"]

BLOCK = 1000
"""Number of images that are measured at a time, so that memory does not grow with the data."""


class Encoded(NamedTuple):
    """Images as the model sees them, ``(B, channels, height, width)``, with their posterior and one sample of it."""

    images: Tensor
    posterior: LatentPosterior
    z: Tensor


class Terms(NamedTuple):
    """The two parts of the negative bound, ``(B,)`` in nats, and the mean of each code's posterior, ``(B, latent)``."""

    nll: Tensor
    kl: Tensor
    code: Tensor


class Bound(SupervisedLoss):
    """The negative bound of a VAE in nats, mean over images with pixels in [0, 1]; one sample of each code.

    Args:
        model: Autoencoder to fit.
        dataset: Images, raw.
        treatment: Treatment of pixels, each time an image is seen. ``grey`` leaves them as they are: under a Bernoulli
            decoder they count as probabilities, and the bound is not one of a likelihood. ``binarised`` draws every
            pixel anew, 1 with the probability of its grey value. ``dequantised`` adds noise that fills the steps
            between whole raw values, so that a density bounds the probability of the raw image (Theis et al., 2016).
        estimator: Estimator ``A`` or ``B`` of Kingma & Welling.
        beta: Weight of the KL term in training; the metric and all figures have 1.
    """

    metric_name = "validation -ELBO"

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        treatment: Treatment = "grey",
        estimator: Estimator = "B",
        beta: float = 1.0,
    ) -> None:
        assert isinstance(model, VAE)  # as the recipe's spec() says
        self.model = model
        self.vae = model
        self.inputs = dataset.inputs
        self.treatment = treatment
        self.estimator = estimator
        self.beta = beta
        self.validation = self.unit(dataset.validation)

    def unit(self, split: Split) -> Split:
        """Return the split with pixels in [0, 1]."""
        return Split(pixels(self.inputs, split.inputs), split.targets)

    def of_batch(self, batch: Split, context: StepContext) -> Loss:
        seen = self.encoded(batch.inputs, context.seed, context.step)
        nll = self.vae.nll(seen.images, seen.z)
        if self.estimator == "A":
            return Loss("loss", sgvb_a(nll, log_prior(seen.z), seen.posterior.log_prob(seen.z), self.beta))
        return Loss("loss", sgvb_b(nll, seen.posterior.kl(), self.beta))

    @torch.inference_mode()
    def metric(self) -> float:
        terms = self.terms(self.validation.inputs, derive(0, "validation"))
        return float(sgvb_b(terms.nll, terms.kl))

    @torch.inference_mode()
    def terms(self, images: Tensor, seed: int) -> Terms:
        """Return the bound's parts for images ``(N, channels, height, width)`` in [0, 1], one sample of each code."""
        blocks = []
        for i, part in enumerate(torch.split(images, BLOCK)):
            seen = self.encoded(part, seed, i)
            blocks.append((self.vae.nll(seen.images, seen.z), seen.posterior.kl(), seen.posterior.mean))
        return Terms(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))

    def encoded(self, images: Tensor, seed: int, step: int) -> Encoded:
        """Treat images and encode them, on the model's device.

        Args:
            images: Images ``(B, channels, height, width)`` in [0, 1].
            seed: Seed of the sample and of the treatment, together with ``step``.
            step: Number of the draw.
        """
        (site,) = self.vae.sites
        sites = [Site("z", (len(images), *site.shape), site.distribution)]
        if self.treatment != "grey":
            sites.append(Site("pixels", tuple(images.shape), Uniform(0.0, 1.0)))
        device = next(self.vae.parameters()).device
        drawn = {name: t[0].to(device) for name, t in draw_noise(sites, seed, step + 1, step).items()}
        treated = self._treated(images.to(device), drawn)
        posterior = self.vae.encode(treated)
        return Encoded(treated, posterior, posterior.sample(drawn["z"]))

    def _treated(self, images: Tensor, drawn: dict[str, Tensor]) -> Tensor:
        if self.treatment == "binarised":
            return (drawn["pixels"] < images).to(images)
        if self.treatment == "dequantised":
            return (images * (self.levels - 1) + drawn["pixels"]) / self.levels
        return images

    @property
    def levels(self) -> float:
        """The number of whole raw values that a pixel can have."""
        assert self.inputs.low is not None
        assert self.inputs.high is not None  # as pixel_spec() says
        return self.inputs.high - self.inputs.low + 1
