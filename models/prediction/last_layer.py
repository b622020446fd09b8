"""The last layer of a network, and what it reads: the features that the network has made of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from models.prediction.draws import Draws, observe_zeros
from models.prediction.reference import pool_features


class LastLayer:
    """The module that a forward pass of a network reaches last, among those that have weights.

    Args:
        network: The network, which stays as it is.
        input_shape: Shape of one row.
        draw: One function, tensors ``(1, ...)``, where the network alone is none.
    """

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...], draw: Draws) -> None:
        reached: list[nn.Module] = []
        leaves = [m for m in network.modules() if not list(m.children()) and next(m.parameters(), None) is not None]
        hooks = dict.fromkeys(leaves, lambda module, _inputs, _output: reached.append(module))
        observe_zeros(network, input_shape, hooks, draw)
        self._network, self._module = network, reached[-1]

    def evaluate(self, x: Tensor, draw: Draws) -> tuple[Tensor, Tensor]:
        """Return the output of one function, and the features that its last layer read.

        Args:
            x: Standardised rows ``(B, *input_shape)``.
            draw: One function, tensors ``(1, ...)``; empty if the network itself is it.

        Returns:
            The output ``(B, *positions, outputs)``, and features ``(B, features)``, the mean over the positions.
        """
        return self.evaluate_function(x, {name: tensor[0] for name, tensor in draw.items()})

    def evaluate_function(self, x: Tensor, function: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return what :meth:`evaluate` does, of a function's tensors as the network has them.

        Args:
            x: Standardised rows ``(B, *input_shape)``.
            function: Tensors in place of the network's own; a mask may also be one for each row.
        """
        read: list[Tensor] = []

        def note(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            read.append(inputs[0])

        handle = self._module.register_forward_pre_hook(note)
        try:
            output: Tensor = functional_call(self._network, dict(function), (x,))
        finally:
            handle.remove()
        convolution = isinstance(self._module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        ended = x.isnan().any(-1) if x.ndim == 3 and x.is_floating_point() else None
        return output, pool_features(read[-1], channels_first=convolution, ended=ended)
