"""What is fitted after the weights."""

from __future__ import annotations

import math

import msgspec
import pytest
import torch

from models.prediction.predictor import Predictor
from training import recipes
from training.data import Dataset, Split, load
from training.evaluation.metrics.likelihood import mean_nll
from training.loops.progress import Run
from training.run.calibrate import FALSE_ALARM_RATE, SAMPLES, SEED, calibrate, fit_temperature
from training.seeds import initialised


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def model(digits: Dataset) -> Predictor:
    recipe = recipes.find("digits-convnet-mc_dropout").with_epochs(15)
    made = initialised(recipe.spec(digits), 0)
    assert isinstance(made, Predictor)
    recipe.train(made, digits, Run(0))
    return made


def untempered(model: Predictor) -> None:
    model.outputs = msgspec.structs.replace(model.outputs, temperature=1.0)


def test_a_temperature_makes_the_calibration_rows_likelier(model: Predictor, digits: Dataset) -> None:
    untempered(model)
    before = mean_nll(model, digits.calibration, SAMPLES, SEED)
    fit_temperature(model, digits.calibration)
    assert mean_nll(model, digits.calibration, SAMPLES, SEED) < before
    assert model.outputs.temperature != 1.0


def test_logits_that_are_too_large_are_cooled(model: Predictor, digits: Dataset) -> None:
    untempered(model)
    fit_temperature(model, digits.test)
    right = model.outputs.temperature
    untempered(model)
    last = model.posterior.network.classifier[-1]  # type: ignore[union-attr, index]
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(2)
    fit_temperature(model, digits.test)
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.div_(2)
    assert 0.25 < math.log(model.outputs.temperature / right) < math.log(2)  # the prior holds it back


def test_a_few_rows_that_are_all_right_do_not_make_the_model_certain(model: Predictor, digits: Dataset) -> None:
    answer = model.predict(digits.train.inputs, SAMPLES, SEED)
    right = (answer.mean.argmax(-1) == digits.train.targets).nonzero().squeeze(-1)[:20]
    untempered(model)
    fit_temperature(model, Split(digits.train.inputs[right], digits.train.targets[right]))
    assert model.outputs.temperature > 0.4


def test_the_threshold_is_passed_by_the_stated_share(model: Predictor, digits: Dataset) -> None:
    calibration = calibrate(model, digits.train)
    assert calibration is not None
    answer = model.predict(digits.train.inputs, SAMPLES, SEED)
    assert answer.mutual_information is not None
    share = float((answer.mutual_information > calibration.threshold).double().mean())
    assert share == pytest.approx(FALSE_ALARM_RATE, abs=0.01)


def test_without_rows_nothing_is_calibrated(model: Predictor, digits: Dataset) -> None:
    empty = Split(digits.calibration.inputs[:0], digits.calibration.targets[:0])
    fit_temperature(model, empty)
    assert calibrate(model, empty) is None
