"""The LSTM against PyTorch's own, its masks and its two kinds of answer."""

from __future__ import annotations

import pytest
import torch
from rounding import ROUNDING
from torch import Tensor, nn

from models.networks.recurrent import Recurrent
from models.posteriors.mc_dropout import MCDropout
from models.prediction.draws import evaluate

SERIES = (6, 3)


def recurrent(many: bool = False, layers: int = 2, dropout: float = 0.0) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(SERIES, 2, 5, layers, many, dropout, dropout, dropout)


def by_pytorch(network: Recurrent, x: Tensor) -> Tensor:
    """The same weights in ``nn.LSTM``, whose gates are input, forget, candidate and output."""
    lstm = nn.LSTM(3, 5, len(network.layers), batch_first=True)

    def reordered(gates: Tensor) -> Tensor:
        enter, keep, show, candidate = gates.detach().chunk(4)
        return torch.cat([enter, keep, candidate, show])

    with torch.no_grad():
        for i, layer in enumerate(network.layers):
            lstm.get_parameter(f"weight_ih_l{i}").copy_(reordered(layer.input_gates.weight))
            lstm.get_parameter(f"weight_hh_l{i}").copy_(reordered(layer.hidden_gates.weight))
            lstm.get_parameter(f"bias_ih_l{i}").copy_(reordered(layer.input_gates.bias))
            lstm.get_parameter(f"bias_hh_l{i}").zero_()
    states: Tensor = lstm(x)[0]
    return network.last(states)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_it_is_an_lstm(layers: int) -> None:
    network, x = recurrent(many=True, layers=layers), torch.randn(4, *SERIES)
    torch.testing.assert_close(network(x), by_pytorch(network, x))


def test_an_answer_at_every_step_ends_with_the_answer_after_the_last() -> None:
    every, last = recurrent(many=True), recurrent(many=False)
    x = torch.randn(4, *SERIES)
    assert every(x).shape == (4, 6, 2)
    torch.testing.assert_close(every(x)[:, -1], last(x), **ROUNDING)


def test_an_answer_does_not_depend_on_later_steps() -> None:
    network, x = recurrent(many=True), torch.randn(4, *SERIES)
    torch.testing.assert_close(network(x)[:, :3], network(x[:, :3]))


@pytest.mark.parametrize("many", [True, False])
def test_a_shorter_sequence_is_answered_as_if_it_were_alone(many: bool) -> None:
    network, x = recurrent(many, dropout=0.2), torch.randn(4, *SERIES)
    padded = x.clone()
    padded[1, 4:] = padded[3, 1:] = torch.nan
    posterior = MCDropout(network, SERIES)
    draws = posterior.sample(0, 5)
    together = evaluate(posterior.network, padded, draws)
    torch.testing.assert_close(together[:, ::2], evaluate(posterior.network, x[::2], draws), **ROUNDING)
    for row, length in ((1, 4), (3, 1)):
        alone = evaluate(posterior.network, x[row : row + 1, :length], draws)[:, 0]
        answer = together[:, row, :length] if many else together[:, row]
        torch.testing.assert_close(answer, alone, **ROUNDING)
    assert not many or not bool(together[:, 3, 1:].any())


def test_an_image_is_read_row_by_row() -> None:
    torch.manual_seed(0)
    image, series = Recurrent((2, 6, 3), 4, 5), Recurrent((6, 6), 4, 5)
    series.load_state_dict(image.state_dict())
    x = torch.randn(3, 2, 6, 3)
    rows = torch.stack([torch.cat([x[:, 0, i], x[:, 1, i]], -1) for i in range(6)], 1)
    torch.testing.assert_close(image.eval()(x), series.eval()(rows), **ROUNDING)


def test_the_forget_gate_is_open_at_first() -> None:
    network = recurrent()
    for layer in network.layers:
        assert (layer.input_gates.bias[5:10] == 1).all()
        assert (layer.input_gates.bias[:5].abs() < 0.5).all()


@pytest.mark.parametrize("many", [False, True])
def test_one_mask_serves_all_steps(many: bool) -> None:
    model = MCDropout(recurrent(many, dropout=0.5), SERIES)
    assert {site.name: site.shape for site in model.sites} == {
        "layers.0.input_dropout.mask": (3,),
        "layers.0.hidden_dropout.mask": (5,),
        "layers.1.input_dropout.mask": (5,),
        "layers.1.hidden_dropout.mask": (5,),
        "dropout.mask": (5,),
    }


def test_a_masked_feature_is_gone_at_every_step() -> None:
    model = MCDropout(recurrent(dropout=0.5), SERIES)
    draws = {name: torch.ones_like(mask) for name, mask in model.sample(0, 1).items()}
    draws["layers.0.input_dropout.mask"][0, 1] = 0
    x = torch.randn(4, *SERIES)
    without = x.clone()
    without[..., 1] = 0
    torch.testing.assert_close(evaluate(model.network, x, draws)[0], evaluate(model.network, without, {})[0])


def test_a_masked_output_unit_is_gone_at_every_step() -> None:
    model = MCDropout(recurrent(many=True, dropout=0.5), SERIES)
    draws = {name: torch.ones_like(mask) for name, mask in model.sample(0, 1).items()}
    draws["dropout.mask"][0, 2] = 0
    x = torch.randn(4, *SERIES)
    masked = evaluate(model.network, x, draws)[0]
    with torch.no_grad():
        model.network.get_parameter("last.weight")[:, 2] = 0
    torch.testing.assert_close(masked, evaluate(model.network, x, {})[0])


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3, 4)])
def test_what_is_no_sequence_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"steps, features"):
        Recurrent(shape, 2)
    with pytest.raises(ValueError, match=r"0 layers"):
        Recurrent(SERIES, 2, layers=0)
