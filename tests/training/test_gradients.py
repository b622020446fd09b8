"""Gradients of both players' losses, and what an update must hand over to be replayed.

Graphs are recorded on a GPU alone: ``benchmarks/replay.py`` compares replayed gradients with those of Python there.
"""

from __future__ import annotations

import pytest
import torch

from models.generators.wgan import WGAN
from models.noise import Normal, Site
from training.game import Moment
from training.games import NonSaturating, NonSaturatingR1, Wasserstein
from training.gradients import Gradients, _PlacedMoment, _Places

CPU = torch.device("cpu")
SITE = Site("mix", (3,), Normal())
IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def game() -> Wasserstein:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Wasserstein(WGAN((1, 8, 8), noise=4, width=4, critic_width=4))


def norms(parameters) -> list[float]:
    return [0.0 if p.grad is None else float(p.grad.norm()) for p in parameters]


def test_the_critics_loss_leaves_nothing_with_the_generator(game: Wasserstein) -> None:
    gradients, latents = Gradients(game), game.model.latents(range(6))
    for _ in range(2):  # the second forgets what the generator's loss left
        terms = gradients.of_critic(IMAGES, latents, Moment(0, 0, 0.0))
        assert min(norms(game.critic_parameters())[:-1]) > 0
        assert max(norms(game.generator_parameters())) == 0
        assert not any(term.requires_grad for term in terms.values())
        gradients.of_generator()
        assert min(norms(game.generator_parameters())) > 0


def test_gradients_are_those_of_the_sum_where_both_losses_have_one(game: Wasserstein) -> None:
    gradients, latents, shared = Gradients(game), game.model.latents(range(6)), next(game.critic_parameters())
    gradients.of_critic(IMAGES, latents, Moment(0, 0, 0.0))
    assert shared.grad is not None
    before = shared.grad.clone()
    gradients.of_generator()
    judged = -game.adversary.judge(game.model.images(latents), latents).mean()
    torch.testing.assert_close(shared.grad - before, torch.autograd.grad(judged, shared)[0])


@pytest.mark.parametrize("game", [Wasserstein, NonSaturating, NonSaturatingR1])
def test_gradients_of_bfloat16_layers_are_nearly_the_exact_ones_and_at_full_precision(game) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WGAN((1, 8, 8), noise=4, width=4, critic_width=4)
    latents, found = model.latents(range(6)), []
    for half in (False, True):
        gradients = Gradients(game(model), half)
        terms = gradients.of_critic(IMAGES, latents, Moment(0, 0, 0.0)) | gradients.of_generator()
        assert {term.dtype for term in terms.values()} == {torch.float32}
        found.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    for exact, rounded in zip(*found, strict=True):
        assert rounded.dtype == torch.float32
        assert float((rounded - exact).norm()) <= 0.1 * float(exact.norm()) + 1e-6
    assert not all(torch.equal(exact, rounded) for exact, rounded in zip(*found, strict=True))


def test_a_placed_moment_draws_what_a_moment_draws_and_only_once() -> None:
    placed = _PlacedMoment.like(Moment(7, 3, 0.25), CPU)
    assert torch.equal(placed.draw(SITE, CPU), Moment(7, 3, 0.25).draw(SITE, CPU))
    assert placed.draw(SITE, CPU) is placed.draw(SITE, CPU)


def test_places_take_over_all_that_another_update_depends_on() -> None:
    places = _Places(torch.zeros(2, 1), {"z": torch.zeros(2, 4)}, _PlacedMoment.like(Moment(7, 3, 0.25), CPU))
    tensors = places.real, places.latents["z"], places.moment.draw(SITE, CPU), places.moment.share
    later = Moment(7, 4, 0.5)
    places.become(torch.ones(2, 1), {"z": torch.full((2, 4), 2.0)}, later)
    for tensor, wanted in zip(
        tensors, (torch.ones(2, 1), torch.full((2, 4), 2.0), later.draw(SITE, CPU), 0.5), strict=True
    ):
        assert torch.equal(tensor, torch.as_tensor(wanted, dtype=tensor.dtype))
