"""What the two games ask of their critic."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from models.generators.wgan import WGAN
from training.adversarial import Moment, Settings, play
from training.games import NonSaturating, Wasserstein
from training.progress import Run

IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
START, END = Moment(0, 0, 0.0), Moment(0, 0, 1.0)


@pytest.fixture
def model() -> WGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WGAN((1, 8, 8), noise=4, width=4, critic_width=4)


def largest(model: WGAN) -> float:
    return max(float(weight.detach().abs().max()) for weight in model.critic.parameters())


def test_clipped_weights_stay_within_their_bounds(model: WGAN) -> None:
    settings = Settings(epochs=2, batch=10, critic_rate=0.05, generator_rate=1e-3, critic_steps=2)
    play(Wasserstein(model, penalty=0.0, clip=0.02), IMAGES, settings, Run(0))
    assert largest(model) == pytest.approx(0.02)


def test_with_the_penalty_they_are_free(model: WGAN) -> None:
    play(Wasserstein(model), IMAGES, Settings(2, 10, 0.05, 1e-3), Run(0))
    assert largest(model) > 0.05


@pytest.mark.parametrize("game", [NonSaturating, Wasserstein, partial(Wasserstein, penalty=0.0)])
def test_terms_are_named_and_the_same_for_the_same_moment(game, model: WGAN) -> None:
    play_at = partial(game(model).critic_loss, IMAGES, 1 - IMAGES, {})
    first, again, later = (play_at(moment) for moment in (START, START, Moment(0, 1, 0.0)))
    assert {n: float(t.detach()) for n, t in first.items()} == {n: float(t.detach()) for n, t in again.items()}
    assert list(first) == list(later)


def test_instance_noise_falls_to_nothing_along_the_run(model: WGAN) -> None:
    blurred = partial(NonSaturating(model, instance_noise=0.5).blurred, torch.zeros(50, 1, 8, 8), "real")
    assert deviation(blurred(START)) == pytest.approx(0.5, rel=0.05)
    assert deviation(blurred(Moment(0, 0, 0.5))) == pytest.approx(0.25, rel=0.05)
    assert not blurred(END).any()


def test_the_noise_of_real_and_made_images_is_not_the_same(model: WGAN) -> None:
    game = NonSaturating(model, instance_noise=0.5)
    real, fake, generated = (game.blurred(IMAGES, purpose, START) for purpose in ("real", "fake", "generated"))
    assert not torch.equal(real, fake)
    assert not torch.equal(fake, generated)


def deviation(images: Tensor) -> float:
    return float(images.std())
