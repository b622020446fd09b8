"""A draw is one set of masks."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from models.errors import ModelStructureError
from models.networks.convnet import ConvNet
from models.networks.mlp import MLP
from models.posteriors.mc_dropout import MCDropout
from models.prediction.draws import evaluate

DIGITS = (1, 8, 8)


def convnet(conv_dropout: float = 0.2) -> ConvNet:
    return ConvNet(DIGITS, 10, channels=(4, 6), kernel=3, padding=1, hidden=12, conv_dropout=conv_dropout)


def shapes(model: MCDropout) -> list[tuple[int, ...]]:
    return [site.shape for site in model.sites]


def test_every_dropout_is_a_mask_of_its_activations_shape() -> None:
    model = MCDropout(convnet(), DIGITS)
    assert shapes(model) == [(4, 4, 4), (6, 2, 2), (12,)]
    assert not any(isinstance(module, nn.Dropout) for module in model.modules())


def test_dropout_of_probability_zero_is_no_site() -> None:
    assert shapes(MCDropout(MLP((4,), 2, hidden=(3, 5), dropout=0.5), (4,))) == [(3,), (5,)]
    with pytest.raises(ModelStructureError, match="at least one"):
        MCDropout(MLP((4,), 2, dropout=0.0), (4,))


def test_whole_channels_share_a_mask() -> None:
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(108, 2))
    assert shapes(MCDropout(network, DIGITS)) == [(3, 1, 1)]


def test_a_dropout_with_two_names_is_two_sites() -> None:
    shared = nn.Dropout(0.5)
    network = nn.Sequential(nn.Linear(4, 6), shared, nn.Linear(6, 6), shared, nn.Linear(6, 2))
    model = MCDropout(network, (4,))
    assert [site.name for site in model.sites] == ["1.mask", "3.mask"]
    assert not any(isinstance(module, nn.Dropout) for module in model.modules())


class _Steps(nn.Module):
    """The same layer and the same dropout at each of three steps, or at two places of different width."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.dropout(layer(x))
        return x


def test_one_mask_serves_all_steps() -> None:
    model = MCDropout(_Steps((5, 5, 5, 5)), (5,))
    assert shapes(model) == [(5,)]
    dropped = model.sample(0, 1)["dropout.mask"][0] == 0
    assert dropped.any()
    assert not evaluate(model.network, torch.rand(3, 5), model.sample(0, 1))[0][:, dropped].any()


def test_one_mask_cannot_serve_two_widths() -> None:
    with pytest.raises(ModelStructureError, match="dropout is used on activations of different shapes"):
        MCDropout(_Steps((5, 5, 4)), (5,))


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.LSTM(4, 4, num_layers=2, dropout=0.5)),
        nn.GRU(4, 4, num_layers=2, dropout=0.1),
        nn.Sequential(nn.Linear(4, 4), nn.AlphaDropout(0.1)),
        nn.Sequential(nn.Linear(4, 4), nn.RReLU()),
        nn.Sequential(nn.Linear(4, 4), nn.MultiheadAttention(4, 2, dropout=0.1)),
    ],
    ids=lambda network: type(network[-1] if isinstance(network, nn.Sequential) else network).__name__,
)
def test_hidden_randomness_is_refused(network: nn.Module) -> None:
    with pytest.raises(ModelStructureError, match="draws random numbers inside"):
        MCDropout(network, (4,))


def test_one_mask_for_all_rows() -> None:
    torch.manual_seed(0)
    model = MCDropout(convnet(), DIGITS)
    row = torch.rand(1, *DIGITS)
    outputs = evaluate(model.network, row.expand(5, *DIGITS), model.sample(0, 4))
    torch.testing.assert_close(outputs, outputs[:, :1].expand_as(outputs), rtol=0, atol=1e-6)
    assert (outputs.std(0) > 1e-3).any()


def test_in_training_every_row_has_a_mask_of_its_own() -> None:
    model = MCDropout(convnet(), DIGITS)
    masks = {name: one for name, (one,) in model.sample_for_training(seed=0, step=3, rows=5).items()}
    assert [tuple(mask.shape) for mask in masks.values()] == [(5, 4, 4, 4), (5, 6, 2, 2), (5, 12)]
    assert len(masks["classifier.2.mask"].unique(dim=0)) > 1
    again, other = model.sample_for_training(0, 3, 5), model.sample_for_training(0, 4, 5)
    assert all(torch.equal(mask, again[name][0]) for name, mask in masks.items())
    assert not torch.equal(masks["classifier.2.mask"], other["classifier.2.mask"][0])


def test_the_mean_function_is_the_network_without_dropout() -> None:
    torch.manual_seed(0)
    network = convnet().eval()
    x = torch.rand(3, *DIGITS)
    expected = network(x)
    model = MCDropout(network, DIGITS)
    for mode in (True, False):
        torch.testing.assert_close(evaluate(model.train(mode).network, x, {})[0], expected)


def test_masks_leave_the_mean_of_a_linear_layer() -> None:
    torch.manual_seed(0)
    model = MCDropout(MLP((4,), 3, hidden=(8,), dropout=0.3), (4,))
    x = torch.rand(2, 4)
    outputs = evaluate(model.network, x, model.sample(0, 20_000))
    torch.testing.assert_close(outputs.mean(0), model.network(x), rtol=0, atol=0.02)


def test_learning_the_masks_shapes_moves_nothing() -> None:
    network = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 2)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    model = MCDropout(network, (4,))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items())


def test_masks_are_not_weights() -> None:
    torch.manual_seed(0)
    plain = convnet()
    names = set(plain.state_dict())
    assert set(MCDropout(plain, DIGITS).network.state_dict()) == names


def test_kl_is_the_weight_decay_of_the_paper() -> None:
    model = MCDropout(MLP((4,), 3, hidden=(8,)), (4,), length_scale=0.3)
    squares = sum(float(p.detach().square().sum()) for p in model.network.parameters())
    assert float(model.kl({}).detach()) == pytest.approx(0.3**2 / 2 * squares)
