"""The whole predictive model: units, chunks and the statistics of its draws."""

from __future__ import annotations

import math
from unittest import mock

import msgspec
import pytest
import torch
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.errors import NonFiniteOutputError, UnknownComponentError
from models.prediction.draws import evaluate
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Uncertainty
from models.specs import InputSpec, OutputSpec

FEATURES = InputSpec("table", (3,), (1.0, 2.0, 3.0), (1.0, 0.5, 2.0))
STANDARD = OutputSpec("regression", ("a [mm]", "b [kg]"))
IN_UNITS = OutputSpec("regression", ("a [mm]", "b [kg]"), (150.0, -2.0), (70.0, 0.1))
CLASSES = OutputSpec("classification", ("no", "maybe", "yes"))
PIXELS = OutputSpec("segmentation", ("no", "maybe", "yes"))
IMAGE = InputSpec("image", (1, 9, 10))
SERIES = InputSpec("sequence", (6, 3), (1.0, 2.0, 3.0), (1.0, 0.5, 2.0))
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
        probs = evaluate(model.posterior.network, x, model.posterior.sample(7, 30)).softmax(-1).double()
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
    with mock.patch("models.prediction.predictor.CHUNK_BYTES", 1), mock.patch("models.prediction.draws.CHUNK_BYTES", 1):
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


def test_absurd_noise_stays_finite_and_an_infinite_output_is_an_error() -> None:
    model = predictor()
    bias = model.posterior.network.get_parameter("layers.4.bias")
    with torch.no_grad():
        bias.fill_(1e4)
    assert model.predict(rows()).aleatoric_variance.isfinite().all()
    with torch.no_grad():
        bias.fill_(float("inf"))
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
    with mock.patch("models.prediction.predictor.CHUNK_BYTES", 7 * draw_bytes):
        assert model.draw_block == 7
    assert model.draw_block == 50


def test_the_likelihood_must_be_of_the_outputs_task() -> None:
    spec = PredictorSpec(Component("mlp"), Component("mc_dropout"), Component("categorical"), FEATURES, CLASSES)
    assert spec.build().likelihood.task == "classification"
    with pytest.raises(Exception, match="categorical is for classification, not regression"):
        msgspec.structs.replace(spec, outputs=STANDARD).build()


def test_an_ensemble_answers_with_all_its_members_and_no_more() -> None:
    torch.manual_seed(0)
    three = Component("ensemble", {"members": 3})
    spec = PredictorSpec(Component("mlp", {"hidden": [8]}), three, Component("categorical"), FEATURES, CLASSES)
    model = spec.build()
    assert [model.available_samples(samples) for samples in (0, 2, 3, 50)] == [0, 2, 3, 3]
    with torch.no_grad():
        x = FEATURES.standardise(rows())
        probs = evaluate(model.posterior.network, x, model.posterior.sample(0, 3)).softmax(-1).double()
    for samples in (3, 50, 120):
        torch.testing.assert_close(model.predict(rows(), samples).mean, probs.mean(0))
    alone = model.predict(rows(), samples=0)
    torch.testing.assert_close(alone.mean, probs[0])
    assert alone.epistemic_variance is None


def test_samples_of_the_logits_noise_are_a_choice_of_the_request() -> None:
    model = predictor(CLASSES, "logit_normal")
    draws = model.posterior.sample(0, 5)
    with torch.inference_mode():
        few, same, usual = (
            torch.cat([part.mean for part in model.conditionals(rows(), draws, aleatoric_samples=count)])
            for count in (10, 10, None)
        )
    assert torch.equal(few, same)
    assert not torch.equal(few, usual)
    answer = model.predict(rows(), 5, aleatoric_samples=10)
    torch.testing.assert_close(answer.mean, few.double().mean(0), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("network", "inputs", "outputs", "positions"),
    [
        (Component("recurrent", {"hidden": 4}), SERIES, CLASSES, ()),
        (Component("recurrent", {"hidden": 4, "many": True}), SERIES, CLASSES, (6,)),
        (Component("segnet", {"channels": [2]}), IMAGE, PIXELS, (9, 10)),
    ],
)
def test_every_outcome_of_a_row_has_its_place(
    network: Component, inputs: InputSpec, outputs: OutputSpec, positions: tuple[int, ...]
) -> None:
    spec = PredictorSpec(network, Component("mc_dropout"), Component("categorical"), inputs, outputs)
    model = spec.build()
    assert model.positions == positions
    answer = model.predict(inputs.rows(inputs.example(2)), 5)
    assert answer.mean.shape == (2, *positions, 3)
    assert answer.predictive_entropy.shape == (2, *positions)


def test_units_come_back_at_every_step() -> None:
    def answer(outputs: OutputSpec) -> Uncertainty:
        torch.manual_seed(0)
        network = Component("recurrent", {"hidden": 4, "many": True})
        gaussian = Component("heteroscedastic_gaussian")
        spec = PredictorSpec(network, Component("mc_dropout"), gaussian, SERIES, outputs)
        return spec.build().predict(torch.ones(2, 6, 3), 5)

    raw, standard = answer(IN_UNITS), answer(STANDARD)
    scale = torch.tensor(IN_UNITS.scale).double()
    torch.testing.assert_close(raw.aleatoric_variance, standard.aleatoric_variance * scale.square())
    shift = math.log(70.0) + math.log(0.1)
    torch.testing.assert_close(raw.predictive_entropy, standard.predictive_entropy + shift, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("network", "outputs", "reason"),
    [
        ("mlp", PIXELS, "mlp gives one answer a row, not a segmentation"),
        ("segnet", CLASSES, "segnet gives one answer for"),
    ],
)
def test_a_class_for_every_pixel_takes_a_network_that_gives_one(network: str, outputs: OutputSpec, reason: str) -> None:
    with pytest.raises(UnknownComponentError, match=reason):
        PredictorSpec(Component(network), Component("mc_dropout"), Component("categorical"), IMAGE, outputs).build()
