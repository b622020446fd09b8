"""The fully connected players."""

from __future__ import annotations

import pytest
import torch

from models.generators.gan import GAN, Maxout


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 7), (2, 28, 28)])
def test_images_and_verdicts_of_any_shape(shape: tuple[int, int, int]) -> None:
    gan = GAN(shape, noise=3, hidden=(6, 5), critic_hidden=(4, 3), pieces=2).eval()
    latents = gan.latents(range(4))
    images = gan.generate(latents)
    assert images.shape == (4, *shape)
    assert gan.judge(images, latents).shape == (4,)


def test_a_maxout_unit_is_the_largest_of_its_pieces() -> None:
    layer = Maxout(1, units=1, pieces=2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        layer.linear.bias.zero_()
    x = torch.tensor([[-3.0], [0.0], [2.0]])
    assert torch.equal(layer(x), x.abs())


def test_the_units_are_those_of_the_paper() -> None:
    gan = GAN((1, 8, 8), noise=5, hidden=(7,), critic_hidden=(4,), pieces=3)
    assert [type(layer).__name__ for layer in gan.generator] == ["Linear", "ReLU", "Linear", "Sigmoid", "Unflatten"]
    assert [type(layer).__name__ for layer in gan.critic] == ["Flatten", "Maxout", "Linear"]


def test_a_convolutional_discriminator_takes_the_place_of_the_maxout_units() -> None:
    gan = GAN((3, 16, 18), noise=5, hidden=(7,), normalised=True, critic_width=4)
    names = [type(layer).__name__ for layer in gan.generator]
    assert names == ["Linear", "BatchNorm1d", "ReLU", "Linear", "Sigmoid", "Unflatten"]
    names = [type(layer).__name__ for layer in gan.critic]
    assert names == ["Conv2d", "LeakyReLU", "Conv2d", "GroupNorm", "LeakyReLU", "Conv2d"]
    latents = gan.latents(range(4))
    assert gan.judge(gan.eval().generate(latents), latents).shape == (4,)


def test_every_parameter_belongs_to_one_player() -> None:
    gan = GAN((1, 8, 8), noise=5, hidden=(7,), critic_hidden=(4,), pieces=3)
    owned = [id(p) for player in (gan.generator, gan.critic) for p in player.parameters()]
    assert len(owned) == len(set(owned)) == len(list(gan.parameters()))
