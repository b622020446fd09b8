"""Sweeps and lines through latent space."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from layered import Layered
from scipy.stats import norm
from torch import Tensor

from models.errors import ControlError
from models.generation import latent_traversal
from models.generation.latent_traversal import Sweep, interpolate, lerp, slerp, spaced, sweep, traverse
from models.generators.infogan import InfoGAN


@pytest.fixture(scope="module")
def infogan() -> InfoGAN:
    return InfoGAN((1, 8, 8), {"digit": 3}, ("c1",), noise=5, width=4, critic_width=4, hidden=8).eval()


def test_a_grid_moves_what_is_swept_and_holds_the_rest(infogan: InfoGAN) -> None:
    one = infogan.latents([3])
    grid = traverse(one, sweep(infogan, "digit", None), sweep(infogan, "z", 2, [-1.0, 1.0]))
    assert grid["digit"].tolist() == [0, 0, 1, 1, 2, 2]
    assert grid["z"][:, 2].tolist() == [-1.0, 1.0] * 3
    held = [0, 1, 3, 4]
    assert torch.equal(grid["z"][:, held], one["z"][:, held].expand(6, -1))
    assert torch.equal(grid["c1"], one["c1"].expand(6))
    assert infogan.latents([3])["z"].equal(one["z"]), "the code itself is not touched"


def test_two_components_of_one_vector_and_one_axis_alone(infogan: InfoGAN) -> None:
    one = infogan.latents([3])
    rows, columns = sweep(infogan, "z", 0, [1.0, 2.0]), sweep(infogan, "z", 1, [3.0, 4.0, 5.0])
    assert traverse(one, rows, columns)["z"][:, :2].tolist() == [[a, b] for a in (1, 2) for b in (3, 4, 5)]
    assert traverse(one, rows, None)["z"][:, 0].tolist() == [1.0, 2.0]
    assert traverse(one, None, columns)["z"][:, 1].tolist() == [3.0, 4.0, 5.0]


@pytest.mark.parametrize(("low", "high"), [(-10.0, -8.5), (8.5, 10.0), (7.0, 8.0), (10.0, 9.0), (-9.0, 9.0)])
def test_equal_probabilities_reach_into_both_tails(low: float, high: float) -> None:
    values = spaced(5, low, high, "normal")
    assert (values[0], values[-1]) == (low, high)
    steps = [abs(norm.sf(max(abs(a), abs(b))) - norm.sf(min(abs(a), abs(b)))) for a, b in itertools.pairwise(values)]
    if low * high > 0:
        assert steps == pytest.approx([steps[0]] * 4, rel=1e-6)
    assert values == sorted(values, reverse=low > high)
    assert len(set(values)) == 5


def test_one_value_is_the_first() -> None:
    assert spaced(1, 1.0, 2.0, "normal") == spaced(1, 1.0, 2.0, "linear") == [1.0]


def test_the_values_of_a_sweep_are_checked(infogan: InfoGAN) -> None:
    layered = Layered((1, 8, 8))
    assert sweep(layered, "noise", None).values.tolist() == [0, 1, 2]
    assert sweep(layered, "resolution", None, [8, "4"]).values.tolist() == [1, 0]
    for name, index, values, reason in (
        ("colour", None, None, "controls are: z, digit, c1"),
        ("z", None, [0.0], "0 to 4"),
        ("z", 5, [0.0], "0 to 4"),
        ("c1", 0, [0.0], "leave index out"),
        ("c1", None, None, "without end"),
        ("c1", None, [math.nan], "-1 to 1"),
        ("digit", None, [3], "0 to 2"),
        ("z", 0, [11.0], "-10 to 10"),
    ):
        with pytest.raises(ControlError, match=reason):
            sweep(infogan, name, index, values)


def test_spacing() -> None:
    assert spaced(5, -2, 2, "linear") == [-2, -1, 0, 1, 2]
    assert spaced(1, 0.5, 2, "linear") == [0.5]
    assert spaced(4, *latent_traversal.normal_ends(4), "normal") == pytest.approx(
        norm.ppf([0.125, 0.375, 0.625, 0.875])
    )
    assert spaced(3, 2, -2, "normal") == pytest.approx([2, 0, -2], abs=1e-9)
    assert spaced(3, -50, 50, "normal") == pytest.approx([-50, 0, 50], abs=20), "and finite"
    assert latent_traversal.normal_ends(1) == (0.0, 0.0)


def test_a_round_way_keeps_to_its_length_and_goes_evenly() -> None:
    a, b = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 3.0, 0.0])
    path = slerp(a, b, torch.linspace(0, 1, 7, dtype=torch.float64))
    torch.testing.assert_close(path.norm(dim=1), torch.full((7,), 3.0, dtype=torch.float64))
    angles = torch.atan2(path[:, 1], path[:, 0])
    torch.testing.assert_close(angles, torch.linspace(0, math.pi / 2, 7, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1,)])
def test_every_way_ends_exactly_at_its_ends(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    for way in (lerp, slerp):
        path = way(a, b, torch.tensor([0.0, 1.0], dtype=torch.float64)).float()
        assert torch.equal(path[0], a)
        assert torch.equal(path[1], b)


@pytest.mark.parametrize(("a", "b"), [([1.0, 2.0], [2.0, 4.0]), ([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [1.0, 2.0])])
def test_where_there_is_no_one_round_way_it_is_straight(a: list[float], b: list[float]) -> None:
    shares = torch.linspace(0, 1, 5, dtype=torch.float64)
    start, end = torch.tensor(a), torch.tensor(b)
    torch.testing.assert_close(slerp(start, end, shares), lerp(start, end, shares))


def ends(infogan: InfoGAN, digit: Tensor) -> dict[str, Tensor]:
    return infogan.latents([1, 2]) | {"digit": digit}


def test_only_gaussian_noise_goes_round(infogan: InfoGAN) -> None:
    two = ends(infogan, torch.tensor([1, 1]))
    path = interpolate(infogan, two, 3, "slerp")
    torch.testing.assert_close(path["c1"][1], two["c1"].mean())
    torch.testing.assert_close(path["z"][1], slerp(*two["z"], torch.tensor([0.5]))[0].float())
    assert path["digit"].tolist() == [1, 1, 1]
    torch.testing.assert_close(interpolate(infogan, two, 3, "lerp")["z"][1], two["z"].mean(0))


def test_what_has_no_values_in_between_must_be_equal(infogan: InfoGAN) -> None:
    with pytest.raises(ControlError, match="digit has no values in between"):
        interpolate(infogan, ends(infogan, torch.tensor([1, 2])), 3, "slerp")


def test_a_vector_that_the_code_lacks_cannot_be_swept() -> None:
    layered = Layered((1, 8, 8))
    with pytest.raises(ControlError, match="w is absent unless it is given"):
        traverse(layered.latents([1]), Sweep("w", 0, torch.zeros(2)), None)
