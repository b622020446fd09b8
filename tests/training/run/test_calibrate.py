"""What a model says of calibration rows is kept, and decides as often as it is stated to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.guarantees.calibration import FALSE_ALARM_RATE, SEED
from models.guarantees.conformal import CLASS_SCORES, class_scores
from models.guarantees.verdicts import Detectors
from models.prediction.predictor import Predictor
from training.data import Dataset, Split
from training.run.calibrate import DRAWS, MOST_MIXED, calibrate, fit_reference
from training.seeds import initialised


def test_rows_of_its_own_kind_are_abstained_from_at_the_stated_share(model: Predictor, digits: Dataset) -> None:
    fit_reference(model, digits.train)
    held_out = digits.test.rows(slice(0, 200))
    calibration = calibrate(model, held_out)
    assert calibration is not None
    assert calibration.draws == DRAWS
    assert set(calibration.evidence) == {
        "mutual_information", "predictive_entropy", "energy", "mahalanobis", "neighbour", "input_neighbour"
    }  # fmt: skip
    assert np.isnan(calibration.evidence["mutual_information"][:2]).all()  # of the mean function, and of one draw
    for samples in (2, 7, 50):
        detector = Detectors(calibration).find(samples)
        assert detector is not None
        answer = model.predict(held_out.inputs, samples, 1)  # other draws of the very rows
        evidence = model.evidence(answer, model.observed_evidence(held_out.inputs))
        surprises = detector.surprises({name: values.numpy() for name, values in evidence.items()})
        assert float((surprises.max(0) > detector.threshold).mean()) == pytest.approx(FALSE_ALARM_RATE, abs=0.03)
    blank = torch.zeros(1, 1, 8, 8)
    evidence = model.evidence(model.predict(blank, 50), model.observed_evidence(blank))
    assert detector.name_alarms(detector.surprises({name: values.numpy() for name, values in evidence.items()}))[0]


def test_what_is_kept_is_what_the_model_says_after_each_number_of_draws(model: Predictor, digits: Dataset) -> None:
    rows = digits.test.rows(slice(0, 30))
    calibration = calibrate(model, rows)
    assert calibration is not None
    for samples in (0, 1, 14, 200):
        answer = model.predict(rows.inputs, samples, SEED)
        for kind in CLASS_SCORES:
            scores = class_scores(answer.mean, rows.targets, kind)
            np.testing.assert_allclose(calibration.scores_after(samples, kind), scores, atol=1e-5)
        position = calibration.position(samples)
        assert calibration.loss is not None
        wrong = answer.mean.argmax(1) != rows.targets
        np.testing.assert_array_equal(calibration.loss[position], wrong.numpy())
    assert calibration.groups["class"].tolist() == rows.targets.tolist()
    assert calibration.mixed == tuple(number for number in DRAWS if 1 <= number <= MOST_MIXED)
    for row in (0, 29):  # each was asked with a seed of its own, as there are fewer rows than seeds
        answer = model.predict(rows.inputs, 2, row + 1)
        scores = class_scores(answer.mean, rows.targets, "probability")
        assert calibration.scores_after(2, "probability", 99)[row] == pytest.approx(float(scores[row]), abs=1e-5)


def test_without_rows_nothing_is_calibrated(model: Predictor, digits: Dataset) -> None:
    empty = Split(digits.calibration.inputs[:0], digits.calibration.targets[:0])
    assert calibrate(model, empty) is None


def test_two_members_are_calibrated_though_one_of_them_says_nothing_epistemic(digits: Dataset) -> None:
    spec = PredictorSpec(
        Component("mlp"), Component("ensemble", {"members": 2}), Component("categorical"), digits.inputs, digits.outputs
    )
    calibration = calibrate(initialised(spec, 0).eval(), digits.test.rows(slice(0, 30)))
    assert calibration is not None
    numbers = len(calibration.draws) + len(calibration.mixed)
    assert {values.shape for values in calibration.evidence.values()} == {(numbers, 30)}
    information = calibration.evidence["mutual_information"]
    assert np.isfinite(information[calibration.draws.index(2)]).all()
