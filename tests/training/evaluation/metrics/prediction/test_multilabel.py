"""Sequences of independent labels: nats per observed step."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.specs import InputSpec, OutputSpec
from training import data
from training.data import Split
from training.evaluation.metrics.prediction import measure_predictor
from training.evaluation.predictor import PredictorEvaluation
from training.seeds import initialised

STEPS, KEYS = 6, 4


@pytest.fixture(scope="module")
def evaluation() -> PredictorEvaluation:
    """Chords of ten sequences, of which the last three steps of every other one are beyond the end."""
    names = tuple(f"key {i}" for i in range(KEYS))
    inputs = InputSpec("sequence", (STEPS, KEYS), low=0.0, high=1.0, names=names)
    outputs = OutputSpec("multilabel", names)
    x = torch.rand(10, STEPS, KEYS, generator=torch.Generator().manual_seed(0)).round()
    y = x.roll(-1, 1).clone()
    y[::2, 3:] = math.nan
    network = Component("recurrent", {"hidden": 8, "many": True})
    spec = PredictorSpec(network, Component("mc_dropout"), Component("bernoulli"), inputs, outputs)
    dataset = replace(data.load("curve"), inputs=inputs, outputs=outputs, test=Split(x, y), truth=None)
    return PredictorEvaluation(initialised(spec, 0), dataset, 3, 0)


def test_the_nll_is_that_of_the_mixture_of_joint_probabilities(evaluation: PredictorEvaluation) -> None:
    x, y = evaluation.dataset.test
    predictor = evaluation.predictor
    (drawn,) = predictor.conditionals(x, predictor.posterior.sample(0, 3))
    with torch.no_grad():
        joint = torch.distributions.Bernoulli(drawn.mean).log_prob(y.nan_to_num()).sum(-1)
    nll = math.log(3) - joint.logsumexp(0)
    seen = ~y.isnan().any(-1)
    assert int(seen.sum()) == 45
    assert measure_predictor(evaluation)["test_nll_nats"] == pytest.approx(float(nll[seen].mean()), rel=1e-5)


def test_without_draws_it_is_the_deterministic_pass(evaluation: PredictorEvaluation) -> None:
    alone = measure_predictor(replace(evaluation, samples=0))
    assert list(alone) == ["test_nll_nats"]
    assert measure_predictor(evaluation)["test_nll_nats_deterministic"] == alone["test_nll_nats"]
