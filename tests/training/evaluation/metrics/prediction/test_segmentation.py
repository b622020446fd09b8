"""Overlap of label maps: a hand example, torchmetrics, and the void that counts for nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_jaccard_index,
)

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.specs import OutputSpec
from training import data
from training.data import Dataset, Split
from training.evaluation.metrics.prediction import measure_predictor
from training.evaluation.metrics.prediction.segmentation import measure_overlap
from training.evaluation.metrics.ranking import auroc
from training.evaluation.metrics.segmentation_counts import SegmentationCounts
from training.evaluation.ood_inputs import OodInputs
from training.evaluation.predictor import PredictorEvaluation
from training.run.calibrate import calibrate
from training.seeds import initialised

IGNORE = 11


def test_overlap_of_a_hand_example() -> None:
    figures = measure_overlap(torch.tensor([[3, 1, 0], [0, 2, 0], [2, 0, 0]]))
    assert figures["pixel_accuracy"] == pytest.approx(5 / 8)
    assert figures["class_accuracy"] == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert figures["mean_iou"] == pytest.approx((3 / 6 + 2 / 3 + 0) / 3)


def test_a_class_without_pixels_is_left_out_and_one_that_is_only_guessed_is_not() -> None:
    assert measure_overlap(torch.tensor([[4, 0, 0], [0, 4, 0], [0, 0, 0]]))["mean_iou"] == 1
    guessed = measure_overlap(torch.tensor([[3, 0, 1], [0, 4, 0], [0, 0, 0]]))
    assert guessed["mean_iou"] == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert guessed["class_accuracy"] == pytest.approx((3 / 4 + 1) / 2)


def test_overlap_is_that_of_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, guess = (torch.randint(0, 5, (4, 9, 9), generator=generator) for _ in range(2))
    guess = torch.where(torch.rand(4, 9, 9, generator=generator) < 0.6, truth, guess)
    figures = measure_overlap(multiclass_confusion_matrix(guess, truth, 5))
    assert figures["pixel_accuracy"] == pytest.approx(float(multiclass_accuracy(guess, truth, 5, "micro")), abs=1e-6)
    assert figures["class_accuracy"] == pytest.approx(float(multiclass_accuracy(guess, truth, 5, "macro")), abs=1e-6)
    assert figures["mean_iou"] == pytest.approx(float(multiclass_jaccard_index(guess, truth, 5)), abs=1e-6)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """The scenes, their classes renamed and one corner of every mask void."""
    scenes = data.load("scenes")
    labels = scenes.test.targets[:12].clone()
    labels[:, :5, :5] = IGNORE
    test = Split(scenes.test.inputs[:12], labels.to(torch.uint8))
    return replace(scenes, outputs=OutputSpec("segmentation", scenes.outputs.names, ignore=IGNORE), test=test)


@pytest.fixture(scope="module")
def evaluation(dataset: Dataset) -> PredictorEvaluation:
    segnet = Component("segnet", {"channels": [4, 6], "kernel": 3})
    spec = PredictorSpec(segnet, Component("mc_dropout"), Component("categorical"), dataset.inputs, dataset.outputs)
    return PredictorEvaluation(initialised(spec, 0), dataset, 3, 0)


def test_figures_are_those_of_the_services_answer(evaluation: PredictorEvaluation) -> None:
    answer = evaluation.predictor.predict(evaluation.dataset.test.inputs, 3, 0)
    labels = evaluation.dataset.test.targets.long()
    seen, guess = labels != IGNORE, answer.mean.argmax(-1)
    figures = measure_predictor(evaluation)
    assert figures["test_pixel_accuracy"] == pytest.approx(float((guess == labels)[seen].double().mean()))
    index = multiclass_jaccard_index(guess, labels, len(evaluation.dataset.outputs.names), ignore_index=IGNORE)
    assert figures["test_mean_iou"] == pytest.approx(float(index), abs=1e-6)
    wrong, entropy = (guess != labels)[seen], answer.predictive_entropy[seen]
    assert figures["wrong_pixel_auroc"] == pytest.approx(auroc(entropy[~wrong], entropy[wrong]), abs=2e-3)
    nll = -answer.mean.gather(-1, labels.clamp_max(10).unsqueeze(-1)).squeeze(-1)[seen].log().mean()
    assert figures["test_nll_nats"] == pytest.approx(float(nll), rel=1e-5)


def test_the_deterministic_pass_is_the_one_without_draws(evaluation: PredictorEvaluation) -> None:
    figures, alone = measure_predictor(evaluation), measure_predictor(replace(evaluation, samples=0))
    assert "test_mean_iou_deterministic" not in alone
    for name in ("pixel_accuracy", "class_accuracy", "mean_iou"):
        assert figures[f"test_{name}_deterministic"] == alone[f"test_{name}"]


def test_one_image_at_a_time_counts_the_same(evaluation: PredictorEvaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure_predictor(evaluation)
    monkeypatch.setattr("training.evaluation.predictions._BLOCK", 1)
    assert measure_predictor(replace(evaluation)) == pytest.approx(whole, rel=1e-5)


def test_the_void_is_not_counted(evaluation: PredictorEvaluation) -> None:
    counts = SegmentationCounts(evaluation.predictor, evaluation.dataset.test, 0, 0)
    assert int(counts.confusion.sum()) == 12 * (32 * 32 - 25)


def test_strange_images_are_scored_as_wholes(evaluation: PredictorEvaluation) -> None:
    figures = measure_predictor(replace(evaluation, ood=OodInputs("flat", torch.zeros(5, 1, 32, 32))))
    assert {"ood_auroc_entropy", "ood_auroc_information", "ood_auroc_probability"} <= figures.keys()
    assert all(math.isfinite(value) for value in figures.values())


def test_masks_of_calibration_rows_miss_what_risk_control_allows(evaluation: PredictorEvaluation) -> None:
    calibration = calibrate(evaluation.predictor, evaluation.dataset.test)
    figures = measure_predictor(replace(evaluation, samples=2, calibration=calibration))
    assert 0.9 <= figures["test_found_share_90"] < 1
    assert figures["test_found_share_worst_class_90"] <= figures["test_found_share_90"]
    assert 1 <= figures["test_found_set_size_90"] <= len(evaluation.dataset.outputs.names)
