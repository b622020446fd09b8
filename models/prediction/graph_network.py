"""A network that came from elsewhere: a graph and the sites of its masks, without code of this house."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.graphs import Session
from models.noise import ScaledBernoulli, Site

IMPORTED = "imported"
"""Name of the component; its graph is a file of the checkpoint."""
WEIGHTS, LAST_LAYER = "weights", "last_layer"
"""Names, before the dot, of the graph's inputs that are weights: of all layers, or of the last one."""
READ = f"{LAST_LAYER}.read"
"""Name of the graph's output that its last layer reads, where that layer's weights are drawn."""


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


class TensorPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor of an imported network that is an input of its graph.

    Attributes:
        name: Name that the network has for it; the graph's input has :data:`WEIGHTS` and a dot before it.
        shape: Shape of the tensor.
        trained: ``False`` for a statistic of normalisation.
    """

    name: str
    shape: tuple[int, ...]
    trained: bool


class LinearPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last layer of an imported network, where it is an input of the graph.

    Attributes:
        outputs: Number of outputs.
        features: Number of features that it reads.
        bias: Whether it has a bias.
    """

    outputs: int
    features: int
    bias: bool


class _Weights(nn.Module):
    """Tensors by name, which a checkpoint brings."""

    def reset_parameters(self) -> None:
        """Leave them as they are: there is no other way to initialise them."""


class GraphNetwork(_Weights):
    """A network whose outputs only a graph can tell; see :mod:`models.prediction.graph` for its form.

    Args:
        graph: The serialised graph.
        dropout: Its dropouts.
        positions: Shape of one row's outcomes.
        row_bytes: Bytes of the activations of the whole network for one row.
        draw_bytes: Bytes of those that every draw has its own of.
        tensors: Weights and statistics that are inputs of the graph; none where it holds them itself.
        last_layer: Last layer, where its weights alone are inputs.
    """

    def __init__(
        self,
        graph: bytes,
        dropout: tuple[MaskedPlace, ...],
        positions: tuple[int, ...],
        row_bytes: int,
        draw_bytes: int,
        tensors: tuple[TensorPlace, ...] = (),
        last_layer: LinearPlace | None = None,
    ) -> None:
        super().__init__()
        self.graph = graph
        self.positions = positions
        self.row_bytes, self.draw_bytes = row_bytes, draw_bytes
        self.sites = tuple(Site(one.name, one.shape, ScaledBernoulli(1 - one.probability)) for one in dropout)
        self.device_marker = nn.Parameter(torch.empty(0), requires_grad=False)
        if tensors:
            self.weights = _tree(tensors)
        if last_layer is not None:
            self.last_layer = nn.Linear(last_layer.features, last_layer.outputs, last_layer.bias)

    def own(self, name: str) -> Tensor:
        """Return what an input of the graph is, ``(1, ...)``, where no draw says so: a mask is one of ones.

        Args:
            name: Name of the input.
        """
        site = next((site for site in self.sites if site.name == name), None)
        if site is not None:
            return torch.ones(1, *site.shape, device=self.device_marker.device)
        tensor: Tensor = self.state_dict()[name]
        return tensor.unsqueeze(0)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(B, *positions, outputs)`` of standardised rows ``(B, *input_shape)``.

        Only a network whose last layer is no part of the graph is run by torch at all, from that layer on.

        Raises:
            ModelStructureError: if the graph is all that there is.
        """
        if not hasattr(self, LAST_LAYER):
            raise ModelStructureError(
                "an imported network is a graph, which torch cannot run or train: import it again with the --posterior"
                " that is wanted"
            )
        outputs: Tensor = self.last_layer(self._read(x))
        return outputs

    def _read(self, x: Tensor) -> Tensor:
        """Return what the last layer reads, ``(B, *positions, features)``."""
        if self.device_marker.is_meta:  # only sizes are asked for, before there is a graph
            return torch.empty(len(x), *self.positions, self.last_layer.in_features)
        rows, *weights = self._session.inputs  # the graph takes all of them, and what is read depends on the rows alone
        feeds = {rows: x, **{name: self.own(name) for name in weights}}
        (read,) = self._session.run(feeds, [READ], {rows: len(x)})
        return read

    @cached_property
    def _session(self) -> Session:
        return Session(self.graph, self.device_marker.device)


def _tree(tensors: Iterable[TensorPlace]) -> nn.Module:
    """Return a module that holds zeros under the names of tensors."""
    root = _Weights()
    for place in tensors:
        *path, leaf = place.name.split(".")
        owner: nn.Module = root
        for part in path:
            if part not in owner._modules:
                owner.add_module(part, _Weights())
            owner = owner.get_submodule(part)
        zeros = torch.zeros(place.shape)
        if place.trained:
            owner.register_parameter(leaf, nn.Parameter(zeros, requires_grad=False))
        else:
            owner.register_buffer(leaf, zeros)
    return root
