"""Gradients of both players' losses, and what an update must hand over to be replayed.

Graphs are recorded on a GPU alone: ``benchmarks/replay.py`` compares replayed gradients with those of Python there.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.generators.wgan import WGAN
from models.noise import Normal, Site
from training import recipes
from training.data import Dataset
from training.loops import adversarial
from training.loops.adversarial import AdversarialSettings
from training.loops.gradients import Gradients, Terms, _PlacedMoment, _Places
from training.loops.progress import Run
from training.losses.adversarial_loss import AdversarialLoss, StepContext
from training.losses.gan_losses import WassersteinLoss
from training.seeds import initialised

CPU = torch.device("cpu")
SITE = Site("mix", (3,), Normal())
IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def loss() -> WassersteinLoss:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return WassersteinLoss(WGAN((1, 8, 8), noise=4, width=4, critic_width=4))


def norms(parameters) -> list[float]:
    return [0.0 if p.grad is None else float(p.grad.norm()) for p in parameters]


def test_the_critics_loss_leaves_nothing_with_the_generator(loss: WassersteinLoss) -> None:
    gradients, latents = Gradients(loss), loss.model.latents(range(6))
    for _ in range(2):  # the second forgets what the generator's loss left
        terms = gradients.of_critic(IMAGES, latents, StepContext(0, 0, 0.0))
        assert min(norms(loss.critic_parameters())[:-1]) > 0
        assert max(norms(loss.generator_parameters())) == 0
        assert not any(term.requires_grad for term in terms.values())
        gradients.of_generator()
        assert min(norms(loss.generator_parameters())) > 0


def test_gradients_are_those_of_the_sum_where_both_losses_have_one(loss: WassersteinLoss) -> None:
    gradients, latents, shared = Gradients(loss), loss.model.latents(range(6)), next(loss.critic_parameters())
    gradients.of_critic(IMAGES, latents, StepContext(0, 0, 0.0))
    assert shared.grad is not None
    before = shared.grad.clone()
    gradients.of_generator()
    judged = -loss.adversary.judge(loss.model.images(latents), latents).mean()
    torch.testing.assert_close(shared.grad - before, torch.autograd.grad(judged, shared)[0])


FAMILIES = ("gan", "dcgan", "wgan", "infogan", "progan", "stylegan")


@pytest.mark.parametrize("name", [*(f"digits-{family}" for family in FAMILIES), "mnist-gan", "mnist-wgan"])
def test_gradients_of_bfloat16_layers_are_nearly_the_exact_ones_and_float32(
    name: str, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[Terms, Tensor]] = []

    def one_update(loss: AdversarialLoss, images: Tensor, settings: AdversarialSettings, run: Run) -> None:
        for bfloat16 in (False, True):
            latents = loss.model.latents(range(16), loss.codes(0.1))
            real, context, gradients = (
                loss.seen(images[:16], latents),
                StepContext(0, 0, 0.1),
                Gradients(loss, bfloat16),
            )
            terms = gradients.of_critic(real, latents, context) | gradients.of_generator()
            slopes = [p.grad.flatten().clone() for p in loss.model.parameters() if p.grad is not None]
            found.append((terms, torch.cat(slopes)))

    monkeypatch.setattr(adversarial, "fit_adversarial", one_update)
    recipe = recipes.RECIPES[name]
    recipe.train(initialised(recipe.spec(digits), 0), digits, Run(0))
    (exact_terms, exact), (terms, rounded) = found
    assert {term.dtype for term in terms.values()} == {rounded.dtype} == {torch.float32}
    assert 0 < float((rounded - exact).norm()) <= 0.12 * float(exact.norm())  # StyleGAN: .09, the others below .05
    for term, value in exact_terms.items():
        assert float(terms[term]) == pytest.approx(float(value), abs=0.1)


def test_a_placed_moment_draws_what_a_moment_draws_and_only_once() -> None:
    placed = _PlacedMoment.like(StepContext(7, 3, 0.25), CPU)
    assert torch.equal(placed.draw(SITE, CPU), StepContext(7, 3, 0.25).draw(SITE, CPU))
    assert placed.draw(SITE, CPU) is placed.draw(SITE, CPU)


def test_places_take_over_all_that_another_update_depends_on() -> None:
    places = _Places(torch.zeros(2, 1), {"z": torch.zeros(2, 4)}, _PlacedMoment.like(StepContext(7, 3, 0.25), CPU))
    tensors = places.real, places.latents["z"], places.context.draw(SITE, CPU), places.context.share
    later = StepContext(7, 4, 0.5)
    places.become(torch.ones(2, 1), {"z": torch.full((2, 4), 2.0)}, later)
    for tensor, wanted in zip(
        tensors, (torch.ones(2, 1), torch.full((2, 4), 2.0), later.draw(SITE, CPU), 0.5), strict=True
    ):
        assert torch.equal(tensor, torch.as_tensor(wanted, dtype=tensor.dtype))
