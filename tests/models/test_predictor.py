"""The whole predictive model: units, chunks and the statistics of its draws."""

from __future__ import annotations

import math
from unittest import mock

import msgspec
import pytest
import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoint import PredictorSpec
from models.draws import evaluate
from models.errors import NonFiniteOutputError
from models.predictor import Predictor
from models.specs import InputSpec, OutputSpec
from models.uncertainty import Uncertainty

FEATURES = InputSpec("table", (3,), (1.0, 2.0, 3.0), (1.0, 0.5, 2.0))
STANDARD = OutputSpec("regression", ("a [mm]", "b [kg]"))
IN_UNITS = OutputSpec("regression", ("a [mm]", "b [kg]"), (150.0, -2.0), (70.0, 0.1))
CLASSES = OutputSpec("classification", ("no", "maybe", "yes"))
FIELDS = tuple(Uncertainty.__dataclass_fields__)


def predictor(outputs: OutputSpec = STANDARD, likelihood: str = "heteroscedastic_gaussian") -> Predictor:
    torch.manual_seed(0)
    mlp = Component("mlp", {"hidden": [16]})
    return PredictorSpec(mlp, Component("mc_dropout"), Component(likelihood), FEATURES, outputs).build()


def rows(count: int = 4) -> Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(1))


def known(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


def test_predictions_are_the_statistics_of_the_posteriors_draws() -> None:
    model = predictor(CLASSES, "categorical")
    with torch.no_grad():
        x = FEATURES.standardise(rows())
        probs = evaluate(model.posterior.network, x, model.posterior.draws(7, 30)).softmax(-1).double()
    answer = model.predict(rows(), samples=30, seed=7)
    torch.testing.assert_close(answer.mean, probs.mean(0), rtol=0, atol=1e-6)
    torch.testing.assert_close(known(answer.epistemic_variance), probs.var(0, correction=0), rtol=0, atol=1e-6)
    error = probs.std(0) / math.sqrt(30)
    torch.testing.assert_close(known(answer.standard_error), error, rtol=0, atol=1e-6)


def test_units_come_back() -> None:
    raw, standard = predictor(IN_UNITS).predict(rows()), predictor().predict(rows())
    mean, scale = torch.tensor(IN_UNITS.mean).double(), torch.tensor(IN_UNITS.scale).double()
    torch.testing.assert_close(raw.mean, standard.mean * scale + mean)
    for name in ("aleatoric_variance", "epistemic_variance", "total_variance"):
        torch.testing.assert_close(getattr(raw, name), getattr(standard, name) * scale.square(), rtol=1e-6, atol=0)
    torch.testing.assert_close(known(raw.standard_error), known(standard.standard_error) * scale, rtol=1e-6, atol=0)


def test_densities_shift_by_the_log_of_the_unit_and_information_does_not() -> None:
    raw, standard = predictor(IN_UNITS).predict(rows()), predictor().predict(rows())
    shift = math.log(70.0) + math.log(0.1)
    torch.testing.assert_close(raw.predictive_entropy, standard.predictive_entropy + shift, rtol=0, atol=1e-6)
    torch.testing.assert_close(raw.expected_entropy, standard.expected_entropy + shift, rtol=0, atol=1e-6)
    torch.testing.assert_close(known(raw.mutual_information), known(standard.mutual_information), rtol=0, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 50, 51, 120])
def test_a_smaller_block_or_chunk_changes_nothing(samples: int) -> None:
    model = predictor(IN_UNITS)
    expected = model.predict(rows(), samples, seed=3)
    with mock.patch("models.predictor.CHUNK_BYTES", 1), mock.patch("models.draws.CHUNK_BYTES", 1):
        assert model.draw_block == 1
        answer = model.predict(rows(), samples, seed=3)
    for name in FIELDS:
        torch.testing.assert_close(getattr(answer, name), getattr(expected, name), rtol=1e-6, atol=1e-6)


def test_no_samples_is_the_mean_function_and_nothing_epistemic() -> None:
    model = predictor(CLASSES, "categorical")
    answer = model.predict(rows(), samples=0)
    with torch.no_grad():
        probs = model.posterior.network(FEATURES.standardise(rows())).softmax(-1)
    torch.testing.assert_close(answer.mean, probs.double())
    for name in ("epistemic_variance", "total_variance", "mutual_information", "standard_error"):
        assert getattr(answer, name) is None
    torch.testing.assert_close(answer.predictive_entropy, answer.expected_entropy, rtol=0, atol=1e-6)


def test_an_answer_that_is_not_finite_is_an_error() -> None:
    model = predictor()
    with torch.no_grad():
        next(model.posterior.network.parameters()).fill_(math.nan)
    for samples in (0, 5):
        with pytest.raises(NonFiniteOutputError):
            model.predict(rows(), samples)


def test_an_overflow_of_the_noise_is_an_error() -> None:
    model = predictor()
    with torch.no_grad():
        model.posterior.network.get_parameter("layers.4.bias").fill_(1e4)
    with pytest.raises(NonFiniteOutputError):
        model.predict(rows())


def test_large_draws_are_made_a_few_at_a_time() -> None:
    spec = PredictorSpec(
        Component("mlp", {"hidden": [16]}),
        Component("bayes_by_backprop"),
        Component("homoscedastic_gaussian"),
        FEATURES,
        STANDARD,
    )
    model = spec.build()
    draw_bytes = 4 * (3 * 16 + 16 + 16 * 2 + 2)
    with mock.patch("models.predictor.CHUNK_BYTES", 7 * draw_bytes):
        assert model.draw_block == 7
    assert model.draw_block == 50


def test_the_likelihood_must_be_of_the_outputs_task() -> None:
    spec = PredictorSpec(Component("mlp"), Component("mc_dropout"), Component("categorical"), FEATURES, CLASSES)
    assert spec.build().likelihood.task == "classification"
    with pytest.raises(Exception, match="categorical is for classification, not regression"):
        msgspec.structs.replace(spec, outputs=STANDARD).build()
