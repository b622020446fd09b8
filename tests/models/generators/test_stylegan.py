"""StyleGAN: styles, their mean, their mixing, noise, and the way back from an image."""

from __future__ import annotations

import itertools

import pytest
import torch
from rounding import SAME_PIXELS
from torch import Tensor

from models.errors import ControlError, InputShapeError
from models.generation.generator import Codes
from models.generators.stylegan import StyleGAN

SEEDS = [7, 8, 9]


@pytest.fixture
def model() -> StyleGAN:
    """With a mean style and strengths of the noise that only training would give it."""
    torch.manual_seed(0)
    model = StyleGAN((1, 8, 8), noise=6, style=5, depth=2, width=8).eval()
    model.update_mean_style(torch.ones(4, 5))
    for name, parameter in model.named_parameters():
        if name.endswith("strength"):
            torch.nn.init.constant_(parameter, 0.5)
    return model


def generate(model: StyleGAN, codes: Codes, seeds: list[int] = SEEDS) -> Tensor:
    return model.generate(model.latents(seeds, codes))


def assert_alike(images: Tensor, others: Tensor) -> None:
    """But for rounding, which may depend on a row's place."""
    torch.testing.assert_close(images, others.expand_as(images), **SAME_PIXELS)


def test_psi_0_is_the_mean_image_of_every_seed(model: StyleGAN) -> None:
    images = generate(model, {"truncation_psi": 0.0})
    assert_alike(images, images[:1])
    assert_alike(images, generate(model, {"w": model.mean_style.tolist()}))
    assert_alike(images, generate(model, {"truncation_psi": 0.0, "z": [1.0] * 6}))


def test_psi_is_a_straight_line_from_the_mean_style(model: StyleGAN) -> None:
    whole, half = (model.styles(model.latents(SEEDS, {"truncation_psi": psi})) for psi in (1.0, 0.5))
    torch.testing.assert_close(half, (whole + model.mean_style) / 2)


def test_a_given_w_takes_the_place_of_z(model: StyleGAN) -> None:
    latents = model.latents(SEEDS)
    assert "w" not in latents
    w = model.styles(latents)[:, 0]
    given = model.latents([1, 2, 3], {"w": w.tolist()})
    torch.testing.assert_close(model.generate(given), model.generate(latents))


def test_z_and_w_are_not_set_together(model: StyleGAN) -> None:
    with pytest.raises(ControlError, match="w is in place of what z stands for"):
        model.latents([0], {"w": [0.0] * 5, "z": [0.0] * 6})


def test_of_z_only_the_direction_counts(model: StyleGAN) -> None:
    z = torch.randn(6)
    torch.testing.assert_close(generate(model, {"z": z.tolist()}), generate(model, {"z": (2 * z).tolist()}))


def test_levels_share_out_all_layers(model: StyleGAN) -> None:
    assert list(itertools.chain(*model.levels.values())) == list(range(model.layers)) == [0, 1, 2, 3]
    assert [len(r) for r in StyleGAN((1, 28, 28), width=2).levels.values()] == [2, 2, 2]
    assert [len(r) for r in StyleGAN((3, 128, 128), width=2, most=4).levels.values()] == [4, 4, 4]


def test_mixing_with_itself_changes_nothing(model: StyleGAN) -> None:
    latents = model.latents(SEEDS)
    styles = model.styles(latents)
    assert torch.equal(model.generate({**latents, "styles": styles}), model.generate(latents))


@pytest.mark.parametrize("level", ["coarse", "middle", "fine"])
def test_mixing_takes_one_level_from_another(model: StyleGAN, level: str) -> None:
    latents = model.latents(SEEDS)
    mixed, other = model.styles(latents).detach().clone(), model.styles(latents).detach().flip(0)
    mixed[:, list(model.levels[level])] = other[:, list(model.levels[level])]
    images = model.generate({**latents, "styles": mixed})
    assert_alike(images[1], model.generate(latents)[1])  # mixed with itself
    assert not torch.allclose(images[0], model.generate(latents)[0])


def test_noise_is_everybodys_ones_own_or_none(model: StyleGAN) -> None:
    same = {"z": [1.0] * 6}
    for kind in ("const", "none"):
        images = generate(model, {**same, "noise": kind})
        assert_alike(images, images[:1])
    own = generate(model, {**same, "noise": "random"})
    assert len(own.flatten(1).unique(dim=0)) == 3
    assert_alike(own[1:2], generate(model, {**same, "noise": "random"}, [8]))
    assert torch.equal(generate(model, {}), generate(model, {"noise": "const"}))


def test_only_training_moves_the_mean_style(model: StyleGAN) -> None:
    before = model.mean_style.clone()
    model.train()
    model.images(model.latents(SEEDS))
    assert torch.equal(model.mean_style, before)
    for _ in range(2000):
        model.update_mean_style(torch.full((3, 5), 2.0))
    torch.testing.assert_close(model.mean_style, torch.full((5,), 2.0), rtol=0, atol=1e-3)


def test_the_projector_finds_an_image_that_the_generator_made(model: StyleGAN) -> None:
    image = generate(model, {"noise": "none"}, [3])[0]
    found = list(model.projection(image, steps=150))
    assert found[-1].loss < 0.1 * found[0].loss
    codes: Codes = {"w": found[-1].w.tolist(), "noise": "none"}
    torch.testing.assert_close(generate(model, codes, [0])[0], found[-1].image)
    assert (found[-1].image - image).abs().mean() < 0.3 * (found[0].image - image).abs().mean()


def test_the_projector_changes_no_weight_and_takes_one_image(model: StyleGAN) -> None:
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = next(model.projection(torch.rand(1, 8, 8)))
    assert torch.equal(first.w, model.mean_style)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(InputShapeError, match=r"shape \(1, 4, 4\); allowed is \(1, 8, 8\)"):
        model.projection(torch.rand(1, 4, 4))
