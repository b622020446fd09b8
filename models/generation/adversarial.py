"""A generator that was trained against a critic, and keeps it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from models.generation.generator import Generator


class AdversarialGenerator(Generator):
    """Two players in one model: every GAN is one, whatever loss they play for.

    Attributes:
        generator: All that makes images.
        critic: All that judges them; of no use to a request, but a run can go on from it, and figures read it.
    """

    generator: nn.Module
    critic: nn.Module

    @abstractmethod
    def judge(self, pixels: Tensor, latents: Mapping[str, Tensor]) -> Tensor:
        """How real images look, ``(B,)``: a logit for a discriminator, a value without bounds for a critic.

        Args:
            pixels: ``(B, channels, height, width)`` in [0, 1].
            latents: Codes of ``B`` made images, of which only what is not random may count (the resolution, say):
                real images are judged with the codes of the made ones.
        """
