"""What two players play for: a loss each, and when in a run it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.generation.generator import Codes, Generator
from models.noise import Site, draw_noise


@dataclass(frozen=True)
class StepContext:
    """When in a run a loss is asked for.

    Attributes:
        seed: With ``step``, of everything random in the loss.
        step: Counts updates of the critic.
        share: Of the run that is over, 0 to 1.
    """

    seed: int
    step: int
    share: float | Tensor

    def draw(self, site: Site, device: torch.device) -> Tensor:
        """What a site draws at this step: of ``site.shape``."""
        return sent(draw_noise([site], self.seed, self.step + 1, self.step)[site.name][0], device)


class AdversarialLoss(ABC):
    """Two losses over one model.

    A parameter may be in the generator's group and have a gradient from both losses (InfoGAN's Q has).

    Attributes:
        model: Holds both players.
        steady: Whether every update does the same with tensors of the same shapes, whatever is in them, and waits for
            no value: then a GPU may replay what it was once asked for.
    """

    model: Generator
    steady: bool = True

    def codes(self, share: float) -> Codes:
        """What is not random of the images to make when this share of the run is over: all defaults."""
        return {}

    def seen(self, real: Tensor, latents: dict[str, Tensor]) -> Tensor:
        """Training images as the critic sees them beside images of these codes: as they are."""
        return real

    def made(self, latents: dict[str, Tensor], context: StepContext) -> Tensor:
        """Images of these codes, to learn from: as anybody gets them."""
        return self.model.images(latents)

    def bound_critic(self) -> None:  # noqa: B027 - most games have nothing to keep
        """Called after every step of the critic, to keep its weights where the loss wants them: anywhere."""

    @abstractmethod
    def critic_parameters(self) -> Iterator[nn.Parameter]: ...

    @abstractmethod
    def generator_parameters(self) -> Iterator[nn.Parameter]: ...

    @abstractmethod
    def critic_loss(
        self, real: Tensor, fake: Tensor, latents: dict[str, Tensor], context: StepContext
    ) -> dict[str, Tensor]:
        """Named terms, the first of which is minimised.

        Args:
            real: Training images ``(B, channels, height, width)`` with pixels in [0, 1].
            fake: As many made ones, detached from the generator.
        """

    @abstractmethod
    def generator_loss(self, fake: Tensor, latents: dict[str, Tensor], context: StepContext) -> dict[str, Tensor]:
        """Named terms, the first of which is minimised."""


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; nobody waits for it to get there."""
    if tensor.device == device:
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
