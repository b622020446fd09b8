"""What a checkpoint keeps of a network, by its posterior: a graph, and the weights that are inputs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
from torch import Tensor

from models.catalogue import Component
from models.graphs import Session, activation_bytes
from models.posteriors.ensemble import Ensemble
from models.posteriors.swag import SWAG
from models.prediction.graph import OUTPUTS, ROWS
from models.prediction.graph_network import LAST_LAYER, WEIGHTS, LinearPlace, MaskedPlace, TensorPlace
from models.prediction.predictor import Predictor
from training.errors import ImportModelError
from training.run.export.check import TOLERANCE, difference
from training.run.importing.capture import Captured
from training.run.importing.linear_head import split_last_layer

MOST_DEVIATIONS = 20
"""Number of deviations that SWAG keeps at most, as the recipes of this house do."""
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Parts:
    """A network as a checkpoint keeps it.

    Attributes:
        posterior: The posterior.
        graph: Serialised graph.
        config: Configuration of the imported network.
        states: Tensors that are inputs of the graph by their names: none, those of the one network, or those of each
            member or epoch.
    """

    posterior: Component
    graph: bytes
    config: Mapping[str, Any]
    states: tuple[Mapping[str, Tensor], ...] = ()

    @torch.no_grad()
    def fill(self, model: Predictor) -> None:
        """Give a model that was built of the parts its weights.

        Args:
            model: The model, which is changed.
        """
        network, posterior = model.posterior.network, model.posterior
        if isinstance(posterior, Ensemble):
            stacked = {name: torch.stack([state[name] for state in self.states]) for name in self.states[0]}
            network.load_state_dict(stacked, strict=False)
            return
        for state in self.states:
            network.load_state_dict(state, strict=False)
            if isinstance(posterior, SWAG):
                posterior.after_epoch(1.0)


@torch.no_grad()
def take_parts(posterior: str, captured: Captured, members: Sequence[Mapping[str, Tensor]], rows: Tensor) -> Parts:
    """Return what a checkpoint keeps of a network.

    Args:
        posterior: Name of the posterior.
        captured: The network taken apart.
        members: Weights of each member or epoch, by the network's names.
        rows: Some standardised rows ``(B, *input_shape)``.

    Raises:
        ImportModelError: if the posterior cannot be made of it.
    """
    row_bytes, draw_bytes = activation_bytes(captured.graph)
    places = [MaskedPlace(site.mask, site.shape, site.probability) for site in captured.sites]
    config = {
        "dropout": msgspec.to_builtins(places),
        "positions": list(captured.outputs.positions),
        "row_bytes": row_bytes,
        "draw_bytes": draw_bytes,
    }
    if posterior == "laplace":
        return _of_last_layer(captured, config, rows)
    if not members:
        return Parts(Component(posterior), captured.graph, config)
    tensors = [TensorPlace(name, tuple(t.shape), name in captured.trained) for name, t in captured.tensors.items()]
    config |= {"tensors": msgspec.to_builtins(tensors), "draw_bytes": row_bytes}
    number = {"members": len(members)} if posterior == "ensemble" else {"rank": min(len(members), MOST_DEVIATIONS)}
    states = tuple({f"{WEIGHTS}.{name}": tensor for name, tensor in member.items()} for member in members)
    return Parts(Component(posterior, number), captured.graph, config, states)


def _of_last_layer(captured: Captured, config: dict[str, Any], rows: Tensor) -> Parts:
    if captured.outputs.activation:
        raise ImportModelError(
            f"laplace draws the last layer, and this one ends with {captured.outputs.activation}: return what it reads"
        )
    head = split_last_layer(captured.graph)
    feeds = {ROWS: rows, **{name: tensor.unsqueeze(0) for name, tensor in head.tensors.items()}}
    ((drawn,),) = Session(head.graph, rows.device).run(feeds, [OUTPUTS], {})
    (whole,) = Session(captured.graph, rows.device).run({ROWS: rows}, [OUTPUTS], {})
    apart = difference(drawn, whole)
    if not apart <= TOLERANCE:
        raise ImportModelError(
            f"laplace draws the last layer, and something after it changes the outputs, by {apart:.1e}: return what"
            " that layer returns"
        )
    outputs, features = head.weight.shape
    place = LinearPlace(outputs, features, head.bias is not None)
    answer = _FLOAT_BYTES * drawn[0].numel()
    config |= {LAST_LAYER: msgspec.to_builtins(place), "draw_bytes": answer}
    return Parts(Component("laplace"), head.graph, config, (head.tensors,))
