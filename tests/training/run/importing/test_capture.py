"""Networks of strangers, taken apart: each answers as it did, and its dropouts are data."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import foreign_networks
import numpy as np
import onnx
import pytest
import torch
from foreign_networks import (
    Convolution1d,
    Functional,
    Recurrent,
    ResNet,
    Shared,
    TimeFirstAttention,
    TwoHeads,
    UNet,
    UnrolledGRU,
    VisionTransformer,
    Without,
)
from torch import Tensor, nn
from torch.nn import functional as F

from models.graphs import Session, check_graph
from models.noise import draw_noise
from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.example_rows import far_noise
from training.run.export.graph import OPSET
from training.run.importing.capture import CapturedModule, capture
from training.run.importing.check import TOLERANCE, check_capture, evaluate_network, run_graph
from training.run.importing.heads import Outputs, arrange

_DRAWS = 2000


@dataclass(frozen=True)
class Case:
    """A network, the shape of a row, and what is found in it."""

    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]
    sites: dict[str, tuple[int, ...]]
    positions: tuple[int, ...] = ()


def at(text: str) -> str:
    """The name of a dropout on the last line that has a text."""
    lines = Path(foreign_networks.__file__).read_text().splitlines(keepends=True)
    return f"foreign_networks.py:{max(i for i, line in enumerate(lines, 1) if text in line)}"


CASES = {
    "residual": Case(
        lambda: ResNet((4, 8), 1, 3, 0.2),
        (3, 16, 16),
        {"layers.0.dropout": (4, 4, 4), "layers.1.dropout": (8, 2, 2)},
    ),
    "unet": Case(UNet, (1, 8, 8), {"middle.3": (8, 1, 1)}, (8, 8)),
    "vision transformer": Case(
        VisionTransformer,
        (1, 8, 8),
        {
            "dropout": (5, 8),
            **{
                f"encoder.layers.{i}.{name}": shape
                for i in range(2)
                for name, shape in {
                    "self_attn": (2, 5, 5),
                    "dropout1": (5, 8),
                    "dropout": (5, 16),
                    "dropout2": (5, 8),
                }.items()
            },
        },
    ),
    "attention": Case(
        TimeFirstAttention,
        (5, 4),
        {"attention": (2, 5, 5), "attention#2": (2, 5, 5), at("with_weights + without"): (5, 4)},
    ),
    "1-D convolution": Case(Convolution1d, (2, 6), {"layers.3": (6, 1)}, (6,)),
    "unrolled GRU": Case(UnrolledGRU, (3, 3), {"dropout": (6,), "dropout#2": (6,), "dropout#3": (6,)}),
    "two heads": Case(TwoHeads, (4,), {"trunk.2": (16,)}),
    "functional": Case(
        Functional, (4,), {at("0.2, self.training)"): (8,), at("inplace=True)\n"): (8,), at("bernoulli_"): (1,)}
    ),
    "shared": Case(Shared, (4,), {"drop": (8,), "drop#2": (8,)}),
    "recurrent": Case(Recurrent, (5, 3), {"drop": (5, 6), "drop#2": (4,)}),
    "without": Case(Without, (4,), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_graph_answers_as_ordinary_dropout_does(name: str) -> None:
    case = CASES[name]
    network = trained(case.build())
    captured = capture(network, case.input_shape)
    assert {site.name: site.shape for site in captured.sites} == case.sites
    assert captured.outputs.positions == case.positions
    assert check_graph(captured.graph) == OPSET
    assert check_capture(network, captured, rows_of(case.input_shape)) <= TOLERANCE
    assert not any(module.training for module in network.modules())
    assert_equal_in_distribution(network, captured, case.input_shape)


def rows_of(input_shape: tuple[int, ...]) -> Tensor:
    return torch.randn(3, *input_shape, generator=torch.Generator().manual_seed(0))


def trained(network: nn.Module) -> nn.Module:
    """A network of which no two layers, nor the statistics of any, are what they were made as."""
    generator = torch.Generator().manual_seed(1)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.add_(torch.rand(buffer.shape, generator=generator))
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * parameter.abs().mean().clamp_min(0.1)
    return network.eval()


@torch.no_grad()
def assert_equal_in_distribution(network: nn.Module, captured: CapturedModule, input_shape: tuple[int, ...]) -> None:
    """Means and variances of 2000 draws are within 4 standard errors of those of 2000 passes."""
    row = torch.randn(1, *input_shape, generator=torch.Generator().manual_seed(2))
    draws = draw_noise([site.noise for site in captured.sites], 3, _DRAWS)
    if not draws:
        return
    ours, _ = run_graph(Session(captured.graph, row.device), row, draws, [0] * _DRAWS, list(range(_DRAWS)))
    ours, theirs = ours.double(), ordinary_dropout(network, captured, row).double()
    for power in (1, 2):
        mine, other = (values if power == 1 else (values - values.mean(0)) ** 2 for values in (ours, theirs))
        error = ((mine.var(0) + other.var(0)) / _DRAWS).sqrt()
        assert ((mine.mean(0) - other.mean(0)).abs() <= 4 * error + 1e-7).all()
    assert ours.var(0).max() > 1e-4


def ordinary_dropout(network: nn.Module, captured: CapturedModule, row: Tensor) -> Tensor:
    """Outputs ``(S, *positions, outputs)`` of passes in training mode, with all normalisation in evaluation mode."""
    torch.manual_seed(4)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.utils.parametrize.ParametrizationList):
            module.eval()
    results = network(row.expand(_DRAWS, *row.shape[1:]).clone())
    network.eval()
    tensors = list(results.values()) if isinstance(results, dict) else [results]
    return arrange(tensors, captured.function.heads)


class Refused(nn.Module):
    """A network that computes one thing."""

    def __init__(self, compute: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.compute, self.head = compute, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Any:
        return self.compute(self.head(x))


def branch(x: Tensor) -> Tensor:
    return x if x.sum() > 0 else -x


def rows_as_constant(x: Tensor) -> Tensor:
    return x.reshape(len(x), 2)


def noise(x: Tensor) -> Tensor:
    return x + torch.randn_like(x)


def drop_weight(x: Tensor) -> Tensor:
    return x @ F.dropout(torch.ones(2, 2), 0.5)


def cast(x: Tensor) -> Tensor:
    with torch.autocast("cpu"):
        return F.dropout(x, 0.5).float()


def drawn_by_python(x: Tensor) -> Tensor:
    return x if random.random() < 0.5 else 2 * x


_GENERATOR = np.random.default_rng(0)


def leave(_x: Tensor) -> Tensor:
    raise SystemExit(3)


class OfBuffer(Refused):
    """A network whose probability is a buffer."""

    def __init__(self) -> None:
        super().__init__(lambda x: F.dropout(x, float(self.rate), self.training))
        self.register_buffer("rate", torch.tensor(0.3))


@dataclass
class Spread:
    """Two tensors as people return them."""

    mean: Tensor
    log_var: Tensor


REFUSALS = {
    "data class": (
        Refused(lambda x: Spread(x, x)),
        r"^forward returns an object of Spread: return .* as \{'mean': ..., 'log_var': ...\}$",
    ),
    "distribution": (
        Refused(lambda x: torch.distributions.Normal(x, x.exp())),
        r"^forward returns an object of Normal: return its tensors \(loc, scale\) in its place",
    ),
    "buffer": (
        OfBuffer(),
        r"^test_capture.py, line .*: a number is read out of a weight or buffer here",
    ),
    "random branch": (
        Refused(lambda x: x if torch.rand([]) < 0.5 else -x),
        r"^test_capture.py, line .*: a random number decides here what runs, which a graph would freeze",
    ),
    "length": (
        Refused(lambda x: torch.stack(list(x))),
        r"^test_capture.py, line \d+ \(Refused\(lambda x: torch.stack.*: the network makes the number",
    ),
    "selection": (
        Refused(lambda x: x[x[:, 0] > 0]),
        r"^test_capture.py, line .*: how many values there are",
    ),
    "bag": (
        Refused(lambda x: F.embedding_bag(x.long() % 5, torch.ones(5, 2))),
        r"^test_capture.py, line .*: the network becomes a loop, which no graph may have: use nn.Embedding",
    ),
    "random of Python": (
        Refused(drawn_by_python),
        r"^test_capture.py, line \d+ \(return x if random.random.*\): random numbers of Python are drawn",
    ),
    "random of NumPy": (
        Refused(lambda x: x * np.random.uniform(0.5, 1)),
        r"line .*: random numbers of NumPy are drawn",
    ),
    "own generator": (Refused(lambda x: x * _GENERATOR.random()), r"line .*: random numbers of NumPy"),
    "unseeded": (
        Refused(lambda x: x * np.random.default_rng().random()),
        r"line .*: random numbers of Python or NumPy",
    ),
    "exit": (Refused(leave), r"^test_capture.py, line \d+ \(raise SystemExit\(3\)\): .*: it raises SystemExit\(3\)$"),
    "control flow": (
        Refused(branch),
        r"^test_capture.py, line \d+ \(return x if x.sum\(\) > 0 else -x\): what runs here depends on the values",
    ),
    "constant": (Refused(rows_as_constant), "makes the number of rows a constant, as len\\(\\) of a tensor"),
    "noise": (
        Refused(noise),
        r"^test_capture.py, line \d+ \(.*\): the network draws random numbers \(randn_like\).* use nn.Dropout, or for",
    ),
    "weight": (Refused(drop_weight), r"drops a tensor \(2, 2\) without an axis of rows"),
    "NumPy": (Refused(lambda x: torch.tensor(x.detach().numpy())), "NumPy computes here.*: use torch$"),
    "batch norm": (
        nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 2)),
        r"^1 \(BatchNorm1d\) normalises by the statistics of the batch.*GroupNorm$",
    ),
    "alpha": (
        nn.Sequential(nn.AlphaDropout(0.1), nn.Linear(4, 2)),
        r"^0 \(AlphaDropout\) is alpha dropout.*nn.Dropout$",
    ),
    "all": (nn.Sequential(nn.Dropout(1.0), nn.Linear(4, 2)), "^0 drops with probability 1, which leaves nothing"),
    "shape": (nn.Linear(3, 2), r"^the network does not take 7 rows of shape \(4,\): mat1 and mat2 shapes"),
    "rows": (Refused(lambda x: x.sum(0)), r"result \(2\) does not have the rows as its first axis"),
    "results": (Refused(lambda x: (x, x, x)), r"returns result 1 \(rows, 2\), .*: return one tensor"),
    "nested": (Refused(lambda x: (x, (x, x))), "returns result 2 inside a tuple: return a tensor, or two in a tuple"),
    "integers": (Refused(lambda x: x.argmax(-1)), r"the network's result is int64: return logits or means$"),
    "names": (Refused(lambda x: {"logits": x, "auxiliary": x}), "logits and auxiliary, of which none says"),
    "numbers": (nn.Linear(4, 2).bfloat16(), r"^the network's weights are bfloat16: call float\(\) on it$"),
    "context": (Refused(cast), r"draws random numbers inside a context such as torch.autocast"),
    "operator": (
        Refused(lambda x: torch.linalg.svdvals(x.unsqueeze(1))),
        r"^test_capture.py, line .*: ONNX has no operator for _linalg_svd: compute it from others, or leave it out$",
    ),
    "positive": (Refused(lambda x: (x, x.exp() + 1e-3)), "result 2 is always positive, so it is no log-variance"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_data_is_refused_in_one_line(name: str) -> None:
    network, message = REFUSALS[name]
    with pytest.raises(ImportModelError, match=message) as refused:
        capture(network.eval(), (4,))
    assert "\n" not in str(refused.value)


def test_dropout_between_the_layers_of_an_lstm_is_refused() -> None:
    with pytest.raises(
        ImportModelError,
        match=r"^foreign_networks.py, line .*\): lstm \(LSTM\) drops between its layers.* nn.Dropout between$",
    ):
        capture(Recurrent(2, 0.3), (5, 3))


def test_a_network_of_which_rows_depend_on_each_other_is_refused() -> None:
    network = Refused(lambda x: x - x.mean(0))
    captured = capture(network, (4,))
    with pytest.raises(ImportModelError, match=r"^a row's answer depends on the rows beside it"):
        check_capture(network, captured, rows_of((4,)))


def one_row(x: Tensor) -> Tensor:
    return x * 2 if x.shape[0] == 1 else x


def swallowed(x: Tensor) -> Tensor:
    try:
        return -x if bool((x > 3).any()) else x
    except RuntimeError:
        return x


class Stateful(Refused):
    """A network that counts its calls."""

    calls = 0

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        return super().forward(x) * self.calls


class NeverEvaluated(Refused):
    """A network whose dropout acts in evaluation mode, by a mode of its own."""

    def train(self, mode: bool = True) -> NeverEvaluated:
        super().train(mode)
        self.drop.train()
        return self

    def __init__(self) -> None:
        super().__init__(nn.Dropout(0.5))
        self.drop = self.compute


OTHERWISE = {
    "one row": (
        Refused(one_row),
        r"^test_capture.py, line \d+ \(return x \* 2 if x.shape.*\): 1 row is",
    ),
    "swallowed": (Refused(swallowed), r"^test_capture.py, line .*: what runs here depends on the values of a row"),
    "large neighbours": (
        Refused(lambda x: x + F.relu(x.abs().max() - 4)),
        "^a row's answer depends on the rows beside it",
    ),
    "state": (Stateful(lambda x: x), "^the network answers otherwise when it is asked again, by"),
    "always": (
        Refused(lambda x: F.dropout(x, 0.5)),
        r"^test_capture.py, line .*: this drops in evaluation",
    ),
    "mode": (NeverEvaluated(), r"^compute is in training mode after eval\(\), as a train\(\) of the network's own"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_the_graph_would_freeze_is_refused_by_a_comparison(name: str) -> None:
    network, message = OTHERWISE[name]
    network = trained(network)
    far = far_noise(InputSpec("table", (4,)))
    with pytest.raises(ImportModelError, match=message):
        check_capture(network, capture(network, (4,)), rows_of((4,)), far)


def test_a_network_that_is_another_one_in_training_is_refused() -> None:
    network = Refused(lambda x: x)
    network.compute = lambda x: x * 2 if network.training else x
    with pytest.raises(ImportModelError, match=r"^test_capture.py, line .*: without dropout the network answers"):
        check_capture(network, capture(network, (4,)), rows_of((4,)))


def test_probabilities_are_changed_and_dropouts_added_by_name() -> None:
    network = Shared().eval()
    wanted = {"drop": 0.4, "drop#2": 0.0, "none": 0.1, "first": 0.2, "before:third": 0.25}
    captured = capture(network, (4,), wanted)
    assert {site.name: (site.shape, site.probability) for site in captured.sites} == {
        "first": ((8,), 0.2),
        "drop": ((8,), 0.4),
        "none": ((8,), 0.1),
        "before:third": ((8,), 0.25),
    }
    assert check_capture(network, captured, rows_of((4,))) <= TOLERANCE


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"drip": 0.2}, r"^dropout drip: .*; did you mean 'drop'\?; its dropouts are drop, drop#2, none; any module's"),
        ({"before:thrid": 0.2}, "^dropout before:thrid: the network has no such dropout or module"),
        ({"drop": 1.0}, "^dropout drop=1: a probability is 0 or more and less than 1$"),
        ({"third": 0.2}, "^dropout third would drop the outputs themselves: before:third drops"),
    ],
)
def test_overrides_that_go_nowhere_are_refused(wanted: dict[str, float], message: str) -> None:
    with pytest.raises(ImportModelError, match=message):
        capture(Shared().eval(), (4,), wanted)


def test_dropout_is_left_out_on_request() -> None:
    network = trained(VisionTransformer())
    captured = capture(network, (1, 8, 8), dropping=False)
    assert captured.sites == ()
    assert check_capture(network, captured, rows_of((1, 8, 8))) <= TOLERANCE
    with pytest.raises(ImportModelError, match=r"acts in evaluation mode too: pass training=self.training$"):
        capture(Refused(lambda x: F.dropout(x, 0.2)).eval(), (4,), dropping=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused() -> None:
    with pytest.raises(ImportModelError, match=r"^a TorchScript module cannot be taken apart"):
        capture(torch.jit.script(nn.Linear(4, 2)), (4,))


def test_results_that_evaluation_mode_does_not_have_are_refused() -> None:
    network = Refused(lambda x: x)
    network.compute = lambda x: (x, x + 1) if network.training else x
    captured = capture(network, (4,))
    with pytest.raises(ImportModelError, match=r"^the network returns 2 results in training mode and 1 in evaluation"):
        check_capture(network, captured, rows_of((4,)))


def test_probabilities_are_taken_as_their_logarithms() -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.2), nn.Linear(3, 3), nn.Softmax(-1)).eval()
    captured = capture(network, (4,))
    rows = rows_of((4,))
    assert captured.outputs == Outputs(3, (), 1, "(rows, 3), a softmax whose logarithm is taken", "softmax")
    assert check_capture(network, captured, rows) <= TOLERANCE
    torch.testing.assert_close(evaluate_network(network, captured, rows).softmax(-1), network(rows))


NEVER_NEGATIVE: dict[str, Callable[[Tensor], Any]] = {
    "squeezed": lambda x: (x[:, 0], F.softplus(x[:, 1:]).squeeze()),
    "reshaped": lambda x: (x[:, 0], x[:, 1].exp().reshape(x.shape[0], 1).flatten()),
    "sliced": lambda x: (x[:, :1], F.relu(x)[:, 1:]),
    "scaled": lambda x: (x, 2 * x.exp()),
    "squared": lambda x: (x, x**2),
    "multiplied": lambda x: (x, x * x),
    "elu": lambda x: (x, F.elu(x) + 1),
    "root": lambda x: (x, F.softplus(x).sqrt()),
    "by hand": lambda x: (x, torch.log1p(x.exp()).clamp(0.01, 10)),
    "in place": lambda x: (x + 1, x.exp_()),
    "key": lambda x: {"mean": x, "log_std": F.softplus(x)},
}


@pytest.mark.parametrize("name", NEVER_NEGATIVE)
def test_what_cannot_be_negative_is_no_logarithm_of_a_spread(name: str) -> None:
    with pytest.raises(ImportModelError, match=r"is (never negative|always positive), so it is no log[ -]"):
        capture(Refused(NEVER_NEGATIVE[name]).eval(), (4,))


def test_the_second_half_of_one_tensor_that_cannot_be_negative_is_told_by_the_graph() -> None:
    half = capture(Refused(lambda x: torch.cat([x, F.softplus(x)], 1)).eval(), (4,)).outputs
    assert "the second half of the outputs is never negative" in half.no_log_variance
    assert capture(Refused(lambda x: torch.cat([F.softplus(x), x], 1)).eval(), (4,)).outputs.no_log_variance == ""
    capture(Refused(lambda x: (x, torch.zeros_like(x))).eval(), (4,))  # a constant variance of one


def test_one_row_alone_keeps_its_axis_when_axes_are_squeezed() -> None:
    network = nn.Sequential(nn.Linear(4, 1), nn.Dropout(0.2), Squeezed()).eval()
    assert check_capture(network, capture(network, (1, 4)), rows_of((1, 4))) <= TOLERANCE


class Squeezed(nn.Module):
    """A network that squeezes all axes of length one, as people do."""

    def forward(self, x: Tensor) -> Tensor:
        return x.squeeze()


def test_answers_that_are_no_numbers_are_refused() -> None:
    network = Refused(lambda x: x / 0).eval()
    with pytest.raises(ImportModelError, match=r"^the network answers nan or inf in evaluation mode"):
        check_capture(network, capture(network, (4,)), rows_of((4,)))


def test_heads_are_taken_by_their_names() -> None:
    network = trained(TwoHeads())
    captured = capture(network, (4,))
    assert captured.outputs == Outputs(2, (), 2, "(rows, 1), two heads: mean is the mean, std the standard deviation")
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    mean, log_variance = evaluate_network(network, captured, rows).unbind(-1)
    named = network(rows)
    assert torch.equal(mean, named["mean"][:, 0])
    torch.testing.assert_close((log_variance / 2).exp(), named["std"][:, 0])


def test_fifty_draws_of_a_residual_network_cost_one_pass() -> None:
    network = ResNet((64, 128, 256, 512), 2, 1000).eval()
    captured = capture(network, (3, 224, 224), {"before:fc": 0.2})
    assert [site.shape for site in captured.sites] == [(512,)]
    graph = onnx.load_model_from_string(captured.graph)
    one, fifty = multiplications(graph, pairs=1), multiplications(graph, pairs=50)
    assert one == pytest.approx(1.814e9, rel=0.01)
    assert fifty <= 1.05 * one


def multiplications(model: onnx.ModelProto, pairs: int) -> int:
    """Multiplications of one row and so many pairs, in convolutions and products of matrices."""
    lengths = {"rows": 1, "pairs": pairs, "draws": pairs}
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    shapes = {v.name: [d.dim_value or lengths[d.dim_param] for d in v.type.tensor_type.shape.dim] for v in values}
    shapes |= {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    summed = {
        "Conv": lambda weight: weight[1:],
        "Gemm": lambda weight: weight[1:],
        "MatMul": lambda weight: weight[-2:-1],
    }
    layers = [node for node in model.graph.node if node.op_type in summed]
    return sum(prod(shapes[n.output[0]]) * prod(summed[n.op_type](shapes[n.input[1]])) for n in layers)
