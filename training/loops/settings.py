"""The hyper-parameters of the loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from models.catalogue import Count, Positive, Share, Whole
from training.loops.learning_rate import Schedule, constant, cosine, linear
from training.loops.precision import cpu_knows_bfloat16


@dataclass(frozen=True)
class SupervisedSettings:
    """The hyper-parameters of a loop that minimises one loss.

    Attributes:
        epochs: Largest number of passes over the training rows; with 0, a trained network is taken as it is.
        batch: Number of rows per step.
        learning_rate: Learning rate of the optimiser, at the beginning.
        optimiser: ``adam``, or ``sgd`` for plain stochastic gradient descent.
        cosine_decay: Whether the learning rate falls to zero along half a cosine.
        patience: Number of epochs without a better validation metric after which the run stops and the best weights
            are kept; ``None`` runs all epochs and keeps the last weights.
        validate_every: Number of epochs between two validations.
        clip_norm: Largest L2 norm of all gradients together; ``None`` leaves gradients as they are.
        keep_best: Whether the weights of the epoch with the best validation metric are kept, in place of the last;
            with ``patience`` they are anyway.
    """

    epochs: Whole
    batch: Count
    learning_rate: Positive
    optimiser: Literal["adam", "sgd"] = "adam"
    cosine_decay: bool = False
    patience: Count | None = None
    validate_every: Count = 1
    clip_norm: Positive | None = None
    keep_best: bool = False

    @property
    def schedule(self) -> Schedule:
        """The factor of the learning rate along the run."""
        return cosine if self.cosine_decay else constant

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch's weights are kept."""
        return self.keep_best or self.patience is not None


@dataclass(frozen=True)
class AdversarialSettings:
    """The hyper-parameters of the loop of a critic and a generator.

    Attributes:
        epochs: Passes over the training images, each without its last, incomplete batch.
        batch: Number of images per step.
        critic_rate: Learning rate of Adam for the critic, at the beginning.
        generator_rate: Learning rate of Adam for the generator and what is trained along with it, at the beginning.
        betas: Decay rates of Adam's moments, for both players.
        critic_steps: Number of the critic's steps for one of the generator's.
        ema_decay: Decay per step of the exponential moving average of the weights that is kept in the end; ``None``
            keeps the last weights. It is smaller at the beginning.
        linear_decay: Whether the learning rates fall linearly to zero along the run (Gulrajani et al., 2017, on
            CIFAR-10).
        bfloat16: Whether layers compute in it on a CPU that knows it: an update takes two thirds of its time. On a GPU
            layers this small wait to be launched, whatever they compute in.
        clip_norm: Largest L2 norm of all gradients of a player together; ``None`` leaves gradients as they are.
    """

    epochs: Count
    batch: Count
    critic_rate: Positive
    generator_rate: Positive
    betas: tuple[Share, Share] = (0.5, 0.999)
    critic_steps: Count = 1
    ema_decay: Share | None = None
    linear_decay: bool = False
    bfloat16: bool = False
    clip_norm: Positive | None = None

    @property
    def schedule(self) -> Schedule:
        """The factor of both learning rates along the run."""
        return linear if self.linear_decay else constant

    def in_bfloat16(self, device: torch.device) -> bool:
        """Return whether layers compute in it on this device."""
        return self.bfloat16 and device.type == "cpu" and cpu_knows_bfloat16()
