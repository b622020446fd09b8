"""A multilayer perceptron."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import nn

from models.catalogue import Count, Share


class MLP(nn.Sequential):
    """A network of fully connected ReLU layers, each followed by dropout; the input is flattened.

    Args:
        input_shape: Shape of one row.
        outputs: Width of the last layer.
        hidden: Width of each hidden layer.
        dropout: Probability of dropping a hidden unit.
        input_dropout: Probability of dropping an input.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        outputs: int,
        hidden: tuple[Count, ...] = (400, 400),
        dropout: Share = 0.5,
        input_dropout: Share = 0.0,
    ) -> None:
        widths = [math.prod(input_shape), *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        if input_dropout:
            layers.append(nn.Dropout(input_dropout))
        for before, after in zip(widths, hidden, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        stack = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))
        super().__init__(OrderedDict(layers=stack))  # a child of that name, as checkpoints name its weights
