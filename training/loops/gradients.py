"""The gradients of both players' losses, computed by Python at every update."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from training.loops.gradient_step import backward
from training.losses.adversarial_loss import AdversarialLoss, Latents
from training.losses.loss import Report
from training.losses.step_context import StepContext


class Generated(NamedTuple):
    """Images that the critic has just learnt from, and all that the generator needs to learn from them too.

    Attributes:
        images: Images ``(B, channels, height, width)``, with the generator's graph.
        latents: Codes that they were generated from.
        context: Place of the step in its run.
    """

    images: Tensor
    latents: Latents
    context: StepContext


class Gradients:
    """The gradients that an update's two losses leave with the parameters.

    Args:
        loss: Losses of both players.
        bfloat16: Whether layers compute in it, on a CPU, where autocast holds that to be safe. Their outputs, and
            gradients, are float32 again, though some of it was rounded before.
    """

    def __init__(self, loss: AdversarialLoss, bfloat16: bool = False) -> None:
        self.loss = loss
        self._layers = torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def of_critic(self, real: Tensor, latents: Latents, context: StepContext) -> tuple[Report, Generated]:
        """Leave the gradients of the critic's loss and no others.

        Args:
            real: Training images ``(B, channels, height, width)`` in [0, 1].
            latents: Codes of as many images to generate.
            context: Place of the step in its run.

        Returns:
            The report of the loss, and the generated images for :meth:`of_generator`.
        """
        for parameter in itertools.chain(self.loss.critic_parameters(), self.loss.generator_parameters()):
            parameter.grad = None
        with self._layers:
            fake = self.loss.generate(latents, context).float()
            loss = self.loss.critic_loss(real, fake.detach(), latents, context)
        return backward(loss), Generated(fake, latents, context)

    def of_generator(self, generated: Generated) -> Report:
        """Add the gradients of the generator's loss on images that the critic has just learnt from."""
        with self._layers:
            loss = self.loss.generator_loss(*generated)
        return backward(loss)
