"""The guidelines of the paper, on images of any size that can be halved."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.generators.dcgan import DCGAN

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (2, 12, 16), (3, 128, 128)]


def dcgan(shape: tuple[int, int, int], smallest: int = 4) -> DCGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DCGAN(shape, noise=5, width=2, critic_width=2, smallest=smallest).eval()


@pytest.mark.parametrize("shape", SHAPES)
def test_images_and_verdicts_of_any_shape(shape: tuple[int, int, int]) -> None:
    gan = dcgan(shape)
    latents = gan.latents(range(3))
    images = gan.generate(latents)
    assert images.shape == (3, *shape)
    assert 0 <= images.min() <= images.max() <= 1
    assert gan.judge(images, latents).shape == (3,)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_guidelines(shape: tuple[int, int, int]) -> None:
    gan = dcgan(shape)
    kinds = {type(layer) for layer in gan.modules()}
    assert not kinds & {nn.Linear, nn.MaxPool2d, nn.AvgPool2d, nn.Upsample}
    up = [layer for layer in gan.generator if isinstance(layer, nn.ConvTranspose2d)]
    down = [layer for layer in gan.critic if isinstance(layer, nn.Conv2d)]
    assert all(layer.stride == (2, 2) for layer in (*up[1:], *down[:-1]))
    assert {type(layer) for layer in gan.generator if not isinstance(layer, nn.ConvTranspose2d)} == {
        nn.Unflatten,
        nn.BatchNorm2d,
        nn.ReLU,
        nn.Tanh,
    }
    assert isinstance(gan.generator[-1], nn.Tanh)
    assert {type(layer) for layer in gan.critic} <= {nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU}


def test_normalisation_is_everywhere_but_where_images_leave_and_enter() -> None:
    gan = dcgan((1, 32, 32))
    after = {
        player: [
            isinstance(layers[i + 1], nn.BatchNorm2d) if i + 1 < len(layers) else False
            for i, layer in enumerate(layers)
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        ]
        for player, layers in (("generator", list(gan.generator)), ("critic", list(gan.critic)))
    }
    assert after == {"generator": [True, True, True, False], "critic": [False, True, True, False]}


def test_resolutions_halve_and_channels_double() -> None:
    gan = DCGAN((3, 64, 64), noise=5, width=4, critic_width=2)
    up = [layer.out_channels for layer in gan.generator if isinstance(layer, nn.ConvTranspose2d)]
    down = [layer.out_channels for layer in gan.critic if isinstance(layer, nn.Conv2d)]
    assert up == [32, 16, 8, 4, 3]
    assert down == [2, 4, 8, 16, 1]


def test_more_layers_for_small_images() -> None:
    assert len(dcgan((1, 8, 8), smallest=2).generator) == 3 + len(dcgan((1, 8, 8)).generator)


def test_initial_weights_have_the_papers_deviation() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gan = DCGAN((1, 28, 28), noise=20, width=16, critic_width=16)
    deviations = [m.weight.detach().std() for m in gan.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(0.015 < float(d) < 0.025 for d in deviations)


@pytest.mark.parametrize("shape", [(1, 6, 6), (1, 9, 5), (3, 6, 8)])
def test_sides_that_cannot_be_halved_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=f"at least 7, not {shape[1]} x {shape[2]}"):
        DCGAN(shape)
