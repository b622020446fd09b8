"""The bound that a VAE is fitted by: its two estimators, its weight, and what pixels are seen as."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace as replace_struct

from models.checkpoints.checkpoint import GeneratorSpec
from models.generators.vae import VAE
from training import data, recipes
from training.data import Dataset, Split
from training.loops.progress import Run
from training.losses import variational
from training.losses.step_context import StepContext
from training.losses.variational import Bound, Estimator, Treatment
from training.recipes.vae import VAERecipe
from training.seeds import initialised

SPLITS = "train", "validation", "calibration", "test"


@pytest.fixture
def vae() -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VAE((1, 8, 8), (16,), 3)


def batch(digits: Dataset, bound: Bound, rows: int = 50) -> Split:
    return bound.unit(digits.train).rows(slice(rows))


def at(step: int) -> StepContext:
    return StepContext(0, step, 0.0)


@torch.inference_mode()
def losses(bound: Bound, rows: Split) -> torch.Tensor:
    return torch.stack([bound.of_batch(rows, at(step)).minimised for step in range(400)])


def test_the_estimators_agree_on_average_and_differ_in_every_sample(vae: VAE, digits: Dataset) -> None:
    a, b = Bound(vae, digits, estimator="A", beta=3.0), Bound(vae, digits, estimator="B", beta=3.0)
    of_a, of_b = losses(a, batch(digits, a)), losses(b, batch(digits, b))
    error = float((of_a - of_b).std()) / math.sqrt(len(of_a))
    assert 0 < error < 0.1
    assert abs(float((of_a - of_b).mean())) < 4 * error


def test_their_gradients_agree_on_average(vae: VAE, digits: Dataset) -> None:
    gradients = []
    for estimator in ("A", "B"):
        bound: Bound = Bound(vae, digits, estimator=estimator)  # type: ignore[arg-type]
        vae.zero_grad()
        torch.stack([bound.of_batch(batch(digits, bound), at(step)).minimised for step in range(300)]).mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in vae.encoder.parameters() if p.grad is not None]))
    assert float(torch.cosine_similarity(*gradients, dim=0)) > 0.99


def test_beta_weighs_the_divergence_in_training_alone(vae: VAE, digits: Dataset) -> None:
    plain, heavy = Bound(vae, digits), Bound(vae, digits, beta=4.0)
    rows = batch(digits, plain)
    kl = plain.encoded(rows.inputs, 0, 0).posterior.kl().mean()
    torch.testing.assert_close(heavy.of_batch(rows, at(0)).minimised - plain.of_batch(rows, at(0)).minimised, 3 * kl)
    assert heavy.metric() == plain.metric()


def test_a_step_repeats_its_noise_and_another_has_its_own(vae: VAE, digits: Dataset) -> None:
    bound = Bound(vae, digits, "binarised")
    rows = batch(digits, bound)
    assert torch.equal(bound.of_batch(rows, at(3)).minimised, bound.of_batch(rows, at(3)).minimised)
    assert bound.of_batch(rows, at(3)).minimised != bound.of_batch(rows, at(4)).minimised


def test_grey_pixels_are_left_binarised_ones_are_drawn_and_dequantised_ones_fill_their_step(
    vae: VAE, digits: Dataset
) -> None:
    def seen(treatment: Treatment) -> torch.Tensor:
        bound = Bound(vae, digits, treatment)
        rows = batch(digits, bound).inputs
        return torch.stack([bound.encoded(rows, 0, step).images for step in range(300)])

    grey, binarised, dequantised = seen("grey"), seen("binarised"), seen("dequantised")
    assert (grey == grey[0]).all()
    assert set(binarised.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(binarised.mean(0), grey[0], rtol=0, atol=0.15)
    assert torch.equal((dequantised * 17).floor(), (grey * 16).expand_as(dequantised))
    assert 0 <= dequantised.min() < dequantised.max() <= 1


def test_pixels_that_are_no_whole_numbers_are_not_dequantised(digits: Dataset) -> None:
    recipe = recipes.find("digits-vae-gaussian")
    assert isinstance(recipe, VAERecipe)
    floats = replace(
        digits,
        inputs=replace_struct(digits.inputs, scale=(1.0,), high=1.0),
        **{name: getattr(digits, name)._replace(inputs=getattr(digits, name).inputs / 16) for name in SPLITS},
    )
    model = initialised(recipe.spec(floats), 0)
    assert recipe.bound(model, digits).treatment == "dequantised"
    assert recipe.bound(model, floats).treatment == "grey"
    figures = replace(recipe, importance_samples=2, importance_images=20).metrics(model.eval(), floats, 50, 0)
    assert "test_nll_importance_grey_nats" in figures
    assert not any("bits" in name for name in figures)


def test_bytes_are_whole_numbers(tiny_mnist: Path) -> None:
    recipe, mnist = recipes.find("digits-vae-gaussian"), data.load("mnist", tiny_mnist)
    assert isinstance(recipe, VAERecipe)
    assert recipe.bound(initialised(recipe.spec(mnist), 0), mnist).treatment == "dequantised"


def test_terms_of_many_images_are_those_of_a_few_at_a_time(
    vae: VAE, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = Bound(vae, digits)
    images = bound.unit(digits.test).inputs
    whole = bound.terms(images, 0)
    monkeypatch.setattr(variational, "BLOCK", 100)
    parts = bound.terms(images, 0)
    torch.testing.assert_close(parts.kl, whole.kl)
    assert parts.nll.shape == whole.nll.shape == (len(images),)
    torch.testing.assert_close(parts.nll[:100], whole.nll[:100])


@pytest.mark.parametrize("estimator", ["A", "B"])
def test_a_short_run_lowers_the_bound(estimator: Estimator, digits: Dataset) -> None:
    recipe = recipes.find("digits-vae").with_epochs(3)
    assert isinstance(recipe, VAERecipe)
    recipe = replace(recipe, estimator=estimator)
    model = initialised(recipe.spec(digits), 0)
    before = recipe.bound(model, digits).metric()
    recipe.train(model, digits, Run(0))
    assert recipe.bound(model, digits).metric() < before - 5


def test_figures_say_what_was_seen_and_how_many_samples(digits: Dataset) -> None:
    recipe = recipes.find("digits-vae-gaussian").with_epochs(1)
    assert isinstance(recipe, VAERecipe)
    spec = recipe.spec(digits)
    assert isinstance(spec, GeneratorSpec)
    model = initialised(spec, 0)
    figures = replace(recipe, importance_samples=7, importance_images=20).metrics(model.eval(), digits, 50, 0)
    assert (figures["importance_samples"], figures["importance_images"]) == (7, 20)
    nats = figures["test_nll_importance_dequantised_nats"]
    bits = figures["test_nll_importance_bits_per_value"]
    assert bits == pytest.approx(nats / 64 / math.log(2) + math.log2(17))
    parts = figures["test_reconstruction_dequantised_nats"] + figures["test_kl_nats"]
    assert figures["test_negative_elbo_dequantised_nats"] == pytest.approx(parts, rel=1e-5)
