"""The losses of two players over one model: a critic that tells real images from generated ones, and a generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from models.generation.generator import Codes, Generator
from training.losses.hook import Hook
from training.losses.loss import Loss
from training.losses.step_context import StepContext

Latents = dict[str, Tensor]
"""Codes of ``B`` images by name, ``(B, ...)`` each."""


class AdversarialLoss(ABC):
    """Two losses over one model.

    A parameter may be in the generator's group and have a gradient from both losses (InfoGAN's Q has).

    Attributes:
        model: Model that holds both players.
        replayable: Whether every update does the same with tensors of the same shapes, whatever their values, and waits
            for none of them: then a GPU may replay an update that it has recorded.
        critic_hooks: Work at fixed points of the critic's steps.
    """

    model: Generator
    replayable: bool = True
    critic_hooks: Sequence[Hook] = ()

    def codes(self, progress: float) -> Codes:
        """Return the codes that are not random once this share of the run, in [0, 1], is done: none but defaults."""
        return {}

    def resize(self, real: Tensor, latents: Latents) -> Tensor:
        """Return training images at the resolution of generated ones: by default as they are.

        Args:
            real: Training images ``(B, channels, height, width)`` in [0, 1].
            latents: Codes of the images that they are compared with.
        """
        return real

    def generate(self, latents: Latents, context: StepContext) -> Tensor:
        """Return images ``(B, channels, height, width)`` to learn from: by default those that anybody gets."""
        return self.model.images(latents)

    @abstractmethod
    def critic_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that the critic's optimiser changes."""

    @abstractmethod
    def generator_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that the generator's optimiser changes."""

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        """Return the critic's loss.

        Args:
            real: Training images ``(B, channels, height, width)`` in [0, 1].
            fake: Generated images of the same shape, detached from the generator.
            latents: Codes of the generated images.
            context: Place of the step in its run; everything random in the loss is drawn from it.
        """

    @abstractmethod
    def generator_loss(self, fake: Tensor, latents: Latents, context: StepContext) -> Loss:
        """Return the generator's loss on the images that the critic has just learnt from.

        Args:
            fake: Generated images ``(B, channels, height, width)`` in [0, 1], with their graph.
            latents: Codes of the generated images.
            context: Place of the step in its run; everything random in the loss is drawn from it.
        """
