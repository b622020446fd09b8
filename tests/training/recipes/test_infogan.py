"""InfoGAN: what its code says, and that naming its values changes nothing but names."""

from __future__ import annotations

import math

import pytest
import torch

from models.generators.infogan import InfoGAN
from training.recipes.infogan import InformationGame, information


@pytest.fixture
def model() -> InfoGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return InfoGAN((1, 8, 8), {"kind": 3, "digit": 10}, ("c1", "c2"), noise=5, width=8, critic_width=8).eval()


def test_reordering_renames_the_values_on_both_sides(model: InfoGAN) -> None:
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    latents = model.latents(range(20))
    new = {**latents, "digit": order[latents["digit"]]}
    images, logits = model.generate(new), model.judge_and_read(model.generate(new))[1].logits
    model.reorder("digit", order)
    assert torch.equal(model.generate(latents), images)
    after = model.judge_and_read(images)[1].logits
    assert torch.allclose(after["digit"], logits["digit"][:, order])
    assert torch.equal(after["kind"], logits["kind"])


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 12, 16)])
def test_any_sides_that_are_multiples_of_four(shape: tuple[int, int, int]) -> None:
    model = InfoGAN(shape, {"c": 4}, noise=3, width=4, critic_width=4).eval()
    images = model.generate(model.latents([0, 1]))
    assert images.shape == (2, *shape)
    assert 0 <= images.min() <= images.max() <= 1
    assert model.judge_and_read(images)[0].shape == (2,)


def test_other_sides_and_doubled_names_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 4, not 10 x 8"):
        InfoGAN((1, 10, 8), {"c": 4})
    with pytest.raises(ValueError, match="a name of its own"):
        InfoGAN((1, 8, 8), {"c": 4}, ("c",))


def test_every_site_has_a_control_of_its_name_and_the_other_way_round(model: InfoGAN) -> None:
    assert [site.name for site in model.sites] == [c.name for c in model.controls] == ["z", "kind", "digit", "c1", "c2"]


def test_no_information_is_claimed_before_training(model: InfoGAN) -> None:
    latents = model.latents(range(200))
    figures = information(model, model.generate(latents), latents)
    assert figures["information_bound_nats"] < 0.1
    assert figures["information_bound_share"] == pytest.approx(
        figures["information_bound_nats"] / math.log(30), rel=1e-4
    )


def test_each_parameter_belongs_to_one_player(model: InfoGAN) -> None:
    game = InformationGame(model, "digit")
    owned = [id(p) for p in (*game.critic_parameters(), *game.generator_parameters())]
    assert len(owned) == len(set(owned)) == len(list(model.parameters()))
