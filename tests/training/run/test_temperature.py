"""The temperature: one that makes rows likelier that it was not fitted on, or none."""

from __future__ import annotations

import math

import msgspec
import torch

from models.prediction.predictor import Predictor
from training import recipes
from training.data import Dataset, Split, load
from training.evaluation.metrics.likelihood import mean_nll
from training.run.temperature import SAMPLES, SEED, fit_temperature
from training.seeds import initialised


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


def test_of_many_pixels_some_of_every_image_are_looked_at() -> None:
    scenes = load("scenes")
    recipe = recipes.find("scenes-segnet-mc_dropout").with_epochs(1)
    made = initialised(recipe.spec(scenes), 0)
    assert isinstance(made, Predictor)
    calibration, validation = (part.rows(slice(12)) for part in (scenes.calibration, scenes.validation))
    assert calibration.targets.numel() > 10_000, "these would all be looked at"
    before = mean_nll(made, validation, SAMPLES, SEED)
    fit_temperature(made, calibration)
    assert mean_nll(made, validation, SAMPLES, SEED) <= before


def test_pixels_never_make_a_model_surer() -> None:
    scenes = load("scenes")
    made = initialised(recipes.find("scenes-segnet-mc_dropout").spec(scenes), 0)
    assert isinstance(made, Predictor)
    rows = scenes.calibration.rows(slice(0, 8))
    likeliest = made.predict(rows.inputs, SAMPLES, SEED).mean.argmax(-1)
    fit_temperature(made, Split(rows.inputs, likeliest.to(rows.targets.dtype)))  # it could not be more right
    assert made.outputs.temperature == 1.0
