"""A generator that was trained against a critic, and keeps it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from models.generation.generator import Generator


class AdversarialGenerator(Generator):
    """A generator and its critic in one model: every GAN is one, whatever its loss.

    Attributes:
        generator: Module that makes images.
        critic: Module that judges them: no request needs it, but a run goes on from it, and figures read it.
    """

    generator: nn.Module
    critic: nn.Module

    @abstractmethod
    def judge(self, pixels: Tensor, latents: Mapping[str, Tensor]) -> Tensor:
        """Return how real images look, ``(B,)``: a logit for a discriminator, a value without bounds for a critic.

        Args:
            pixels: Images ``(B, channels, height, width)`` in [0, 1].
            latents: Codes of ``B`` generated images. Only what is not random may count (the resolution, say): real
                images are judged with the codes of the generated ones.
        """
