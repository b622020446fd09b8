"""InfoGAN's codes, what Q reads of them and the renaming of a category."""

from __future__ import annotations

import pytest
import torch
from rounding import SAME_PIXELS

from models.generators.infogan import InfoGAN

SHAPE = (1, 8, 8)
SEEDS = list(range(12))


def infogan() -> InfoGAN:
    torch.manual_seed(0)
    gan = InfoGAN(SHAPE, {"colour": 2, "digit": 5}, ("slant", "width"), noise=6, width=4, critic_width=4, hidden=8)
    return gan.eval()


def test_every_code_is_a_control_with_its_range() -> None:
    controls = {control.name: (control.kind, control.low, control.high) for control in infogan().controls}
    assert controls == {
        "z": ("vector", -10, 10),
        "colour": ("categorical", 0, 1),
        "digit": ("categorical", 0, 4),
        "slant": ("continuous", -1, 1),
        "width": ("continuous", -1, 1),
    }
    assert [site.name for site in infogan().sites] == list(controls)


def test_drawn_codes_are_in_their_range() -> None:
    latents = infogan().latents(list(range(500)))
    assert set(latents["digit"].tolist()) == set(range(5))
    assert latents["slant"].abs().max() <= 1


def test_what_is_read_off_an_image() -> None:
    verdict, posterior = infogan().judge_and_read(torch.rand(3, *SHAPE))
    assert verdict.shape == (3,)
    assert {name: tuple(value.shape) for name, value in posterior.logits.items()} == {
        "colour": (3, 2),
        "digit": (3, 5),
    }
    for part in (posterior.mean, posterior.log_variance):
        assert {name: tuple(value.shape) for name, value in part.items()} == {"slant": (3,), "width": (3,)}


def test_every_code_moves_the_image() -> None:
    gan = infogan()
    for name, values in {"colour": [0, 1], "digit": [0, 4], "slant": [-1.0, 1.0]}.items():
        low, high = (gan.generate(gan.latents([3], {name: value})) for value in values)
        assert (low - high).abs().max() > 1e-4


def test_reorder_renames_the_values_and_nothing_else() -> None:
    gan, order = infogan(), torch.tensor([3, 0, 4, 1, 2])
    before = {value: gan.generate(gan.latents(SEEDS, {"digit": value})) for value in range(5)}
    pixels = torch.rand(9, *SHAPE)
    read, colour = gan.read(pixels, "digit"), gan.read(pixels, "colour")
    gan.reorder("digit", order)
    for value in range(5):
        torch.testing.assert_close(
            gan.generate(gan.latents(SEEDS, {"digit": value})), before[int(order[value])], **SAME_PIXELS
        )
    assert torch.equal(order[gan.read(pixels, "digit")], read)
    assert torch.equal(gan.read(pixels, "colour"), colour)


@pytest.mark.parametrize("shape", [(1, 10, 8), (1, 8, 6)])
def test_sides_that_cannot_be_doubled_twice_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        InfoGAN(shape, {"digit": 10})


@pytest.mark.parametrize(("categorical", "continuous"), [({"z": 3}, ()), ({"a": 3}, ("a",)), ({"a": 3}, ("b", "b"))])
def test_two_codes_of_one_name_are_refused(categorical: dict[str, int], continuous: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="name of its own"):
        InfoGAN(SHAPE, categorical, continuous)


@pytest.mark.parametrize("name", ["", "Slant", "../slant", "a b", "1st", "a" * 33])
def test_a_code_needs_a_name_that_a_request_and_a_file_can_have(name: str) -> None:
    with pytest.raises(ValueError, match="a code's name is made of"):
        InfoGAN(SHAPE, {"digit": 10}, (name,))


def test_settled_q_has_the_statistics_of_made_images() -> None:
    gan = infogan()
    gan.recompute_statistics([gan.latents(range(400)), gan.latents(range(400, 800))])
    assert not gan.training
    with torch.inference_mode():
        before = gan.trunk[:3](2 * gan.generate(gan.latents(range(800))) - 1)
    torch.testing.assert_close(gan.trunk[3].running_mean, before.mean((0, 2, 3)), rtol=0, atol=1e-4)
    torch.testing.assert_close(gan.trunk[3].running_var, before.var((0, 2, 3)), rtol=0.02, atol=1e-5)
