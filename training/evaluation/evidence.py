"""The number of rows, pixels or images behind every figure of a card."""

from __future__ import annotations

from collections.abc import Mapping

from training.evaluation.generator import GeneratorEvaluation
from training.evaluation.measurement import Metrics
from training.evaluation.metrics.prediction.classification import MOST_ROTATED_ROWS
from training.evaluation.metrics.prediction.regression import GRID_POINTS
from training.evaluation.predictor import PredictorEvaluation

Evidence = Mapping[str, str]
"""Rows, pixels or images behind each figure, in words, by the figure's name."""


def predictor_evidence(evaluation: PredictorEvaluation, metrics: Metrics) -> Evidence:
    """Return what each of a predictor's figures was measured on."""
    test = len(evaluation.dataset.test.inputs)
    of_prefix = {
        "test_": _test_outcomes(evaluation),
        "abstained_": _test_outcomes(evaluation),
        "baseline_": _test_outcomes(evaluation),
        "noise_": f"{_count(evaluation.noise_rows, 'noise image')}",
        "blank_": "1 image",
        "rotated_": _count(min(test, MOST_ROTATED_ROWS), "turned image"),
        "ood_": "" if evaluation.ood is None else _count(len(evaluation.ood.rows), "other row"),
        "epistemic_variance_ratio_": f"{GRID_POINTS} points",
        "noise_deviation_": f"{GRID_POINTS} points",
        "curve_": f"{GRID_POINTS} points",
    }
    evidence = {name: _by_prefix(name, of_prefix) for name in metrics}
    if "misclassification_auroc" in metrics:
        wrong = int(evaluation.class_predictions.wrong.sum())
        evidence["misclassification_auroc"] = f"{wrong} wrong, {len(evaluation.class_predictions.labels) - wrong} right"
    if "wrong_pixel_auroc" in metrics:
        evidence["wrong_pixel_auroc"] = _test_outcomes(evaluation)
    return evidence


def generator_evidence(evaluation: GeneratorEvaluation, metrics: Metrics) -> Evidence:
    """Return what each of a generator's figures was measured on."""
    made = _count(evaluation.samples, "made image")
    of_prefix = {
        "test_": _count(len(evaluation.dataset.test.inputs), "test image"),
        "frechet_": f"{metrics.get('frechet_images', 0):.0f} images of each kind",
        "active_": _count(len(evaluation.dataset.test.inputs), "test image"),
        "importance_": f"{metrics.get('importance_images', 0):.0f} test images",
        "test_nll_importance_": f"{metrics.get('importance_images', 0):.0f} test images",
    }
    return {name: _by_prefix(name, of_prefix) or made for name in metrics}


def _by_prefix(name: str, of_prefix: Mapping[str, str]) -> str:
    """Return the entry of the longest prefix of a name."""
    fitting = [prefix for prefix in of_prefix if name.startswith(prefix)]
    return of_prefix[max(fitting, key=len)] if fitting else ""


def _test_outcomes(evaluation: PredictorEvaluation) -> str:
    """Return the number of test rows, and of the outcomes that they have where that is another."""
    rows = _count(len(evaluation.dataset.test.inputs), "row")
    if not evaluation.predictor.positions:
        return rows
    outcome = {2: "pixel", 3: "voxel"}.get(len(evaluation.predictor.positions), "step")
    return f"{_count(evaluation.observed_outcomes, outcome)} of {rows}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}".replace(",", " ")
