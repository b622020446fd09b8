"""Path length: known where the images are linear in their styles."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from models.generation.style import StyleMixer
from models.noise import Normal, Site
from training.evaluation.metrics.generation.path_length import path_length


class Linear(StyleMixer):
    """Images are ``w``, and ``w`` is a multiple of ``z``."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))
        self.sites = (Site("z", (64,), Normal()),)
        self.controls = ()
        self.levels = {"coarse": range(1)}

    def styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        return latents["styles"] if "styles" in latents else self.factor * latents["z"][:, None]

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return self.styles(latents).unflatten(2, (8, 8))


def test_the_length_of_known_ways() -> None:
    lengths = path_length(Linear(1.0), lambda images: images, 0, pairs=400)
    # In w the straight way between two normal vectors: E|a - b|^2 = 2 n. In z a quarter of a circle of radius sqrt(n).
    assert lengths["path_length_w"] == pytest.approx(2 * 64, rel=0.05)
    assert lengths["path_length_z"] == pytest.approx((torch.pi / 2) ** 2 * 64, rel=0.05)


def test_ways_of_one_speed_are_as_long_at_their_ends() -> None:
    lengths = path_length(Linear(1.0), lambda images: images, 0, pairs=400)
    for name in ("path_length_z", "path_length_w"):
        assert lengths[f"{name}_end"] == pytest.approx(lengths[name], rel=0.02)


class Squared(Linear):
    """Which is slow where its codes are small: in w on the way, not at its ends."""

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return self.styles(latents).square().unflatten(2, (8, 8))


def test_a_detour_of_the_straight_way_is_not_at_its_ends() -> None:
    lengths = path_length(Squared(1.0), lambda images: images, 0, pairs=400)
    assert lengths["path_length_w"] < 0.8 * lengths["path_length_w_end"]
    assert lengths["path_length_w_over_z_end"] > lengths["path_length_w_over_z"]


def test_the_last_seed_is_followed_by_the_first() -> None:
    assert path_length(Linear(1.0), lambda images: images, 2**64 - 1, pairs=20)["path_length_w"] > 0


def test_it_is_a_square_and_sees_features_alone() -> None:
    one, three = (path_length(Linear(factor), lambda images: images, 0, pairs=50) for factor in (1.0, 3.0))
    blind = path_length(Linear(1.0), lambda images: 0 * images, 0, pairs=50)
    for name in ("path_length_z", "path_length_w"):
        assert three[name] == pytest.approx(9 * one[name], rel=1e-3)
        assert blind[name] == 0


def test_a_seed_repeats_its_length_and_another_has_another() -> None:
    first, again, other = (path_length(Linear(1.0), lambda images: images, seed, pairs=20) for seed in (0, 0, 1))
    assert first == again != other
