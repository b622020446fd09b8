"""The base of every posterior: a distribution over the functions that one network can be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.noise import Site, draw_noise
from models.prediction.draws import Draws

Expand = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""A function of outputs ``(R, C)`` and targets ``(R, ...)`` that returns what :meth:`Likelihood.expand` does."""

DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


class Posterior(nn.Module, ABC):
    """A distribution over functions, as a network plus the noise that picks one of them.

    The network itself, with nothing replaced, is the posterior's mean. Nothing random happens in a forward pass:
    :meth:`sample` turns noise into the tensors that make the network a drawn function.

    Attributes:
        network: Network whose dropout modules never act on their own.
        sites: Noise sites of one draw.
        max_samples: Number of different draws; ``None`` if without end, 0 if the network itself is the only function.
        fitted_after_training: Whether its draws are made of what :meth:`after_training` finds, so that any trained
            network will do; until then epochs are compared by the mean function.
    """

    network: nn.Module
    sites: tuple[Site, ...]
    max_samples: int | None = None
    fitted_after_training = False

    @property
    def drawn(self) -> nn.Module:
        """Return the part of the network that is another in every draw; all before it runs once for all draws."""
        return self.network

    @property
    def choices(self) -> tuple[str, ...]:
        """Return sentences on what was decided for the user once the weights were trained."""
        return ()

    @property
    def can_sample(self) -> bool:
        """Return whether there are draws yet: a posterior that collects them along a run has none when the run begins.

        Until then it answers with its mean function alone, and it cannot be saved as a checkpoint.
        """
        return True

    @abstractmethod
    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the draws that noise ``(S, *site.shape)`` picks: tensors ``(S, ...)`` by the network's names."""

    @abstractmethod
    def kl(self, draws: Draws) -> Tensor:
        """Return the divergence from the prior in nats, a scalar, or an estimate of it from draws ``(S, ...)``."""

    def sample(self, seed: int, stop: int, start: int = 0) -> dict[str, Tensor]:
        """Return draws ``start .. stop - 1`` of a seed, tensors ``(stop - start, ...)`` on the posterior's device."""
        return self.transform_noise(self._on_device(draw_noise(self.sites, seed, stop, start)))

    def mean_function(self) -> dict[str, Tensor]:
        """Return the one function that answers without draws, ``(1, ...)``; empty if it is the network as it is."""
        return {}

    @torch.no_grad()
    def initialise_from(self, network: nn.Module) -> None:
        """Start from a trained network's weights; for Bayes by Backprop they are the means.

        Args:
            network: Network of the same kind and sizes: plain, or another posterior's.

        Raises:
            ModelStructureError: if its weights have other names or shapes.
        """
        try:
            self.network.load_state_dict(network.state_dict())
        except RuntimeError as error:
            raise ModelStructureError("the trained network has weights of other names or shapes") from error

    def sample_for_training(self, seed: int, step: int, rows: int) -> dict[str, Tensor]:
        """Return the draws ``(S, ...)`` that a training batch is evaluated with at one step.

        One function for all rows, or whatever has to be fitted at once: every member of an ensemble. The loss is the
        mean over them.

        Args:
            seed: Seed of the run's noise.
            step: Number of the step, from 0.
            rows: Number of rows in the batch.
        """
        return self.sample(seed, step + 1, step)

    def after_epoch(self, progress: float) -> None:
        """Take note that the supervised loop has finished an epoch; the default does nothing.

        A posterior that collects iterates of the weights along a run keeps them in buffers here, so that they are part
        of a checkpoint and of the state of an unfinished run.

        Args:
            progress: Share of the run that is done, in (0, 1].
        """

    def after_training(self, batches: Iterable[tuple[Tensor, Tensor]], expand: Expand) -> None:
        """Take note that the weights are final; the default does nothing.

        A posterior that is fitted around trained weights goes over the training rows here, in evaluation mode, and
        keeps what it finds in buffers.

        Args:
            batches: Training rows with their targets, standardised, on the posterior's device, some at a time.
            expand: Function that returns cost and curvature of outcomes at the network's outputs.
        """

    def _on_device(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        device = next(self.parameters()).device
        return {name: tensor.to(device) for name, tensor in noise.items()}


def refuse_hidden_randomness(network: nn.Module) -> None:
    """Raise if a module draws random numbers in its own forward pass, out of a posterior's reach.

    Raises:
        ModelStructureError: naming the module.
    """
    for name, module in network.named_modules():
        inside = isinstance(module, nn.RNNBase | nn.MultiheadAttention) and module.dropout
        if inside or isinstance(module, nn.AlphaDropout | nn.FeatureAlphaDropout | nn.RReLU):
            raise ModelStructureError(
                f"{name or 'the network'} is of type {type(module).__name__}, which draws random numbers inside:"
                " put them into nn.Dropout modules"
            )
