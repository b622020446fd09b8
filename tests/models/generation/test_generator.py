"""Codes of generators: one seed per image, and controls that are checked."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from models.errors import ControlError, NonFiniteOutputError
from models.generation.generator import Codes, Generator
from models.noise import Categorical, Normal, Site, Uniform
from models.specs import Control


class Stripes(Generator):
    """An image that shows its own code: ``z`` in the first row, the kind and the tilt in the second."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.sites = (Site("z", (3,), Normal()), Site("kind", (), Categorical(4)), Site("tilt", (), Uniform(-1, 1)))
        self.controls = (
            Control("z", "vector", -10.0, 10.0, "all", size=3),
            Control("kind", "categorical", 0, 3, "one of four"),
            Control("tilt", "continuous", -1.0, 1.0, "a slope"),
        )

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        z, kind, tilt = latents["z"], latents["kind"].unsqueeze(-1) / 4, latents["tilt"].unsqueeze(-1)
        return torch.cat([z, kind, tilt, tilt], -1).reshape(-1, 1, 2, 3) * self.gain


GENERATOR = Stripes()


def generate(seeds: list[int], codes: Codes | None = None) -> Tensor:
    return GENERATOR.generate(GENERATOR.latents(seeds, codes))


def test_an_image_is_a_function_of_its_own_seed() -> None:
    assert torch.equal(generate([7, 8, 9])[1:2], generate([8]))
    assert torch.equal(generate([9, 8, 8, 7])[1:3], generate([8, 8]))


def test_seeds_that_differ_in_their_upper_half_are_different() -> None:
    assert not torch.equal(generate([8]), generate([8 + 2**32]))


@pytest.mark.parametrize(
    ("codes", "name", "expected"),
    [
        ({"kind": 2}, "kind", [2, 2, 2]),
        ({"kind": [0, 3, 1]}, "kind", [0, 3, 1]),
        ({"tilt": -1.0}, "tilt", [-1.0, -1.0, -1.0]),
        ({"z": [0.5, -10.0, 10.0]}, "z", [[0.5, -10.0, 10.0]] * 3),
    ],
    ids=str,
)
def test_a_control_sets_its_code_and_no_other(codes: Codes, name: str, expected: list[object]) -> None:
    drawn, latents = GENERATOR.latents([1, 2, 3]), GENERATOR.latents([1, 2, 3], codes)
    assert latents[name].tolist() == expected
    assert latents[name].dtype == drawn[name].dtype
    assert all(torch.equal(latents[other], drawn[other]) for other in drawn if other != name)


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ({"class": 3}, "z, kind, tilt"),
        ({"kind": 4}, "kind takes values from 0 to 3"),
        ({"kind": -1}, "kind takes values from 0 to 3"),
        ({"kind": 1.5}, "kind takes whole numbers"),
        ({"kind": [0, 1]}, "kind takes one number, or .* 3 images"),
        ({"tilt": math.nan}, "tilt takes values from -1 to 1"),
        ({"tilt": math.inf}, "tilt takes values from -1 to 1"),
        ({"tilt": [0, 0, 1.01]}, "tilt takes values from -1 to 1"),
        ({"z": 1.0}, "z takes "),
        ({"z": [1.0, 2.0]}, "z takes 3 numbers"),
        ({"z": [[1.0, 2.0, 3.0]] * 2}, "z takes 3 numbers"),
        ({"z": [[1.0], [1.0, 2.0]]}, "z takes 3 numbers"),
        ({"z": []}, "z takes 3 numbers"),
    ],
    ids=str,
)
def test_bad_controls_are_refused_with_what_is_allowed(codes: Codes, reason: str) -> None:
    with pytest.raises(ControlError, match=reason):
        GENERATOR.latents([1, 2, 3], codes)


def test_the_latents_of_refused_controls_do_not_echo_the_name() -> None:
    with pytest.raises(ControlError) as refused:
        GENERATOR.latents([1], {"<script>": 1})
    assert "script" not in str(refused.value)


def test_an_image_that_is_not_finite_is_an_error() -> None:
    broken = Stripes()
    with torch.no_grad():
        broken.gain.fill_(math.nan)
    with pytest.raises(NonFiniteOutputError):
        broken.generate(broken.latents([0]))


def test_generating_leaves_no_gradient() -> None:
    assert not generate([0]).requires_grad
