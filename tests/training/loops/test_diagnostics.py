"""Games that are made to go wrong say so; one that goes well says nothing."""

from __future__ import annotations

from functools import partial

import pytest
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec
from training.data import Dataset
from training.data.pixels import pixel_spec, pixels
from training.loops.adversarial import fit_adversarial
from training.loops.diagnostics import diverging, lopsided
from training.loops.progress import Epoch, Run
from training.loops.settings import AdversarialSettings
from training.losses.gan_losses import CriticLoss, NonSaturatingLoss, WassersteinLoss
from training.seeds import initialised

FULLY_CONNECTED = Component("gan", {"noise": 8, "hidden": [64], "critic_hidden": [32], "pieces": 2})
CRITIC = Component("wgan", {"noise": 8, "width": 8, "critic_width": 8})


@pytest.fixture(scope="module")
def images(digits: Dataset) -> Tensor:
    return pixels(digits.inputs, digits.train.inputs[:400])


def played(digits: Dataset, images: Tensor, critic_rate: float, generator_rate: float, epochs: int = 15) -> list[Epoch]:
    model = initialised(GeneratorSpec(FULLY_CONNECTED, pixel_spec(digits.inputs)), 0)
    reported: list[Epoch] = []
    settings = AdversarialSettings(epochs, 50, critic_rate, generator_rate)
    fit_adversarial(NonSaturatingLoss(model, instance_noise=0.5), images, settings, Run(0, report=reported.append))
    return reported


def test_a_generator_that_outruns_its_discriminator_collapses(digits: Dataset, images: Tensor) -> None:
    last = played(digits, images, critic_rate=1e-6, generator_rate=1e-2)[-1]
    assert last.warning.startswith("collapsing: images differ by 0.0")
    assert ";" not in last.warning


def test_a_discriminator_without_an_opponent_wins(digits: Dataset, images: Tensor) -> None:
    last = played(digits, images, critic_rate=1e-3, generator_rate=1e-7)[-1]
    assert "the discriminator wins: it is right on 100.0% of the images" in last.warning
    assert "diverging" not in last.warning


def test_rates_that_are_far_too_large_diverge(digits: Dataset, images: Tensor) -> None:
    first = played(digits, images, critic_rate=10.0, generator_rate=10.0, epochs=1)[0]
    assert "diverging: the discriminator loss is " in first.warning
    assert "\n" not in first.warning


@pytest.mark.parametrize("penalty", [0.0, 10.0])
def test_a_critic_whose_rate_is_too_large_diverges(digits: Dataset, images: Tensor, penalty: float) -> None:
    model = initialised(GeneratorSpec(CRITIC, pixel_spec(digits.inputs)), 0)
    loss: CriticLoss = partial(WassersteinLoss, penalty=penalty)(model)
    reported: list[Epoch] = []
    fit_adversarial(loss, images, AdversarialSettings(2, 50, 3.0, 1e-3), Run(0, report=reported.append))
    assert any("diverging: the critic loss is " in epoch.warning for epoch in reported)


def test_a_symptom_is_said_when_it_begins_and_at_the_end(digits: Dataset, images: Tensor) -> None:
    epochs = played(digits, images, critic_rate=1e-3, generator_rate=1e-7)
    said = [epoch.number for epoch in epochs if "the discriminator wins" in epoch.warning]
    assert len(said) == 2
    assert said[-1] == len(epochs)


def test_nothing_is_said_of_a_game_that_goes_well() -> None:
    losses = {"discriminator_loss": 1.2, "discriminator_accuracy": 0.7, "generator_loss": 0.9, "critic_loss": -40.0}
    assert not diverging(losses)
    assert not lopsided(losses, generated=0.3, real=0.35)
