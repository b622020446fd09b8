r"""Layers whose weights all learn at the same pace, whatever their number of inputs.

The weights are stored with deviation 1 and scaled when they are used, so that Adam, whose steps do not depend on the
size of a gradient, moves all of them by the same share of their size.

References:
    Karras et al. (2018), Progressive Growing of GANs, section 4.1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RELU_GAIN = math.sqrt(2)
"""Gain of a layer before a (leaky) ReLU: it keeps the mean square of the activations (He et al., 2015)."""


class EqualisedLinear(nn.Module):
    """A linear layer whose outputs have variance ``gain`` squared for inputs of unit variance.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        gain: Gain of the weights.
        rate: Factor of the optimiser's learning rate for this layer alone.
    """

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = rate * gain / math.sqrt(inputs)
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(B, outputs)`` of inputs ``(B, inputs)``."""
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EqualisedConv2d(nn.Module):
    """A convolution that keeps the size of an image, with an odd kernel.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Side of the square kernel.
        gain: Gain of the weights.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        """Return features ``(B, outputs, H, W)`` of features ``(B, inputs, H, W)``."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding="same")
