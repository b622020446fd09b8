"""A draw is one member."""

from __future__ import annotations

import copy

import pytest
import torch
from rounding import ROUNDING
from torch import Tensor, nn
from torch.func import functional_call

from models.errors import ModelStructureError
from models.networks.mlp import MLP
from models.networks.recurrent import Recurrent
from models.posteriors.ensemble import Ensemble
from models.prediction.draws import evaluate

ROWS = (4,)


def ensemble(members: int = 3, dropout: float = 0.0) -> Ensemble:
    torch.manual_seed(0)
    return Ensemble(MLP(ROWS, 2, hidden=(8,), dropout=dropout), ROWS, members)


def member(model: Ensemble, index: int) -> MLP:
    network = MLP(ROWS, 2, hidden=(8,), dropout=0.0)
    network.load_state_dict({name: tensor[index] for name, tensor in model.network.state_dict().items()})
    return network


@torch.no_grad()
def test_draws_are_the_members_once_each_whatever_the_seed() -> None:
    model, x = ensemble(), torch.rand(5, *ROWS)
    outputs = evaluate(model.network, x, model.sample(0, 50))
    assert len(outputs) == model.max_samples == 3
    for i, output in enumerate(outputs):
        torch.testing.assert_close(output, member(model, i)(x))
    torch.testing.assert_close(evaluate(model.network, x, model.sample(9, 2)), outputs[:2], **ROUNDING)
    torch.testing.assert_close(evaluate(model.network, x, model.sample(9, 50, 1)), outputs[1:])


@torch.no_grad()
def test_without_draws_the_first_member_answers() -> None:
    model, x = ensemble(), torch.rand(5, *ROWS)
    torch.testing.assert_close(evaluate(model.network, x, model.mean_function())[0], member(model, 0)(x))


def test_the_first_member_is_the_network_and_the_others_begin_elsewhere() -> None:
    torch.manual_seed(0)
    network = MLP(ROWS, 2, hidden=(8,))
    before = copy.deepcopy(network.state_dict())
    model = Ensemble(network, ROWS, 4)
    for name, stacked in model.network.state_dict().items():
        assert torch.equal(stacked[0], before[name])
        assert len(stacked.unique(dim=0)) == 4


def test_initial_weights_of_a_networks_own_are_every_members() -> None:
    model = Ensemble(Recurrent((5, 3), 2, hidden=6), (5, 3), 3)
    bias = model.network.state_dict()["layers.0.input_gates.bias"]
    assert (bias[:, 6:12] == 1).all()
    assert len(bias.unique(dim=0)) == 3


class _OneNumber(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def test_members_that_would_all_be_alike_are_refused() -> None:
    with pytest.raises(ModelStructureError, match="reset_parameters method of _OneNumber"):
        Ensemble(_OneNumber(), ROWS)


def test_one_member_is_no_ensemble() -> None:
    with pytest.raises(ValueError, match="at least 2 members, not 1"):
        ensemble(members=1)


def test_all_members_are_trained_at_once_and_each_as_if_alone() -> None:
    model, x, y = ensemble(), torch.rand(16, *ROWS), torch.rand(16, 2)
    alone = [member(model, i) for i in range(3)]
    optimisers = [torch.optim.Adam(network.parameters(), 0.01) for network in (model, *alone)]
    for step in range(20):
        functions = model.sample_for_training(seed=1, step=step, rows=16)
        outputs = [evaluate(model.network, x, functions), *(network(x) for network in alone)]
        for output, optimiser in zip(outputs, optimisers, strict=True):
            optimiser.zero_grad()
            (output - y).square().mean(dim=(-2, -1)).mean().backward()
            optimiser.step()
    for i, network in enumerate(alone):
        torch.testing.assert_close(member(model, i)(x), network(x), rtol=1e-4, atol=1e-4)


def test_every_member_and_row_has_masks_of_its_own_in_training_and_none_afterwards() -> None:
    model = ensemble(dropout=0.5)
    functions = model.sample_for_training(seed=1, step=2, rows=6)
    mask = functions["layers.3.mask"]
    assert mask.shape == (3, 6, 8)
    assert len(mask.flatten(0, 1).unique(dim=0)) > 9
    assert torch.equal(model.sample_for_training(1, 2, 6)["layers.3.mask"], mask)
    assert not torch.equal(model.sample_for_training(1, 3, 6)["layers.3.mask"], mask)
    assert "layers.3.mask" not in model.sample(1, 3)


def test_statistics_of_normalisation_are_every_members_own_and_move_only_in_training() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    model, x = Ensemble(network, ROWS, 3).train(), torch.rand(16, *ROWS)
    evaluate(model.network, x, model.sample_for_training(0, 0, 16))
    state = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    assert state["1.num_batches_tracked"].tolist() == [1, 1, 1]
    assert len(state["1.running_mean"].unique(dim=0)) == 3
    evaluate(model.eval().network, x, model.sample(0, 3))
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.network.state_dict().items())


def test_the_decay_is_the_members_mean() -> None:
    model = ensemble()
    squares = [sum(float(p.detach().square().sum()) for p in member(model, i).parameters()) for i in range(3)]
    assert float(model.kl({}).detach()) == pytest.approx(0.1**2 / 2 * sum(squares) / 3, rel=1e-5)


def test_a_trained_member_can_be_taken_out() -> None:
    model, x = ensemble(), torch.rand(2, *ROWS)
    one = {name: tensor[1] for name, tensor in model.sample(0, 3).items()}
    torch.testing.assert_close(functional_call(model.network, one, (x,)), member(model, 1)(x))
