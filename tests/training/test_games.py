"""Losses of the two-player games."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.adversary import Adversary
from training.adversarial import Moment
from training.games import NonSaturating, NonSaturatingR1, right

MOMENT = Moment(0, 0, 0.0)


class Slope(Adversary):
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
    without = NonSaturating(Slope()).critic_loss(real, fake, {}, MOMENT)
    penalised = NonSaturatingR1(Slope(), slope=6.0).critic_loss(real, fake, {}, MOMENT)
    torch.testing.assert_close(penalised["total D loss"], without["D loss"] + 3.0 * 2.0**2)
    torch.testing.assert_close(penalised["D loss"], without["D loss"].detach())


def test_the_penalty_reaches_the_discriminators_weights() -> None:
    game = NonSaturatingR1(Slope(), slope=6.0)
    game.critic_loss(torch.zeros(5, 1, 1, 1), torch.zeros(5, 1, 1, 1), {}, MOMENT)["total D loss"].backward()
    assert game.adversary.critic.weight.grad.item() == 3.0 * 2 * 2.0


def test_right_counts_both_kinds_alike() -> None:
    assert right(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 3.0, 4.0, 5.0])) == 0.5 * (1 + 0.25)
