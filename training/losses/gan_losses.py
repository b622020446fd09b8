"""The games of a generator and its critic that need nothing but the two: non-saturating and Wasserstein."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.checkpoints.checkpoint import Model
from models.generation.adversarial import AdversarialGenerator
from models.noise import Normal, Site, Uniform
from training.losses.adversarial_loss import AdversarialLoss, StepContext
from training.losses.objectives import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)

Latents = dict[str, Tensor]


class CriticLoss(AdversarialLoss):
    """Whose players are an adversary's own."""

    def __init__(self, model: Model) -> None:
        assert isinstance(model, AdversarialGenerator)  # as the recipe's spec() says
        self.model = model
        self.adversary = model

    def critic_parameters(self) -> Iterator[nn.Parameter]:
        return self.adversary.critic.parameters()

    def generator_parameters(self) -> Iterator[nn.Parameter]:
        return self.adversary.generator.parameters()

    def judged(self, images: Tensor, latents: Latents) -> Tensor:
        """What the critic says, as float32, so that a loss of it is not rounded again."""
        return self.adversary.judge(images, latents).float()


class NonSaturatingLoss(CriticLoss):
    """Goodfellow et al. (2014): the critic is a discriminator, the generator maximises ``log D(G(z))``.

    Args:
        instance_noise: Deviation of the noise on all pixels that the discriminator sees, at the start; it falls to
            nothing along the run. Few images are soon known by heart without it (Sonderby et al., 2017).
    """

    def __init__(self, model: Model, instance_noise: float = 0.0) -> None:
        super().__init__(model)
        self.instance_noise = instance_noise

    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> dict[str, Tensor]:
        of_real = self.judged(self.blurred(real, "real", context), latents)
        of_fake = self.judged(self.blurred(fake, "fake", context), latents)
        return {"D loss": discriminator_loss(of_real, of_fake), "D right": right(of_real, of_fake)}

    def generator_loss(self, fake: Tensor, latents: Latents, context: StepContext) -> dict[str, Tensor]:
        judged = self.judged(self.blurred(fake, "generated", context), latents)
        return {"G loss": generator_loss(judged)}

    def blurred(self, images: Tensor, purpose: str, context: StepContext) -> Tensor:
        return noisy(images, self.instance_noise, purpose, context)


class NonSaturatingR1Loss(NonSaturatingLoss):
    """Mescheder et al. (2018): a penalty on the slope at real images makes the loss converge.

    Args:
        slope: Weight of the penalty, the paper's gamma: half of it counts.
    """

    def __init__(self, model: Model, slope: float = 10.0) -> None:
        super().__init__(model)
        self.slope = slope

    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> dict[str, Tensor]:
        real = real.detach().requires_grad_()
        of_real, of_fake = self.judged(real, latents), self.judged(fake, latents)
        loss, penalty = discriminator_loss(of_real, of_fake), r1_penalty(of_real, real)
        total = loss + 0.5 * self.slope * penalty
        return {"total D loss": total, "D loss": loss.detach(), "D right": right(of_real, of_fake)}


class WassersteinLoss(CriticLoss):
    """Arjovsky et al. (2017): the critic's values estimate a distance.

    Args:
        penalty: Weight of the gradient penalty that keeps the critic's slope near 1 (Gulrajani et al., 2017); 0 leaves
            it out, and the weights must then be clipped.
        drift: Weight of the squared values of real images, which keeps them from drifting (Karras et al., 2018).
        clip: Largest absolute value of the critic's weights, which bounds its slope by some constant.
        every: The penalty is the mean over every n-th image of a batch. Over all it is half of an update's work.
    """

    def __init__(
        self, model: Model, penalty: float = 10.0, drift: float = 0.0, clip: float = math.inf, every: int = 1
    ) -> None:
        super().__init__(model)
        self.penalty = penalty
        self.drift = drift
        self.clip = clip
        self.every = every

    @torch.no_grad()
    def bound_critic(self) -> None:
        for weight in self.critic_parameters() if math.isfinite(self.clip) else ():
            weight.clamp_(-self.clip, self.clip)

    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> dict[str, Tensor]:
        of_real, of_fake = self.judged(real, latents), self.judged(fake, latents)
        loss = wasserstein_critic_loss(of_real, of_fake)
        total = loss + self.drift * of_real.square().mean()
        if self.penalty:
            total = total + self.penalty * self.slope_penalty(real, fake, latents, context)
        return {"critic loss": total, "distance": -loss.detach()}

    def generator_loss(self, fake: Tensor, latents: Latents, context: StepContext) -> dict[str, Tensor]:
        return {"G loss": wasserstein_generator_loss(self.judged(fake, latents))}

    def slope_penalty(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> Tensor:
        """At one point of the line between a real image and the made one beside it, for every n-th of them."""
        real, fake = real[:: self.every], fake[:: self.every]
        latents = {name: codes[:: self.every] for name, codes in latents.items()}
        site = Site("mix", (len(real), 1, 1, 1), Uniform(0.0, 1.0))
        between = torch.lerp(fake, real, context.draw(site, real.device)).requires_grad_()
        return gradient_penalty(self.judged(between, latents), between)


def noisy(images: Tensor, deviation: float, purpose: str, context: StepContext) -> Tensor:
    """Images with noise on all pixels: of this deviation when a run begins, of none when it ends."""
    if not deviation:
        return images
    site = Site(f"instance noise/{purpose}", tuple(images.shape), Normal())
    return images + deviation * (1 - context.share) * context.draw(site, images.device)


def right(of_real: Tensor, of_fake: Tensor) -> Tensor:
    """Share of images that a discriminator tells apart rightly, 0 to 1."""
    return 0.5 * ((of_real > 0).float().mean() + (of_fake < 0).float().mean())
