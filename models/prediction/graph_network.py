"""A network that came from elsewhere: a graph and the sites of its masks, without code of this house."""

from __future__ import annotations

from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.noise import ScaledBernoulli, Site

IMPORTED = "imported"
"""Name of the component; its graph is a file of the checkpoint."""


class MaskedPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dropout of an imported network.

    Attributes:
        name: Name of the graph's input, which ends in ``.mask``.
        shape: Shape of one row's mask.
        probability: Probability that an element is dropped.
    """

    name: str
    shape: tuple[int, ...]
    probability: Annotated[float, Meta(gt=0, lt=1)]


class GraphNetwork(nn.Module):
    """A network whose outputs only a graph can tell; see :mod:`models.prediction.graph` for its form.

    Args:
        graph: The serialised graph.
        dropout: Its dropouts.
        positions: Shape of one row's outcomes.
        row_bytes: Bytes of the activations of the whole network for one row.
        draw_bytes: Bytes of those that every draw has its own of.
    """

    def __init__(
        self,
        graph: bytes,
        dropout: tuple[MaskedPlace, ...],
        positions: tuple[int, ...],
        row_bytes: int,
        draw_bytes: int,
    ) -> None:
        super().__init__()
        self.graph = graph
        self.positions = positions
        self.row_bytes, self.draw_bytes = row_bytes, draw_bytes
        self.sites = tuple(Site(one.name, one.shape, ScaledBernoulli(1 - one.probability)) for one in dropout)
        self.device_marker = nn.Parameter(torch.empty(0), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Refuse: torch cannot run the graph.

        Raises:
            ModelStructureError: always.
        """
        raise ModelStructureError(
            "an imported network is a graph, whose weights cannot be drawn: take mc_dropout or deterministic"
        )
