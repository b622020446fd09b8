"""The laws that every network x posterior x likelihood keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest
import torch
from conformance.cases import (
    DRAWN,
    PREDICTORS,
    check_it_learns,
    fit,
    fitted,
    predictor,
    predictor_spec,
    rows,
    saved_and_loaded,
    targets,
)
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from models.checkpoints.selftest import verify
from models.posteriors import POSTERIORS
from models.posteriors.bayes_by_backprop import BayesByBackprop
from models.posteriors.swag import SWAG
from models.prediction.draws import evaluate
from models.prediction.posterior import Posterior
from models.prediction.predictor import Predictor
from models.prediction.uncertainty import Uncertainty

FIELDS = tuple(Uncertainty.__dataclass_fields__)
EPISTEMIC = ("epistemic_variance", "total_variance", "mutual_information", "standard_error")
SEED = 2**40 + 5


@pytest.fixture(params=PREDICTORS, ids="-".join)
def parts(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    names: tuple[str, str, str] = request.param
    return names


@pytest.fixture(params=DRAWN, ids="-".join)
def drawn(request: pytest.FixtureRequest) -> Predictor:
    """One that has draws."""
    return predictor(*request.param)


@pytest.fixture
def model(parts: tuple[str, str, str]) -> Predictor:
    return predictor(*parts)


def assert_same(a: Uncertainty, b: Uncertainty, tolerance: float = 0.0) -> None:
    for name in FIELDS:
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=tolerance, atol=tolerance, msg=name)


def some(answer: Uncertainty, picked: list[int]) -> Uncertainty:
    values = {name: getattr(answer, name) for name in FIELDS}
    return Uncertainty(**{name: value if value is None else value[picked] for name, value in values.items()})


def test_a_seed_repeats_its_answer(model: Predictor) -> None:
    assert_same(model.predict(rows(), 12, SEED), model.predict(rows(), 12, SEED))


@pytest.mark.parametrize("other", [SEED + 1, SEED - 2**40, SEED + 2**63])
def test_another_seed_has_another_answer_unless_all_draws_are_known(model: Predictor, other: int) -> None:
    changed = model.predict(rows(), 12, SEED).mean != model.predict(rows(), 12, other).mean
    assert changed.any() == (model.posterior.max_samples is None)


def test_every_field_has_its_shape(model: Predictor) -> None:
    answer = model.predict(rows(), 12, SEED)
    outcomes = (7, *model.positions)
    for name in FIELDS:
        if model.posterior.max_samples == 0 and name in EPISTEMIC:
            assert getattr(answer, name) is None, name
            continue
        if name == "skew" and model.likelihood.conformal_method == "conformal":
            assert answer.skew is None
            continue
        entropy = name.endswith("entropy") or name == "mutual_information"
        assert getattr(answer, name).shape == (outcomes if entropy else (*outcomes, model.outputs.size)), name


def test_no_more_draws_than_there_are(model: Predictor) -> None:
    available = model.available_samples(60)
    assert available == (60 if model.posterior.max_samples is None else model.posterior.max_samples)
    assert_same(model.predict(rows(), 60, SEED), model.predict(rows(), available, SEED))


def test_predicting_reads_and_moves_nothing_but_its_seed(model: Predictor) -> None:
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    first = model.predict(rows(), 12, SEED)
    assert torch.equal(torch.get_rng_state(), generator)
    torch.rand(3)
    assert_same(model.predict(rows(), 12, SEED), first)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_a_row_does_not_depend_on_its_neighbours_or_its_place(model: Predictor) -> None:
    together = model.predict(rows(), 12, SEED)
    for i in range(7):
        assert_same(model.predict(rows()[i : i + 1], 12, SEED), some(together, [i]), 1e-4)
    order = [6, 0, 3, 3, 1]
    assert_same(model.predict(rows()[order], 12, SEED), some(together, order), 1e-4)


def test_more_draws_begin_with_the_fewer(drawn: Predictor) -> None:
    all_of_them = drawn.available_samples(60)
    few, many = drawn.posterior.sample(SEED, 3), drawn.posterior.sample(SEED, 60)
    late = drawn.posterior.sample(SEED, 60, all_of_them - 2)
    for name, draws in many.items():
        assert len(draws) == all_of_them
        assert torch.equal(few[name], draws[:3])
        assert torch.equal(late[name], draws[-2:])


def test_vectorised_is_the_loop(model: Predictor) -> None:
    x, draws = model.inputs.standardise(rows()), model.posterior.sample(SEED, 6)
    network = model.posterior.network
    with torch.inference_mode():
        vectorised, loop = (evaluate(network, x, draws, vectorise=choice) for choice in (True, False))
    assert vectorised.shape == (max(1, model.available_samples(6)), 7, *model.positions, model.likelihood.outputs)
    torch.testing.assert_close(vectorised, loop, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 12, 53])
def test_chunked_is_unchunked(model: Predictor, samples: int) -> None:
    whole = model.predict(rows(), samples, SEED)
    with mock.patch("models.prediction.predictor.CHUNK_BYTES", 1), mock.patch("models.prediction.draws.CHUNK_BYTES", 1):
        assert_same(model.predict(rows(), samples, SEED), whole, 1e-4)


def test_the_parts_add_up(drawn: Predictor) -> None:
    answer = drawn.predict(rows(), 50, SEED)
    assert answer.epistemic_variance is not None
    assert answer.mutual_information is not None
    total = answer.aleatoric_variance + answer.epistemic_variance
    torch.testing.assert_close(answer.total_variance, total, rtol=0, atol=1e-6)
    entropy = answer.expected_entropy + answer.mutual_information
    torch.testing.assert_close(answer.predictive_entropy, entropy, rtol=0, atol=1e-6)
    assert (answer.epistemic_variance > 0).any()


def test_no_samples_is_the_mean_function_whatever_the_seed(model: Predictor) -> None:
    answer = model.predict(rows(), 0, SEED)
    assert all(getattr(answer, name) is None for name in EPISTEMIC)
    assert_same(model.predict(rows(), 0, SEED + 1), answer)


def test_what_is_loaded_answers_as_what_was_saved(
    parts: tuple[str, str, str], model: Predictor, tmp_path: Path
) -> None:
    checkpoint = saved_and_loaded(predictor_spec(*parts), model, tmp_path)
    verify(checkpoint)
    assert isinstance(checkpoint.model, Predictor)
    for samples in (0, 12):
        assert_same(checkpoint.model.predict(rows(), samples, SEED), model.predict(rows(), samples, SEED))


def test_training_reaches_every_weight(parts: tuple[str, str, str]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)  # else the initial weights depend on the tests before
        model = predictor_spec(*parts).build().train()
    x, posterior, likelihood = model.inputs.standardise(rows()), model.posterior, model.likelihood
    functions = posterior.sample_for_training(SEED, step=3, rows=7)
    cost = likelihood.cost(
        evaluate(posterior.network, x, functions), targets(model), likelihood.sample_noise(SEED, step=3)
    )
    assert cost.shape[1:] == (7, *model.positions)
    assert not cost[:, 0].any(), "what was not observed costs nothing"
    assert likelihood.observed(targets(model)).reshape(7, -1).any(1).tolist() == [False, *[True] * 6]
    loss = cost.mean() + 1e-3 * posterior.kl(functions)
    loss.backward()
    assert loss.isfinite()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    again = posterior.sample_for_training(SEED, step=3, rows=7)
    assert all(torch.equal(tensor, again[name]) for name, tensor in functions.items())


def test_a_fit_learns(parts: tuple[str, str, str]) -> None:
    fit = fitted(*parts)
    check_it_learns(fit)
    assert sum(fit.losses[-10:]) < sum(fit.losses[:10])


class NeverCollects(SWAG):
    """A SWAG that takes no iterate: it has nothing to draw from."""

    def after_epoch(self, progress: float) -> None:
        pass


class DrawsAroundTheStart(SWAG):
    """A SWAG that takes no iterate, and draws around the initial weights all the same."""

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...]) -> None:
        super().__init__(network, input_shape)
        self.collected.fill_(2)
        self.mean.copy_(parameters_to_vector(network.parameters()))
        self.variance.fill_(1e-4)

    def after_epoch(self, progress: float) -> None:
        pass


class NeverMoves(BayesByBackprop):
    """A Bayes by Backprop that draws around the initial weights, wherever training has moved the means."""

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...]) -> None:
        super().__init__(network, input_shape)
        self.start = {name: weight.detach().clone() for name, weight in network.named_parameters()}

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: self.start[name] + deviation * noise[name] for name, deviation in self.deviations().items()}


class AllAlike(BayesByBackprop):
    """A Bayes by Backprop whose draws are all its mean."""

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return super().transform_noise({name: torch.zeros_like(part) for name, part in noise.items()})


@pytest.mark.parametrize(
    ("posterior", "broken"),
    [
        (NeverCollects, "a fit has to leave draws"),
        (DrawsAroundTheStart, "nats before the fit"),
        (NeverMoves, "nats before the fit"),
        (AllAlike, "draws have to differ"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_posterior_that_learns_nothing_is_caught(
    posterior: type[Posterior], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: these keep all the other laws."""
    monkeypatch.setitem(POSTERIORS, "planted", posterior)
    with pytest.raises(AssertionError, match=broken):
        check_it_learns(fit(predictor_spec("mlp", "planted", "categorical")))
