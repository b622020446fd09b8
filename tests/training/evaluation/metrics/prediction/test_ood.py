"""Inputs of another kind against the test split."""

from __future__ import annotations

import pytest

from training import data
from training.evaluation.metrics.prediction import measure_predictor
from training.evaluation.ood_inputs import OodInputs
from training.evaluation.predictor import PredictorEvaluation
from training.recipes import find
from training.seeds import initialised


@pytest.mark.parametrize(
    ("name", "epistemic"),
    [("digits-mlp-mc_dropout", "information"), ("curve-mlp-mc_dropout", "epistemic_variance")],
)
def test_rows_of_the_same_kind_are_as_uncertain_and_cannot_be_told_apart(name: str, epistemic: str) -> None:
    recipe = find(name)
    dataset = data.load(recipe.data)
    model = initialised(recipe.spec(dataset), 0)
    figures = measure_predictor(PredictorEvaluation(model, dataset, 4, 0, OodInputs("the same", dataset.test.inputs)))
    assert figures[f"ood_{epistemic}_ratio"] == pytest.approx(1)
    assert figures[f"ood_auroc_{epistemic}"] == pytest.approx(0.5)
