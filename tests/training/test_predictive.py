"""The free energy of a recipe: how much its divergence and its classes weigh."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.predictor import Predictor
from training import recipes
from training.data import Dataset, Split
from training.predictive import FreeEnergy, PredictiveRecipe
from training.seeds import initialised


def energy(dataset: Dataset, **changed: object) -> FreeEnergy:
    recipe = recipes.find("digits-mlp-deterministic")
    assert isinstance(recipe, PredictiveRecipe)
    recipe = replace(recipe, settings=replace(recipe.settings, epochs=10), **changed)
    model = initialised(recipe.spec(dataset), 0)
    assert isinstance(model, Predictor)
    return FreeEnergy(model, dataset, recipe)


def test_the_divergence_counts_in_full_or_as_told(digits: Dataset) -> None:
    assert [energy(digits).weight(step) for step in (0, 1000)] == [1.0, 1.0]
    assert energy(digits, divergence=0.05).weight(7) == 0.05


def test_in_a_warm_up_its_weight_rises_to_that(digits: Dataset) -> None:
    warm = energy(digits, warm_up=0.5, divergence=0.2)
    steps = 10 * -(-len(digits.train.inputs) // 64)
    assert [warm.weight(step) for step in (0, steps // 4, steps // 2, steps)] == pytest.approx(
        [0, 0.1, 0.2, 0.2], abs=1e-3
    )


def test_balanced_a_frequent_class_weighs_less(digits: Dataset) -> None:
    zeros, ones = ((digits.train.targets == label).nonzero().squeeze(-1) for label in (0, 1))
    chosen = torch.cat([zeros, zeros, zeros, ones])
    uneven = replace(digits, train=Split(*(tensor[chosen] for tensor in digits.train)))
    plain, balanced = energy(uneven), energy(uneven, balanced=True)
    of_zeros, of_ones = (uneven.train.rows(rows) for rows in (slice(0, 50), slice(-50, None)))
    ratios = [(balanced.loss(rows, 0, 0) / plain.loss(rows, 0, 0)).item() for rows in (of_zeros, of_ones)]
    assert ratios[1] / ratios[0] == pytest.approx(3 * len(zeros) / len(ones), rel=0.02)
