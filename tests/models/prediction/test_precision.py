"""Draws in bfloat16: close to those in float32, measured in standard errors, with the mean function left alone."""

from __future__ import annotations

import copy

import pytest
import torch
from random_models import SPECS
from torch import nn

from models.prediction.precision import in_bfloat16, relative_error
from models.prediction.predictor import Predictor


@pytest.fixture(scope="module")
def model() -> Predictor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SPECS["mlp"].build()
    assert isinstance(model, Predictor)
    return model.requires_grad_(False).eval()


def rows_of(model: Predictor, number: int) -> torch.Tensor:
    noise = torch.rand(number, *model.inputs.shape, generator=torch.Generator().manual_seed(0))
    return model.inputs.example(number) + noise * model.inputs.scale[0]


def test_answers_move_a_little_and_the_mean_function_not_at_all(model: Predictor) -> None:
    rows, reduced = rows_of(model, 5), in_bfloat16(model)
    one, other = model.predict(rows, 50), reduced.predict(rows, 50)
    assert 0 < float((one.mean - other.mean).abs().max()) < 1e-2
    assert other.mean.dtype == one.mean.dtype
    assert torch.equal(model.predict(rows, 0).mean, reduced.predict(rows, 0).mean)
    assert next(model.posterior.network.parameters()).dtype == torch.float32, "the model's own weights were changed"


def test_the_error_is_in_standard_errors_of_the_answer(model: Predictor) -> None:
    rows, draws = rows_of(model, 5), model.posterior.sample(0, 50)
    assert relative_error(model, model, rows, draws) == 0
    assert 0 < relative_error(model, in_bfloat16(model), rows, draws) < 1
    with torch.no_grad():
        other = copy.deepcopy(model)
        last = [layer for layer in other.posterior.network.modules() if isinstance(layer, nn.Linear)][-1]
        last.weight.mul_(1.5)
    assert relative_error(model, other, rows, draws) > 1, "the control: another model is far away"
