"""Figures that are bad are said in a sentence, and good ones are not."""

from __future__ import annotations

import pytest

from training.evaluation.breakdown import ClassBreakdown, TargetBreakdown
from training.evaluation.cautions import find_cautions, find_generator_cautions
from training.evaluation.measurement import Metrics

GOOD = {
    "test_accuracy": 0.9,
    "baseline_accuracy": 0.5,
    "test_auc": 0.95,
    "misclassification_auroc": 0.8,
    "noise_auroc": 0.9,
    "test_ece": 0.02,
    "test_picp_90": 0.89,
    "test_rmse_target_units": 1.0,
    "baseline_rmse_target_units": 3.0,
}


def test_good_figures_of_many_rows_need_no_caution() -> None:
    assert find_cautions(GOOD, [ClassBreakdown("a", 100, 100, 0.9, 0.9, 0.9, 0.9)], 1000) == []


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"test_accuracy": 0.5}, "no better than always answering the most frequent class"),
        ({"test_rmse_target_units": 3.0}, "no better than always answering the training rows' mean"),
        ({"noise_auroc": 0.49}, "surer of noise than of real images"),
        ({"misclassification_auroc": 0.4}, "not less sure where it is wrong"),
        ({"test_auc": 0.5}, "does not tell the classes apart"),
        ({"ood_auroc_information": 0.2}, "does not notice rows out of distribution"),
        ({"test_picp_90": 0.7}, "too sure: the central 90 % intervals hold"),
        ({"test_ece": 0.2}, "do not read the probabilities as frequencies"),
    ],
)
def test_a_bad_figure_is_said_with_its_value(metrics: Metrics, said: str) -> None:
    (caution,) = find_cautions({**GOOD, **metrics}, (), 1000)
    assert said in caution


def test_few_rows_are_said_whatever_the_figures() -> None:
    (caution,) = find_cautions(GOOD, (), 36)
    assert "rest on 36 rows: a share of 90% is known to ±10%" in caution


def test_classes_that_are_missed_or_rare_are_named() -> None:
    lines = [ClassBreakdown("rare", 5, 2, 0.0, None, None, None), ClassBreakdown("missed", 90, 50, 0.2, 0.5, 0.7, None)]
    rare, missed = find_cautions(GOOD, lines, 1000)
    assert "rare (2)" in rare
    assert "missed (20%)" in missed


def test_several_targets_are_no_one_figure() -> None:
    lines = [TargetBreakdown("price [EUR]", 100, 5e4, 6e4, 0.9), TargetBreakdown("rent", 100, 300.0, 290.0, 0.9)]
    mixed, useless = find_cautions(GOOD, lines, 1000)
    assert "means over price [EUR], rent, as if these had one unit, and follow 'price [EUR]' most" in mixed
    assert useless.endswith("no better than by their mean: rent (RMSE 300, baseline 290).")


GOOD_GENERATOR = {"classes_present": 10.0, "nearest_training_ratio": 0.97, "samples_named_agreement": 0.95}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"classes_present": 8.0}, "makes 8 of the 10 classes"),
        ({"nearest_training_ratio": 0.2}, "its own are 20% as far from the nearest of them as real images are"),
        ({"samples_named_agreement": 0.61}, "39% of the images show another class"),
    ],
)
def test_a_generator_that_went_wrong_says_so(metrics: Metrics, said: str) -> None:
    (caution,) = find_generator_cautions(GOOD_GENERATOR | metrics, 10)
    assert said in caution


def test_a_generator_that_is_well_or_has_no_classes_needs_no_caution() -> None:
    assert find_generator_cautions(GOOD_GENERATOR, 10) == []
    assert find_generator_cautions({"nearest_training_ratio": 1.0}, 0) == []
