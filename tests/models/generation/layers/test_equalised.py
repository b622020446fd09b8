"""Equalised layers: outputs of unit variance at the start, and a learning rate of their own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.generation.layers.equalised import RELU_GAIN, EqualisedConv2d, EqualisedLinear


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def mean_square(x: Tensor) -> float:
    return float(x.detach().square().mean())


@pytest.mark.parametrize(("inputs", "outputs"), [(8, 500), (500, 500), (500, 8)])
@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_a_linear_layer_keeps_unit_variance_whatever_its_fan_in(inputs: int, outputs: int, rate: float) -> None:
    layer = EqualisedLinear(inputs, outputs, rate=rate)
    assert mean_square(layer(normal(1000, inputs))) == pytest.approx(1, abs=0.2)
    assert float(layer.weight.detach().std()) == pytest.approx(1 / rate, rel=0.1)


@pytest.mark.parametrize(("channels", "kernel"), [(3, 1), (3, 3), (64, 3), (16, 5)])
def test_a_convolution_keeps_unit_variance_whatever_its_fan_in(channels: int, kernel: int) -> None:
    layer = EqualisedConv2d(channels, 64, kernel)
    out = layer(normal(50, channels, 12, 12))
    assert out.shape == (50, 64, 12, 12)
    assert mean_square(out[..., 2:-2, 2:-2]) == pytest.approx(1, abs=0.25)


def test_a_rectified_layer_of_the_relu_gain_keeps_the_mean_square() -> None:
    layer = nn.Sequential(EqualisedLinear(500, 500, RELU_GAIN), nn.ReLU())
    assert mean_square(layer(normal(1000, 500))) == pytest.approx(1, abs=0.1)


def test_a_step_of_adam_moves_what_a_layer_computes_by_its_rate() -> None:
    def moved(rate: float) -> float:
        layer = EqualisedLinear(64, 64, rate=rate)
        before = (layer.weight * layer.scale).detach()
        layer(normal(16, 64)).square().sum().backward()
        torch.optim.Adam(layer.parameters(), 1e-3).step()
        return float((layer.weight * layer.scale - before).detach().abs().mean())

    assert moved(0.01) == pytest.approx(0.01 * moved(1.0), rel=0.05)
