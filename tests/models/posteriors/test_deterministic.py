"""The network itself is the only function."""

from __future__ import annotations

import pytest
import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.errors import ModelStructureError
from models.networks.mlp import MLP
from models.posteriors.deterministic import Deterministic
from models.prediction.draws import evaluate
from models.prediction.predictor import Predictor
from models.specs import InputSpec, OutputSpec

ROWS = (4,)


def deterministic(dropout: float = 0.5) -> Deterministic:
    torch.manual_seed(0)
    return Deterministic(MLP(ROWS, 2, hidden=(8,), dropout=dropout), ROWS)


def test_there_is_nothing_to_draw() -> None:
    model = deterministic()
    assert model.max_samples == 0
    assert model.sample(0, 50) == {}
    assert model.sites == ()


def test_an_answer_has_no_epistemic_part() -> None:
    spec = PredictorSpec(
        Component("mlp", {"hidden": [8]}),
        Component("deterministic"),
        Component("homoscedastic_gaussian"),
        InputSpec("table", ROWS, (0.0,), (1.0,)),
        OutputSpec("regression", ("y",), (0.0,), (1.0,)),
    )
    answer = spec.build().predict(torch.rand(3, *ROWS), samples=50)
    assert isinstance(spec.build(), Predictor)
    assert (answer.aleatoric_variance > 0).all()
    assert answer.epistemic_variance is answer.mutual_information is answer.standard_error is None


def test_dropout_is_for_training_alone_with_masks_of_every_rows_own() -> None:
    model, x = deterministic(), torch.rand(6, *ROWS)
    functions = model.sample_for_training(seed=1, step=2, rows=6)
    (mask,) = functions.values()
    assert mask.shape == (1, 6, 8)
    assert not torch.equal(evaluate(model.network, x, functions)[0], model.network(x))
    assert torch.equal(model.network(x), evaluate(model.network, x, model.sample(1, 5))[0])


def test_a_network_without_dropout_will_do() -> None:
    assert deterministic(dropout=0.0).sample_for_training(0, 0, 6) == {}


def test_the_decay_is_the_priors() -> None:
    model = Deterministic(MLP(ROWS, 2, hidden=(8,)), ROWS, length_scale=0.3)
    squares = sum(float(p.detach().square().sum()) for p in model.network.parameters())
    assert float(model.kl({}).detach()) == pytest.approx(0.3**2 / 2 * squares)


def test_it_starts_from_a_trained_network_of_the_same_sizes() -> None:
    trained, model = MLP(ROWS, 2, hidden=(8,)), deterministic()
    model.initialise_from(trained)
    assert all(torch.equal(p, trained.get_parameter(name)) for name, p in model.network.named_parameters())
    with pytest.raises(ModelStructureError, match="other names or shapes"):
        model.initialise_from(MLP(ROWS, 2, hidden=(9,)))
