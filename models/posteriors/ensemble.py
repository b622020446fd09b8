"""Deep ensemble: a draw is one of a few networks, trained from different initial weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from models.catalogue import NonNegative
from models.errors import ModelStructureError
from models.noise import draw_noise
from models.prediction.draws import Draws
from models.prediction.masks import mask_sites, with_masks
from models.prediction.posterior import Posterior, refuse_hidden_randomness


class Ensemble(Posterior):
    r"""A posterior of equally likely functions: draw ``t`` is member ``t``, whatever the seed, and there are no more.

    The network holds every weight, and every statistic of its normalisation, ``members`` times along a leading axis.
    So one optimiser fits all members at once, each as if it were alone, and it computes nothing on its own: it is
    always evaluated with the tensors of a draw. Dropout is kept for training, where every member and row has masks of
    its own, and gone afterwards.

    Args:
        network: Network whose weights are the first member's; the others are initialised afresh.
        input_shape: Shape of one row.
        members: Number of functions, at least 2.
        length_scale: Length scale of the weight decay, as in MC-dropout: a member is a maximum a posteriori.

    References:
        Lakshminarayanan, Pritzel & Blundell (2017), Simple and Scalable Predictive Uncertainty Estimation using
        Deep Ensembles.
    """

    def __init__(
        self, network: nn.Module, input_shape: tuple[int, ...], members: int = 5, length_scale: NonNegative = 0.1
    ) -> None:
        super().__init__()
        if members < 2:
            raise ValueError(f"an ensemble has at least 2 members, not {members}")
        refuse_hidden_randomness(network)
        self.max_samples = members
        self.length_scale = length_scale
        self.masks = mask_sites(with_masks(network), input_shape)
        self.network = _stacked([network, *(_initialised_afresh(network) for _ in range(members - 1))])
        self.sites = ()

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all members' tensors ``(members, ...)``: no noise picks one."""
        return self.network.state_dict(keep_vars=True)

    def sample(self, seed: int, stop: int, start: int = 0) -> dict[str, Tensor]:
        """Return members ``start .. stop - 1``, ``(S, ...)``, fewer where there are no more; views, not copies."""
        return {name: tensor[start:stop] for name, tensor in self.transform_noise({}).items()}

    def mean_function(self) -> dict[str, Tensor]:
        """Return the first member, ``(1, ...)``: averaged weights are no trained network, nor averaged answers one."""
        return self.sample(0, 1)

    def kl(self, draws: Draws) -> Tensor:
        """Return the weight decay of a Gaussian prior in nats, a scalar, the mean over the members."""
        squares = [parameter.square().sum() for parameter in self.network.parameters()]
        return 0.5 * self.length_scale**2 * torch.stack(squares).sum() / self.members

    def sample_for_training(self, seed: int, step: int, rows: int) -> dict[str, Tensor]:
        """Return all members ``(members, ...)`` with dropout masks of a step, ``(members, rows, ...)``."""
        sites = [replace(site, shape=(self.members, rows, *site.shape)) for site in self.masks]
        picked = self._on_device(draw_noise(sites, seed, step + 1, step))
        return self.transform_noise({}) | {name: masks[0] for name, masks in picked.items()}

    @property
    def members(self) -> int:
        """Return the number of functions."""
        assert self.max_samples is not None  # set when constructed
        return self.max_samples


def _initialised_afresh(network: nn.Module) -> nn.Module:
    """Return a copy with other initial weights: those of each module's ``reset_parameters``, the outermost last."""

    def reset(module: nn.Module) -> None:
        if callable(initialise := getattr(module, "reset_parameters", None)):
            initialise()
        elif next(module.parameters(recurse=False), None) is not None:
            raise ModelStructureError(f"an ensemble needs a reset_parameters method of {type(module).__name__}")

    return copy.deepcopy(network).apply(reset)


def _stacked(members: list[nn.Module]) -> nn.Module:
    """Return the first member, with the weights and the persistent buffers of all along a leading axis."""
    network, states = members[0], [member.state_dict() for member in members]
    parameters = dict(network.named_parameters())
    for name in states[0]:
        owner, _, leaf = name.rpartition(".")
        values = torch.stack([state[name] for state in states])
        setattr(network.get_submodule(owner), leaf, nn.Parameter(values) if name in parameters else values)
    return network
