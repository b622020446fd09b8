"""A critic whose values have no bounds, each of one image alone."""

from __future__ import annotations

import pytest
import torch
from rounding import ROUNDING
from torch import nn

from models.generators.wgan import WGAN


def wgan(shape: tuple[int, int, int] = (1, 8, 8)) -> WGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WGAN(shape, noise=5, width=4, critic_width=4)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 64, 32), (2, 128, 128)])
def test_images_and_values_of_any_shape(shape: tuple[int, int, int]) -> None:
    gan = wgan(shape).eval()
    latents = gan.latents(range(3))
    images = gan.generate(latents)
    assert images.shape == (3, *shape)
    assert 0 <= images.min() <= images.max() <= 1
    assert gan.judge(images, latents).shape == (3,)


def test_while_training_too_a_value_is_of_one_image_alone() -> None:
    gan = wgan().train()
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    together = gan.judge(images, {})
    alone = torch.cat([gan.judge(image[None], {}) for image in images])
    torch.testing.assert_close(together, alone, **ROUNDING)


def test_the_critic_normalises_each_image_alone_and_squashes_nothing() -> None:
    critic = list(wgan((1, 28, 28)).critic)
    assert {type(layer) for layer in critic} == {nn.Conv2d, nn.GroupNorm, nn.LeakyReLU}
    assert [layer.num_groups for layer in critic if isinstance(layer, nn.GroupNorm)] == [1, 1]
    assert isinstance(critic[-1], nn.Conv2d)


def test_fully_connected_layers_take_the_place_of_the_generators_convolutions() -> None:
    gan = WGAN((3, 28, 14), noise=5, critic_width=4, hidden=(7, 6)).eval()
    names = [type(layer).__name__ for layer in gan.generator]
    assert names == 2 * ["Linear", "BatchNorm1d", "ReLU"] + ["Linear", "Tanh", "Unflatten"]
    latents = gan.latents(range(3))
    images = gan.generate(latents)
    assert images.shape == (3, 3, 28, 14)
    assert 0 <= images.min() <= images.max() <= 1
    assert gan.judge(images, latents).shape == (3,)


def test_sides_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ValueError, match="must be at least 7, not 9 x 5"):
        wgan((1, 9, 5))
