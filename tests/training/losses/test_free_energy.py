"""The free energy of a recipe: what counts in it, and how much."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
import torch

from models.prediction.predictor import Predictor
from training import data, recipes
from training.data import Dataset, Split
from training.errors import RecipeError
from training.loops.progress import Run
from training.losses.free_energy import FreeEnergy, observed_outcomes
from training.losses.step_context import StepContext
from training.recipes.kinds.predictive import PredictiveRecipe
from training.seeds import initialised

RECIPE = recipes.find("scenes-segnet-mc_dropout")
START = StepContext(0, 0, 0.0)


@pytest.fixture(scope="module")
def scenes() -> Dataset:
    """Twelve scenes a part; the label 255 is void."""
    whole = data.load("scenes")
    outputs = msgspec.structs.replace(whole.outputs, ignore=255)
    parts = {name: getattr(whole, name).rows(slice(12)) for name in ("train", "validation", "calibration", "test")}
    return replace(whole, outputs=outputs, **parts)


def model(dataset: Dataset) -> Predictor:
    made = initialised(RECIPE.spec(dataset), 0)
    assert isinstance(made, Predictor)
    return made


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_void_pixels_do_not_count_be_they_bytes_or_numbers(dtype: torch.dtype, scenes: Dataset) -> None:
    masks = scenes.train.targets.clone()
    masks[:, :3] = 255
    assert observed_outcomes(model(scenes), Split(scenes.train.inputs, masks.to(dtype))) == 12 * 29 * 32


def test_values_that_are_nan_do_not_count() -> None:
    curve = data.load("curve")
    regression = initialised(recipes.find("curve-mlp-mc_dropout").spec(curve), 0)
    assert isinstance(regression, Predictor)
    targets = torch.where(torch.arange(250)[:, None] < 30, torch.nan, torch.zeros(250, 1))
    assert observed_outcomes(regression, Split(curve.train.inputs[:250], targets)) == 220


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_part_without_an_outcome_is_refused(part: str, scenes: Dataset) -> None:
    split = getattr(scenes, part)
    void = replace(scenes, **{part: split._replace(targets=torch.full_like(split.targets, 255))})
    with pytest.raises(RecipeError, match=f"all targets of the {part} rows of 'scenes' are void"):
        RECIPE.train(model(void), void, Run(0))


def energy(dataset: Dataset, **changed: object) -> FreeEnergy:
    recipe = recipes.find("digits-mlp-deterministic")
    assert isinstance(recipe, PredictiveRecipe)
    recipe = replace(recipe, settings=replace(recipe.settings, epochs=10), **changed)
    model = initialised(recipe.spec(dataset), 0)
    assert isinstance(model, Predictor)
    return recipe.loss(model, dataset)


def test_the_divergence_counts_in_full_or_as_told(digits: Dataset) -> None:
    assert [energy(digits).kl_weight_at(step) for step in (0, 1000)] == [1.0, 1.0]
    assert energy(digits, kl_weight=0.05).kl_weight_at(7) == 0.05


def test_in_a_warm_up_its_weight_rises_to_that(digits: Dataset) -> None:
    warm = energy(digits, kl_warm_up=0.5, kl_weight=0.2)
    steps = 10 * -(-len(digits.train.inputs) // 64)
    assert [warm.kl_weight_at(step) for step in (0, steps // 4, steps // 2, steps)] == pytest.approx(
        [0, 0.1, 0.2, 0.2], abs=1e-3
    )


def test_balanced_a_frequent_class_weighs_less(digits: Dataset) -> None:
    zeros, ones = ((digits.train.targets == label).nonzero().squeeze(-1) for label in (0, 1))
    chosen = torch.cat([zeros, zeros, zeros, ones])
    uneven = replace(digits, train=Split(*(tensor[chosen] for tensor in digits.train)))
    plain, balanced = energy(uneven), energy(uneven, balanced=True)
    of_zeros, of_ones = (uneven.train.rows(rows) for rows in (slice(0, 50), slice(-50, None)))
    ratios = [
        (balanced.of_batch(rows, START).minimised / plain.of_batch(rows, START).minimised).item()
        for rows in (of_zeros, of_ones)
    ]
    assert ratios[1] / ratios[0] == pytest.approx(3 * len(zeros) / len(ones), rel=0.02)
