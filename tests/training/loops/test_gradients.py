"""Gradients of both players' losses."""

from __future__ import annotations

import pytest
import torch

from models.generators.wgan import WGAN
from training import recipes
from training.data import Dataset
from training.data.pixels import pixels
from training.loops.gradients import Gradients
from training.losses.gan_losses import WassersteinLoss
from training.losses.step_context import StepContext
from training.recipes.kinds.generative import AdversarialRecipe
from training.seeds import initialised

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
        report, generated = gradients.of_critic(IMAGES, latents, StepContext(0, 0, 0.0))
        assert min(norms(loss.critic_parameters())[:-1]) > 0
        assert max(norms(loss.generator_parameters())) == 0
        assert not any(scalar.requires_grad for scalar in report.values())
        gradients.of_generator(generated)
        assert min(norms(loss.generator_parameters())) > 0


def test_gradients_are_those_of_the_sum_where_both_losses_have_one(loss: WassersteinLoss) -> None:
    gradients, latents, shared = Gradients(loss), loss.model.latents(range(6)), next(loss.critic_parameters())
    _, generated = gradients.of_critic(IMAGES, latents, StepContext(0, 0, 0.0))
    assert shared.grad is not None
    before = shared.grad.clone()
    gradients.of_generator(generated)
    judged = -loss.players.judge(loss.model.images(latents), latents).mean()
    torch.testing.assert_close(shared.grad - before, torch.autograd.grad(judged, shared)[0])


FAMILIES = ("gan", "dcgan", "wgan", "infogan", "progan", "stylegan")


@pytest.mark.parametrize("name", [*(f"digits-{family}" for family in FAMILIES), "mnist-gan", "mnist-wgan"])
def test_gradients_of_bfloat16_layers_are_nearly_the_exact_ones_and_float32(name: str, digits: Dataset) -> None:
    recipe = recipes.RECIPES[name]
    assert isinstance(recipe, AdversarialRecipe)
    loss = recipe.loss(initialised(recipe.spec(digits), 0))
    images, found = pixels(digits.inputs, digits.train.inputs[:16]), []
    for bfloat16 in (False, True):
        latents = loss.model.latents(range(16), loss.codes(0.1))
        gradients = Gradients(loss, bfloat16)
        report, generated = gradients.of_critic(loss.resize(images, latents), latents, StepContext(0, 0, 0.1))
        report |= gradients.of_generator(generated)
        slopes = [p.grad.flatten().clone() for p in loss.model.parameters() if p.grad is not None]
        found.append((report, torch.cat(slopes)))
    (exact_terms, exact), (terms, rounded) = found
    assert {term.dtype for term in terms.values()} == {rounded.dtype} == {torch.float32}
    assert 0 < float((rounded - exact).norm()) <= 0.12 * float(exact.norm())  # StyleGAN: .09, the others below .05
    for term, value in exact_terms.items():
        assert float(terms[term]) == pytest.approx(float(value), abs=0.1)
