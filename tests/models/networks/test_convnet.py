"""LeNet as the papers use it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.networks.convnet import ConvNet


def test_the_defaults_are_lenet() -> None:
    network = ConvNet((1, 28, 28), 10)
    assert {name: tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight")} == {
        "features.0.weight": (20, 1, 5, 5),
        "features.3.weight": (50, 20, 5, 5),
        "classifier.0.weight": (500, 800),
        "classifier.3.weight": (10, 500),
    }
    assert [name for name, m in network.named_modules() if isinstance(m, nn.Dropout)] == ["classifier.2"]


def test_dropout_after_the_convolutions() -> None:
    network = ConvNet((1, 28, 28), 10, dropout=0.5, conv_dropout=0.25)
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.25, 0.25, 0.5]


def test_padding_keeps_small_images() -> None:
    network = ConvNet((3, 8, 8), 4, kernel=3, padding=1)
    assert network(torch.rand(2, 3, 8, 8)).shape == (2, 4)


def test_what_is_no_image_or_too_small_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"a row of shape \(7,\) is no image; it takes \(channels, height, width\)"):
        ConvNet((7,), 4)
    with pytest.raises(ValueError, match="15 x 28 pixels are too few for 2 convolutions 5 wide"):
        ConvNet((1, 15, 28), 4)
    assert ConvNet((1, 16, 16), 4)(torch.rand(1, 1, 16, 16)).shape == (1, 4)
