"""The multilayer perceptron."""

from __future__ import annotations

import torch
from torch import nn

from models.networks.mlp import MLP


def kinds(network: MLP) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


def test_every_hidden_layer_has_a_dropout_and_the_last_has_none() -> None:
    network = MLP((1, 8, 8), 10, hidden=(5, 7))
    assert kinds(network) == ["Flatten", *["Linear", "ReLU", "Dropout"] * 2, "Linear"]
    assert [(m.in_features, m.out_features) for m in network.layers if isinstance(m, nn.Linear)] == [
        (64, 5),
        (5, 7),
        (7, 10),
    ]


def test_dropout_of_the_inputs() -> None:
    assert kinds(MLP((3,), 2, hidden=(4,), input_dropout=0.1))[:2] == ["Flatten", "Dropout"]


def test_no_hidden_layer_is_a_linear_model() -> None:
    network = MLP((3,), 2, hidden=())
    assert kinds(network) == ["Flatten", "Linear"]
    assert network(torch.rand(4, 3)).shape == (4, 2)
