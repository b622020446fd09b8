"""The losses of a critic: what they penalise, clip and report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from models.generation.adversarial import AdversarialGenerator
from models.generators.wgan import WGAN
from models.noise import Site
from training.loops.adversarial import fit_adversarial
from training.loops.progress import Run
from training.loops.settings import AdversarialSettings
from training.losses.gan_losses import NonSaturatingLoss, NonSaturatingR1Loss, WassersteinLoss, accuracy
from training.losses.step_context import StepContext

IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
START, END = StepContext(0, 0, 0.0), StepContext(0, 0, 1.0)


@pytest.fixture
def model() -> WGAN:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WGAN((1, 8, 8), noise=4, width=4, critic_width=4)


def largest(model: WGAN) -> float:
    return max(float(weight.detach().abs().max()) for weight in model.critic.parameters())


def test_clipped_weights_stay_within_their_bounds(model: WGAN) -> None:
    settings = AdversarialSettings(epochs=2, batch=10, critic_rate=0.05, generator_rate=1e-3, critic_steps=2)
    fit_adversarial(WassersteinLoss(model, penalty=0.0, clip=0.02), IMAGES, settings, Run(0))
    assert largest(model) == pytest.approx(0.02)


def test_with_the_penalty_they_are_free(model: WGAN) -> None:
    fit_adversarial(WassersteinLoss(model), IMAGES, AdversarialSettings(2, 10, 0.05, 1e-3), Run(0))
    assert largest(model) > 0.05


def test_every_other_image_pays_for_its_slope_as_much_as_both(model: WGAN) -> None:
    """Of a batch in which every image stands twice, the half says what the whole does."""
    twice = [images.repeat_interleave(2, 0) for images in (IMAGES[:4], 1 - IMAGES[:4])]
    asked: list[Tensor] = []
    seen: list[tuple[int, list[float]]] = []

    class Watched(WassersteinLoss):
        def scores(self, images: Tensor, latents: dict[str, Tensor]) -> Tensor:
            seen.append((len(images), latents["code"].tolist()))
            return super().scores(images, latents)

    class Still(StepContext):
        def draw(self, site: Site, device: torch.device) -> Tensor:
            return torch.full(site.shape, 0.25)

    for every in (1, 2):
        loss = Watched(model, every=every)
        asked.append(loss.slope_penalty(*twice, {"code": torch.arange(8.0)}, Still(0, 0, 0.0)))
    torch.testing.assert_close(*asked)
    assert seen == [(8, [0, 1, 2, 3, 4, 5, 6, 7]), (4, [0, 2, 4, 6])]


@pytest.mark.parametrize("loss", [NonSaturatingLoss, WassersteinLoss, partial(WassersteinLoss, penalty=0.0)])
def test_terms_are_named_and_the_same_for_the_same_step(loss, model: WGAN) -> None:
    play_at = partial(loss(model).critic_loss, IMAGES, 1 - IMAGES, {})
    first, again, later = (play_at(context) for context in (START, START, StepContext(0, 1, 0.0)))
    assert {n: float(t) for n, t in first.report().items()} == {n: float(t) for n, t in again.report().items()}
    assert list(first.report()) == list(later.report())


def test_instance_noise_falls_to_nothing_along_the_run(model: WGAN) -> None:
    blurred = partial(NonSaturatingLoss(model, instance_noise=0.5).with_noise, torch.zeros(50, 1, 8, 8), "real")
    assert deviation(blurred(START)) == pytest.approx(0.5, rel=0.05)
    assert deviation(blurred(StepContext(0, 0, 0.5))) == pytest.approx(0.25, rel=0.05)
    assert not blurred(END).any()


def test_the_noise_of_real_and_made_images_is_not_the_same(model: WGAN) -> None:
    loss = NonSaturatingLoss(model, instance_noise=0.5)
    real, fake, generated = (loss.with_noise(IMAGES, purpose, START) for purpose in ("real", "fake", "generated"))
    assert not torch.equal(real, fake)
    assert not torch.equal(fake, generated)


def deviation(images: Tensor) -> float:
    return float(images.std())


CONTEXT = StepContext(0, 0, 0.0)


class Slope(AdversarialGenerator):
    """A discriminator of constant slope 2 on images of one pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Identity()
        self.critic = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.critic.weight, 2.0)
        self.sites = ()
        self.controls = ()

    def images(self, latents: Mapping[str, Tensor]) -> Tensor:
        return latents["z"]

    def judge(self, pixels: Tensor, latents: Mapping[str, Tensor]) -> Tensor:
        return self.critic(pixels.flatten(1)).squeeze(1)


def test_r1_adds_half_its_weight_times_the_squared_slope_at_real_images() -> None:
    real, fake = torch.rand(5, 1, 1, 1), torch.rand(5, 1, 1, 1)
    without = NonSaturatingLoss(Slope()).critic_loss(real, fake, {}, CONTEXT)
    penalised = NonSaturatingR1Loss(Slope(), slope=6.0).critic_loss(real, fake, {}, CONTEXT)
    torch.testing.assert_close(penalised.minimised, without.minimised + 3.0 * 2.0**2)
    torch.testing.assert_close(penalised.report()["discriminator_loss"], without.minimised.detach())


def test_the_penalty_reaches_the_discriminators_weights() -> None:
    loss = NonSaturatingR1Loss(Slope(), slope=6.0)
    loss.critic_loss(torch.zeros(5, 1, 1, 1), torch.zeros(5, 1, 1, 1), {}, CONTEXT).minimised.backward()
    assert loss.players.critic.weight.grad.item() == 3.0 * 2 * 2.0


def test_accuracy_counts_both_kinds_alike() -> None:
    assert accuracy(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 3.0, 4.0, 5.0])) == 0.5 * (1 + 0.25)
