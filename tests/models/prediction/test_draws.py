"""One answer however the draws are evaluated, and a trunk that provably runs once."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.networks.convnet import ConvNet
from models.networks.mlp import MLP
from models.networks.recurrent import Recurrent
from models.networks.segnet import SegNet
from models.posteriors.bayes_by_backprop import BayesByBackprop
from models.posteriors.mc_dropout import MCDropout
from models.prediction.draws import activation_bytes, count, evaluate, evaluate_in_chunks
from models.prediction.posterior import Posterior

MNIST = (1, 28, 28)
DIGITS = (1, 8, 8)


def posterior(kind: str) -> Posterior:
    torch.manual_seed(0)
    network = ConvNet(DIGITS, 10, channels=(4, 6), kernel=3, padding=1, hidden=16, conv_dropout=0.2)
    return MCDropout(network, DIGITS) if kind == "mc_dropout" else BayesByBackprop(network, DIGITS)


@pytest.fixture(params=["mc_dropout", "bayes_by_backprop"])
def chosen(request: pytest.FixtureRequest) -> Posterior:
    return posterior(request.param)


@torch.no_grad()
def test_vectorised_is_the_loop(chosen: Posterior) -> None:
    x, draws = torch.rand(5, *DIGITS), chosen.sample(0, 7)
    vectorised = evaluate(chosen.network, x, draws)
    assert vectorised.shape == (7, 5, 10)
    torch.testing.assert_close(vectorised, evaluate(chosen.network, x, draws, vectorise=False), rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_hand_written_mlp_with_the_masks() -> None:
    torch.manual_seed(0)
    plain = MLP((6,), 3, hidden=(16, 12), dropout=0.4, input_dropout=0.1)
    weights = [parameter.clone() for parameter in plain.parameters()]
    model = MCDropout(plain, (6,))
    x, draws = torch.randn(4, 6), model.sample(3, 9)
    outputs = evaluate(model.network, x, draws)
    at_input, first, second = (draws[site.name] for site in model.sites)
    for s in range(9):
        h = x * at_input[s]
        h = (h @ weights[0].T + weights[1]).clamp_min(0) * first[s]
        h = (h @ weights[2].T + weights[3]).clamp_min(0) * second[s]
        torch.testing.assert_close(outputs[s], h @ weights[4].T + weights[5], rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_hand_written_mlp_with_the_weights() -> None:
    torch.manual_seed(0)
    model = BayesByBackprop(MLP((6,), 3, hidden=(8,)), (6,), initial_rho=0.0)
    x, draws = torch.randn(4, 6), model.sample(3, 5)
    w1, b1, w2, b2 = (draws[name] for name, _ in model.network.named_parameters())
    outputs = evaluate(model.network, x, draws)
    for s in range(5):
        by_hand = (x @ w1[s].T + b1[s]).clamp_min(0) @ w2[s].T + b2[s]
        torch.testing.assert_close(outputs[s], by_hand, rtol=0, atol=1e-5)


@torch.no_grad()
def test_one_draw_is_the_first_of_several(chosen: Posterior) -> None:
    x, draws = torch.rand(3, *DIGITS), chosen.sample(0, 4)
    first = evaluate(chosen.network, x, {name: tensor[:1] for name, tensor in draws.items()})
    torch.testing.assert_close(first, evaluate(chosen.network, x, draws)[:1], rtol=0, atol=1e-5)


@torch.no_grad()
def test_no_draws_is_the_network_itself(chosen: Posterior) -> None:
    x = torch.rand(3, *DIGITS)
    assert torch.equal(evaluate(chosen.network, x, {}), chosen.network(x).unsqueeze(0))
    assert torch.equal(next(evaluate_in_chunks(chosen.network, x, {}, 1)), chosen.network(x).unsqueeze(0))


@pytest.mark.parametrize("vectorise", [True, False])
@pytest.mark.parametrize("draws_per_chunk", [1, 3, 7, 100])
@torch.no_grad()
def test_chunked_is_unchunked(chosen: Posterior, draws_per_chunk: int, vectorise: bool) -> None:
    x, draws = torch.rand(5, *DIGITS), chosen.sample(0, 10)
    with mock.patch("models.prediction.draws.CHUNK_BYTES", 1000 * len(x) * draws_per_chunk):
        chunks = list(evaluate_in_chunks(chosen.network, x, draws, 1000, vectorise=vectorise))
    assert [len(chunk) for chunk in chunks] == [len(part) for part in torch.arange(10).split(draws_per_chunk)]
    torch.testing.assert_close(torch.cat(chunks), evaluate(chosen.network, x, draws), rtol=0, atol=1e-5)


def test_memory_for_less_than_one_draw_still_takes_one(chosen: Posterior) -> None:
    x, draws = torch.rand(2, *DIGITS), chosen.sample(0, 3)
    assert len(list(evaluate_in_chunks(chosen.network, x, draws, 2**60))) == 3


@torch.no_grad()
def test_rows_do_not_mix(chosen: Posterior) -> None:
    x, draws = torch.rand(7, *DIGITS), chosen.sample(0, 6)
    together = evaluate(chosen.network, x, draws)
    alone = torch.cat([evaluate(chosen.network, row.unsqueeze(0), draws) for row in x], dim=1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def flops(network: nn.Module, x: Tensor, draws: dict[str, Tensor]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        evaluate(network, x, draws)
    return counter.get_total_flops()


def lenet_cost(conv_dropout: float) -> float:
    """Floating-point operations of 50 draws of LeNet on 8 images, in units of one pass."""
    model = MCDropout(ConvNet(MNIST, 10, conv_dropout=conv_dropout), MNIST)
    x = torch.rand(8, *MNIST)
    return flops(model.network, x, model.sample(0, 50)) / flops(model.network, x, {})


def test_fifty_draws_behind_a_deterministic_trunk_cost_hardly_more_than_one_pass() -> None:
    assert lenet_cost(conv_dropout=0.0) <= 1.3


def test_fifty_draws_behind_an_early_mask_cost_far_more() -> None:
    """The negative control: the counter sees what a trunk that runs once per draw costs."""
    assert lenet_cost(conv_dropout=0.5) > 10


def recurrent_cost(input_dropout: float, hidden_dropout: float) -> float:
    """Floating-point operations of 50 draws of an LSTM on 8 images, in units of one pass."""
    network = Recurrent(MNIST, 10, input_dropout=input_dropout, hidden_dropout=hidden_dropout)
    model, x = MCDropout(network, MNIST), torch.rand(8, *MNIST)
    return flops(model.network, x, model.sample(0, 50)) / flops(model.network, x, {})


def test_a_recurrence_without_a_mask_inside_runs_once() -> None:
    assert recurrent_cost(0.0, 0.0) <= 1.3


def test_the_inputs_share_of_the_gates_runs_once_if_only_the_state_is_masked() -> None:
    state_share = 128 / (128 + 28)
    assert recurrent_cost(0.0, 0.2) == pytest.approx(50 * state_share + 1 - state_share, rel=0.02)
    assert recurrent_cost(0.2, 0.2) == pytest.approx(50, rel=0.01)


def test_segnets_outer_encoder_runs_once() -> None:
    shape, channels, draws = (3, 24, 32), (8, 8, 8, 8), 50
    model = MCDropout(SegNet(shape, 5, channels), shape).eval()
    x = torch.rand(2, *shape)
    # Masks follow the third block: three convolutions of 7 x 7, each at half the sides of the one before, run once.
    pixels = 24 * 32
    trunk = 2 * 49 * 8 * len(x) * (3 * pixels + 8 * pixels // 4 + 8 * pixels // 16)
    once = flops(model.network, x, {})
    assert flops(model.network, x, model.sample(0, draws)) == pytest.approx(draws * (once - trunk) + trunk)


def test_count() -> None:
    assert count({}) == 0
    assert count({"a": torch.zeros(4, 2), "b": torch.zeros(4)}) == 4


def test_activation_bytes_counts_every_layer_once_and_leaves_no_hook() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    assert activation_bytes(network, (3,)) == 4 * (5 + 5 + 2)
    assert not any(module._forward_hooks for module in network.modules())


def test_activation_bytes_counts_every_part_of_an_output() -> None:
    """A recurrent layer answers with its steps, its last state and its last cell."""
    assert activation_bytes(nn.LSTM(3, 5, batch_first=True), (7, 3)) == 4 * (7 * 5 + 5 + 5)


def test_activation_bytes_does_not_move_the_statistics_of_normalisation() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    activation_bytes(network, (3,))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
