"""Sizes of a generator that grows, and what its codes make of real images."""

from __future__ import annotations

import pytest
import torch
from rounding import SAME_PIXELS
from torch import Tensor
from torch.nn import functional as F

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec
from models.errors import ControlError
from models.generation.generator import Codes
from models.generation.layers.to_rgb import upsample
from models.generation.progressive import ProgressiveGenerator, progressive_channels, progressive_sizes, size_names
from models.specs import InputSpec

FAMILIES = ("progan", "stylegan")


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> ProgressiveGenerator:
    torch.manual_seed(0)
    images = InputSpec("image", (1, 16, 16), low=0.0, high=1.0)
    built = GeneratorSpec(Component(request.param, {"width": 2}), images).build()
    assert isinstance(built, ProgressiveGenerator)
    return built


def generate(model: ProgressiveGenerator, codes: Codes) -> Tensor:
    return model.generate(model.latents([1, 2, 3], codes))


@pytest.mark.parametrize(
    ("side", "sides"), [(8, [4, 8]), (28, [7, 14, 28]), (32, [4, 8, 16, 32]), (128, [4, 8, 16, 32, 64, 128]), (6, [6])]
)
def test_a_side_is_halved_while_it_is_even_and_at_least_8(side: int, sides: list[int]) -> None:
    sizes = progressive_sizes((3, side, side))
    assert sizes == tuple((s, s) for s in sides)
    assert size_names(sizes) == tuple(map(str, sides))


def test_both_sides_are_halved_together() -> None:
    assert progressive_sizes((3, 12, 24)) == ((6, 12), (12, 24))
    assert size_names(((6, 12), (12, 24))) == ("6x12", "12x24")


def test_channels_halve_as_the_sides_double() -> None:
    assert progressive_channels(4, 16, 64) == (64, 64, 32, 16)


def test_a_resolution_is_the_size_of_the_image(model: ProgressiveGenerator) -> None:
    for side in (4, 8, 16):
        assert generate(model, {"resolution": side}).shape == (3, 1, side, side)
    assert generate(model, {}).shape == (3, 1, 16, 16)
    with pytest.raises(ControlError, match="resolution takes one of: 4, 8, 16"):
        model.latents([1], {"resolution": 7})


@pytest.mark.parametrize("side", [8, 16])
def test_not_faded_in_is_the_image_of_half_the_size_enlarged(model: ProgressiveGenerator, side: int) -> None:
    half = generate(model, {"resolution": side // 2})
    assert torch.equal(generate(model, {"resolution": side, "fade_alpha": 0.0}), upsample(half))
    assert not torch.allclose(generate(model, {"resolution": side}), upsample(half))


def test_each_image_fades_alone(model: ProgressiveGenerator) -> None:
    mixed = generate(model, {"fade_alpha": [0.0, 0.5, 1.0]})
    none, all_of_it = generate(model, {"fade_alpha": 0.0}), generate(model, {"fade_alpha": 1.0})
    assert torch.equal(mixed[0], none[0])
    torch.testing.assert_close(mixed[1], (none[1] + all_of_it[1]) / 2)
    assert torch.equal(mixed[2], all_of_it[2])


def test_the_smallest_resolution_has_nothing_to_fade_from(model: ProgressiveGenerator) -> None:
    small = {"resolution": 4}
    for fade in (0.0, [1.0, 1.0, 0.5]):
        with pytest.raises(ControlError, match="no effect at the smallest resolution"):
            model.latents([1, 2, 3], {**small, "fade_alpha": fade})
    assert torch.equal(generate(model, {**small, "fade_alpha": 1.0}), generate(model, small))


def test_what_does_not_grow_has_nothing_to_fade_from() -> None:
    images = InputSpec("image", (1, 6, 6), low=0.0, high=1.0)
    model = GeneratorSpec(Component("progan", {"width": 2}), images).build()
    assert isinstance(model, ProgressiveGenerator)
    assert len(model.latents([1], {"fade_alpha": 1.0})["fade_alpha"]) == 1
    with pytest.raises(ControlError, match="no effect"):
        model.latents([1], {"fade_alpha": 0.5})


def test_real_images_are_shrunk_and_faded_like_made_ones(model: ProgressiveGenerator) -> None:
    real = torch.rand(3, 1, 16, 16)
    assert torch.equal(model.shrink(real, model.latents([1, 2, 3])), real)
    half, quarter = F.avg_pool2d(real, 2), F.avg_pool2d(real, 4)
    faded = model.latents([1, 2, 3], {"resolution": 8, "fade_alpha": [0.0, 0.5, 1.0]})
    shrunk = model.shrink(real, faded)
    torch.testing.assert_close(shrunk[0], upsample(quarter)[0])
    torch.testing.assert_close(shrunk[1], (upsample(quarter)[1] + half[1]) / 2)
    torch.testing.assert_close(shrunk[2], half[2])
    torch.testing.assert_close(model.shrink(real, model.latents([1, 2, 3], {"resolution": 4})), quarter)


def test_small_images_have_no_gradient_in_large_layers(model: ProgressiveGenerator) -> None:
    latents = model.latents([1, 2, 3], {"resolution": 4})
    model.judge(model.images(latents), latents).sum().backward()
    assert any(p.grad is not None for p in model.generator.parameters())
    assert all(p.grad is None for p in model.to_rgb.to_pixels[1:].parameters())
    assert all(p.grad is None for p in model.critic.halve.parameters())


def test_the_batch_counts_for_the_critic_and_never_for_images(model: ProgressiveGenerator) -> None:
    latents = model.latents([1, 2, 3])
    alone = model.latents([1])
    images = model.generate(latents)
    torch.testing.assert_close(images[:1], model.generate(alone), **SAME_PIXELS)
    assert not torch.allclose(model.judge(images, latents)[:1], model.judge(images[:1], alone))
