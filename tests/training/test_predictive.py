"""Outcomes that count, and data without any."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
import torch

from models.predictor import Predictor
from training import data, recipes
from training.data import Dataset, Split
from training.errors import RecipeError
from training.predictive import observed_outcomes
from training.progress import Run
from training.seeds import initialised

RECIPE = recipes.find("scenes-segnet-mc_dropout")


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
