"""The schedule of growth, what it does to a loss, and the smaller images once it is over."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from models.generators.progan import ProGAN
from training import recipes
from training.data import Dataset
from training.loops import adversarial
from training.loops.progress import Run
from training.loops.progressive import refit_smaller_images
from training.losses.progressive import Growth, ProgressiveWassersteinLoss, growth
from training.losses.step_context import StepContext
from training.seeds import initialised


@pytest.fixture
def model() -> ProGAN:
    torch.manual_seed(0)
    return ProGAN((1, 16, 16), noise=4, width=4).eval()


def test_a_run_starts_small_fades_and_ends_grown_up() -> None:
    schedule = [growth(share / 1000, 3, 0.8) for share in range(1001)]
    assert schedule[0] == Growth(0, 1.0)
    assert schedule[-1] == Growth(2, 1.0)
    assert [schedule[i] for i in (199, 300, 500, 700)] == [(0, 1.0), (1, 0.5), (1, 1.0), (2, 0.5)]
    size = [now.stage + now.fade_alpha for now in schedule]
    assert size == sorted(size)


def test_it_never_jumps() -> None:
    sizes = [now.stage - 1 + now.fade_alpha for now in (growth(s / 10_000, 4, 0.6) for s in range(10_001))]
    assert max(after - before for before, after in itertools.pairwise(sizes)) < 0.01


def test_a_net_without_growth_is_grown_up_from_the_start() -> None:
    assert growth(0.0, 3, 0.0) == Growth(2, 1.0)
    assert growth(0.0, 1, 0.5) == growth(1.0, 1, 0.5) == Growth(0, 1.0)


def test_both_players_see_images_of_the_size_of_the_moment(model: ProGAN) -> None:
    loss = ProgressiveWassersteinLoss(model, growing=0.4)
    for share, side in ((0.0, 4), (0.15, 8), (0.25, 8), (0.35, 16), (1.0, 16)):
        latents = model.latents([1, 2], loss.codes(share))
        made = loss.generate(latents, StepContext(0, 0, share))
        assert made.shape == loss.resize(torch.rand(2, 1, 16, 16), latents).shape == (2, 1, side, side)


def test_the_drift_term_holds_the_values_near_zero(model: ProGAN) -> None:
    latents, real = model.latents([1, 2]), torch.rand(2, 1, 16, 16)
    with_drift, without = (
        ProgressiveWassersteinLoss(model, 0.0, drift).critic_loss(real, real, latents, StepContext(0, 0, 1.0))
        for drift in (0.5, 0.0)
    )
    drift = 0.5 * model.judge(real, latents).square().mean()
    torch.testing.assert_close(with_drift.minimised - without.minimised, drift)


def test_what_is_not_grown_yet_has_not_learnt(digits: Dataset) -> None:
    recipe = recipes.find("digits-progan").with_epochs(1)
    small = replace(recipe, loss=lambda model: ProgressiveWassersteinLoss(model, growing=100.0))
    model, untouched = (initialised(small.spec(digits), 0) for _ in range(2))
    adversarial.fit_adversarial(
        small.loss(model), torch.rand(128, 1, 8, 8), replace(small.settings, ema_decay=None), Run(0)
    )
    assert isinstance(model, ProGAN)
    assert isinstance(untouched, ProGAN)
    assert torch.equal(model.generator.stages[1][1].weight, untouched.generator.stages[1][1].weight)
    assert not torch.equal(model.generator.stages[0][1].weight, untouched.generator.stages[0][1].weight)


def test_repainting_brings_small_images_near_to_large_ones_and_changes_no_large_one(model: ProGAN) -> None:
    def distance(side: int) -> float:
        small = model.generate(model.latents(range(50), {"resolution": side}))
        return float(F.mse_loss(small, F.adaptive_avg_pool2d(model.generate(model.latents(range(50))), side)))

    large, before = model.generate(model.latents([1, 2])), [distance(4), distance(8)]
    refit_smaller_images(model, 0, steps=50)
    assert torch.equal(model.generate(model.latents([1, 2])), large)
    assert all(after < 0.5 * far for after, far in zip([distance(4), distance(8)], before, strict=True))
