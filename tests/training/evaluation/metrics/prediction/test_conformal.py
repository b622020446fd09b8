"""Conformal coverage: known answers, and the very intervals and sets that the service gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from calibrated import calibrated

from models.guarantees.calibration import CalibrationRows
from models.guarantees.conformal import conformal_set
from training import data
from training.data import Dataset
from training.evaluation.metrics.prediction import conformal
from training.evaluation.predictor import PredictorEvaluation
from training.recipes import find
from training.run.calibrate import calibrate
from training.seeds import initialised


def evaluation(name: str, dataset: Dataset) -> PredictorEvaluation:
    return PredictorEvaluation(initialised(find(name).spec(dataset), 0), dataset, 50, 0)


def scored(*scores: float, task: str = "classification", rows: int = 10) -> CalibrationRows:
    """Ten rows, of which the level 0.9 takes the last."""
    return calibrated([1.0] * rows, scores * rows, task)


def test_intervals_of_no_and_of_endless_width_hold_nothing_and_everything() -> None:
    regression = evaluation("curve-mlp-mc_dropout", data.load("curve"))
    narrow, wide = (
        conformal.measure(replace(regression, calibration=scored(width, task="regression"))) for width in (0.0, 1e6)
    )
    assert narrow["test_conformal_picp_90"] == 0
    assert narrow["test_conformal_mpiw_90_target_units"] < 1e-6
    assert wide["test_conformal_picp_90"] == 1


def test_intervals_are_so_many_deviations_on_either_side_as_the_score_says() -> None:
    regression = evaluation("curve-mlp-mc_dropout", data.load("curve"))
    answer = regression.predictor.predict(regression.dataset.test.inputs, 50, 0)
    assert answer.total_variance is not None
    figures = conformal.measure(replace(regression, calibration=scored(1.5, task="regression")))
    deviation = answer.total_variance.sqrt()
    within = ((regression.dataset.test.targets - answer.mean).abs() <= 1.5 * deviation).double().mean()
    assert figures["test_conformal_picp_90"] == pytest.approx(float(within))
    assert figures["test_conformal_mpiw_90_target_units"] == pytest.approx(3 * float(deviation.mean()))


def test_sets_are_the_services(digits: Dataset) -> None:
    classifier = evaluation("digits-mlp-mc_dropout", digits)
    answer = classifier.predictor.predict(digits.test.inputs, 50, 0)
    members = conformal_set(answer.mean, 0.9)
    figures = conformal.measure(replace(classifier, calibration=scored(0.9)))
    held = members[torch.arange(len(members)), digits.test.targets].double().mean()
    assert figures["test_conformal_coverage_90"] == pytest.approx(float(held))
    assert figures["test_conformal_set_size_90"] == pytest.approx(float(members.sum(1).double().mean()))


def test_even_an_untrained_model_holds_its_level(digits: Dataset) -> None:
    for name, dataset in (("curve-mlp-mc_dropout", data.load("curve")), ("digits-mlp-mc_dropout", digits)):
        untrained = evaluation(name, dataset)
        calibration = calibrate(untrained.predictor, dataset.train)
        coverage, *_ = conformal.measure(replace(untrained, calibration=calibration)).values()
        assert coverage == pytest.approx(0.9, abs=0.05)


def test_without_scores_or_rows_enough_nothing_is_measured(digits: Dataset) -> None:
    classifier = evaluation("digits-mlp-mc_dropout", digits)
    assert not conformal.measure(classifier)
    assert not conformal.measure(replace(classifier, calibration=scored()))
    assert not conformal.measure(replace(classifier, calibration=scored(0.5, rows=8)))
    assert conformal.measure(replace(classifier, calibration=scored(0.5), samples=0))
