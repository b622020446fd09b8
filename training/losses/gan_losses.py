"""The losses of a generator and its critic that need nothing but the two: non-saturating and Wasserstein."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from models.checkpoints.checkpoint import Model
from models.generation.adversarial import AdversarialGenerator
from models.noise import Normal, Site, Uniform
from training.losses.adversarial_loss import AdversarialLoss, Latents
from training.losses.hook import Hook
from training.losses.loss import Loss
from training.losses.objectives import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from training.losses.step_context import StepContext


class CriticLoss(AdversarialLoss):
    """A loss whose players are the generator and the critic of an adversarial generator."""

    def __init__(self, model: Model) -> None:
        assert isinstance(model, AdversarialGenerator)  # as the recipe's spec() says
        self.model = model
        self.players = model

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        return self.players.critic.parameters()

    def generator_parameters(self) -> Iterator[nn.Parameter]:
        return self.players.generator.parameters()

    def scores(self, images: Tensor, latents: Latents) -> Tensor:
        """Return the critic's values of images, ``(B,)``, as float32, so that a loss of them is not rounded again."""
        return self.players.judge(images, latents).float()


class NonSaturatingLoss(CriticLoss):
    """Goodfellow et al. (2014): the critic is a discriminator, the generator maximises ``log D(G(z))``.

    Args:
        model: Both players.
        instance_noise: Standard deviation of the noise on all pixels that the discriminator sees, at the start; it
            falls to zero along the run. Without it few images are soon known by heart (Sonderby et al., 2017).
    """

    def __init__(self, model: Model, instance_noise: float = 0.0) -> None:
        super().__init__(model)
        self.instance_noise = instance_noise

    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        of_real = self.scores(self.with_noise(real, "real", context), latents)
        of_fake = self.scores(self.with_noise(fake, "fake", context), latents)
        diagnostics = {"discriminator_accuracy": accuracy(of_real, of_fake)}
        return Loss("discriminator_loss", discriminator_loss(of_real, of_fake), diagnostics)

    def generator_loss(self, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        scores = self.scores(self.with_noise(fake, "generated", context), latents)
        return Loss("generator_loss", generator_loss(scores))

    def with_noise(self, images: Tensor, purpose: str, context: StepContext) -> Tensor:
        """Return images ``(B, channels, height, width)`` with the instance noise of this step."""
        return add_instance_noise(images, self.instance_noise, purpose, context)


class NonSaturatingR1Loss(NonSaturatingLoss):
    """Mescheder et al. (2018): with a penalty on the slope at real images the training converges.

    Args:
        model: Both players.
        slope: Weight of the penalty, the paper's gamma: half of it counts.
    """

    def __init__(self, model: Model, slope: float = 10.0) -> None:
        super().__init__(model)
        self.slope = slope

    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        real = real.detach().requires_grad_()
        of_real, of_fake = self.scores(real, latents), self.scores(fake, latents)
        loss, penalty = discriminator_loss(of_real, of_fake), r1_penalty(of_real, real)
        diagnostics = {"discriminator_loss": loss, "discriminator_accuracy": accuracy(of_real, of_fake)}
        return Loss("total_discriminator_loss", loss + 0.5 * self.slope * penalty, diagnostics)


class WassersteinLoss(CriticLoss):
    """Arjovsky et al. (2017): the critic's values estimate a distance.

    Args:
        model: Both players.
        penalty: Weight of the gradient penalty that keeps the critic's slope near 1 (Gulrajani et al., 2017); 0 leaves
            it out, and the weights must then be clipped.
        drift: Weight of the squared values of real images, which keeps them from drifting (Karras et al., 2018).
        clip: Largest absolute value of the critic's weights, which bounds its slope by some constant.
        every: Distance of the images of a batch that the penalty is the mean over. Over all it is half of an update's
            work.
    """

    def __init__(
        self, model: Model, penalty: float = 10.0, drift: float = 0.0, clip: float = math.inf, every: int = 1
    ) -> None:
        super().__init__(model)
        self.penalty = penalty
        self.drift = drift
        self.every = every
        self.critic_hooks = (WeightClipping(self.critic_parameters, clip),) if math.isfinite(clip) else ()

    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        of_real, of_fake = self.scores(real, latents), self.scores(fake, latents)
        loss = wasserstein_critic_loss(of_real, of_fake)
        total = loss + self.drift * of_real.square().mean()
        if self.penalty:
            total = total + self.penalty * self.slope_penalty(real, fake, latents, context)
        return Loss("critic_loss", total, {"wasserstein_distance": -loss})

    def generator_loss(self, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        return Loss("generator_loss", wasserstein_generator_loss(self.scores(fake, latents)))

    def slope_penalty(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> Tensor:
        """Return the gradient penalty, a scalar, at random points between real images and generated ones.

        Args:
            real: Training images ``(B, channels, height, width)``; every n-th of them counts.
            fake: Generated images of the same shape.
            latents: Codes of the generated images.
            context: Place of the step in its run, which the points are drawn from.
        """
        real, fake = real[:: self.every], fake[:: self.every]
        latents = {name: codes[:: self.every] for name, codes in latents.items()}
        site = Site("mix", (len(real), 1, 1, 1), Uniform(0.0, 1.0))
        between = torch.lerp(fake, real, context.draw(site, real.device)).requires_grad_()
        return gradient_penalty(self.scores(between, latents), between)


class WeightClipping(Hook):
    """Keep weights between two bounds, whatever a step made of them.

    Args:
        parameters: Returns the weights.
        bound: Largest absolute value of a weight.
    """

    def __init__(self, parameters: Callable[[], Iterable[nn.Parameter]], bound: float) -> None:
        self.parameters = parameters
        self.bound = bound

    @torch.no_grad()
    def after_step(self, step: int, progress: float) -> None:
        for weight in self.parameters():
            weight.clamp_(-self.bound, self.bound)


def add_instance_noise(images: Tensor, deviation: float, purpose: str, context: StepContext) -> Tensor:
    """Return images with Gaussian noise on all pixels, which falls to zero along the run.

    Args:
        images: Images ``(B, channels, height, width)``.
        deviation: Standard deviation of the noise when the run begins, in the unit of the pixels.
        purpose: Name of the use: another use in the same step draws other noise.
        context: Place of the step in its run, which the noise is drawn from.
    """
    if not deviation:
        return images
    site = Site(f"instance noise/{purpose}", tuple(images.shape), Normal())
    return images + deviation * (1 - context.progress) * context.draw(site, images.device)


def accuracy(of_real: Tensor, of_fake: Tensor) -> Tensor:
    """Return the share of images that a discriminator tells apart, a scalar in [0, 1], from logits ``(B,)`` of both."""
    return 0.5 * ((of_real > 0).float().mean() + (of_fake < 0).float().mean())
