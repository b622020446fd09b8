"""A model that lives elsewhere: in place of a network and a posterior, the outputs that it sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.prediction.draws import Draws
from models.prediction.outputs_form import Given
from models.prediction.posterior import Posterior

OUTPUTS: Literal["outputs"] = "outputs"
"""Name of both components, and kind of the inputs."""
DRAW = "draw"
"""Name of the only tensor of a draw: the place of one that was sent."""


class SentOutputs(nn.Module):
    """A network in name: a row holds the outputs of each draw, and features; see :mod:`models.prediction.outputs_form`.

    Args:
        input_shape: Shape of a row, ``(size,)``.
        outputs: Number of outputs of a draw.
        given: What is sent of each row.
        draws: Largest number of draws that are sent; 0 where the model is one function.
        features: Number of features of a row.

    Attributes:
        row_bytes: Bytes of a row.
        draw_bytes: Bytes of one draw of a row.
    """

    positions: tuple[int, ...] = ()

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        given: Given,
        draws: Annotated[int, Meta(ge=0)] = 0,
        features: Annotated[int, Meta(ge=0)] = 0,
    ) -> None:
        super().__init__()
        room = max(1, draws)
        if input_shape != (room * outputs + features,):
            raise ValueError(f"rows of shape {input_shape} are no {room} x {outputs} outputs and {features} features")
        self.draws, self._room, self._width = draws, room, outputs
        self.row_bytes, self.draw_bytes = 4 * input_shape[0], 4 * outputs
        self.device_marker = nn.Parameter(torch.empty(0), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Refuse: the network is elsewhere.

        Raises:
            ModelStructureError: always.
        """
        raise ModelStructureError("the network of this model is elsewhere; its outputs are all there is")

    def outputs(self, x: Tensor, draws: Draws, *, vectorise: bool = True) -> Iterator[Tensor]:
        """Yield the outputs ``(S, B, outputs)`` of the draws in rows ``(B, size)``, all at once."""
        drawn = x[:, : self._room * self._width].view(len(x), self._room, self._width)
        yield drawn[:, draws[DRAW]].transpose(0, 1)

    def observe(self, x: Tensor, draw: Draws) -> tuple[Tensor, Tensor]:
        """Return the outputs of one draw, and the features ``(B, features)``: a constant where none are sent."""
        features = x[:, self._room * self._width :]
        (outputs,) = next(self.outputs(x, draw))
        return outputs, features if features.shape[1] else x.new_zeros(len(x), 1)


class SentDraws(Posterior):
    """A posterior that is sampled elsewhere: draw ``t`` is the one that was sent in place ``t``, whatever the seed.

    Args:
        network: The outputs that are sent.
        input_shape: Shape of a row.
    """

    sites = ()
    max_samples: int

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        if not isinstance(network, SentOutputs):
            raise ValueError("draws are sent of a model that lives elsewhere alone")
        self.network = network
        self.max_samples = network.draws

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the places of all draws, ``(S,)``: no noise picks one."""
        return self.sample(0, self.max_samples)

    def sample(self, seed: int, stop: int, start: int = 0) -> dict[str, Tensor]:
        """Return the places of draws ``start .. stop - 1``, ``(S,)``, fewer where there are no more."""
        if not self.max_samples:
            return {}
        return {DRAW: torch.arange(self.max_samples, device=next(self.parameters()).device)[start:stop]}

    def mean_function(self) -> dict[str, Tensor]:
        """Return the place of the first draw, ``(1,)``: averaged outputs are those of no function."""
        return {DRAW: torch.zeros(1, dtype=torch.long, device=next(self.parameters()).device)}

    def kl(self, draws: Draws) -> Tensor:
        """Return 0, a scalar: nothing is trained here."""
        return torch.zeros(())
