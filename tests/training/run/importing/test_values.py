"""What the values of a stranger's outputs tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.importing.capture import CapturedModule, capture
from training.run.importing.check import evaluate_network
from training.run.importing.values import probe_rows


class Computing(nn.Module):
    """A linear layer and whatever comes after it."""

    def __init__(self, compute: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.linear, self.compute = nn.Linear(4, 3), compute
        nn.init.orthogonal_(self.linear.weight)

    def forward(self, x: Tensor) -> Any:
        return self.compute(self.linear(x))


def judged(compute: Callable[[Tensor], Any]) -> CapturedModule:
    return capture(Computing(compute).eval(), (4,), probes=probe_rows(InputSpec("table", (4,))))


PROBABILITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "by hand": lambda z: z.exp() / z.exp().sum(1, keepdim=True),
    "a mean": lambda z: (z.softmax(1) + (2 * z).softmax(1)) / 2,
    "smoothed": lambda z: 0.9 * z.softmax(1) + 0.1 / 3,
    "normalised": lambda z: F.normalize(F.softplus(z), p=1, dim=1),
    "clamped": lambda z: z.softmax(1).clamp(1e-7, 1),
    "squeezed in vain": lambda z: z.softmax(1).squeeze(-1),
}


@pytest.mark.parametrize("name", PROBABILITIES)
def test_what_sums_to_one_is_taken_as_its_logarithm(name: str) -> None:
    captured = judged(PROBABILITIES[name])
    assert "logarithm is taken" in captured.outputs.taken
    network, rows = Computing(PROBABILITIES[name]).eval(), torch.randn(5, 4)
    torch.testing.assert_close(evaluate_network(network, captured, rows).softmax(-1), network(rows))


def test_a_softmax_over_another_axis_than_the_outputs_is_refused() -> None:
    with pytest.raises(ImportModelError, match=r"^the network ends in a softmax, and its outputs do not sum to one"):
        judged(lambda z: torch.stack([z, 2 * z], 1).softmax(1))


@pytest.mark.parametrize("compute", [lambda z: 1 / (1 + torch.exp(-z)), lambda z: 0.5 * (torch.tanh(z) + 1)])
def test_what_is_always_between_zero_and_one_is_told(compute: Callable[[Tensor], Tensor]) -> None:
    assert judged(compute).outputs.unit == "always"
    assert judged(lambda z: z).outputs.unit == ""


def test_what_was_between_zero_and_one_on_all_rows_is_told() -> None:
    assert judged(lambda z: z.sigmoid() - 1e-30).outputs.unit == "seen"


def test_a_spread_that_is_negative_is_refused_and_one_that_is_zero_told() -> None:
    with pytest.raises(ImportModelError, match=r"^std is -\d.*, and no standard deviation is negative"):
        judged(lambda z: {"mean": z, "std": z - 1})
    assert judged(lambda z: {"mean": z, "std": z.relu()}).outputs.doubt.startswith("std is 0 on rows of noise")
    assert judged(lambda z: {"mean": z, "std": z.exp()}).outputs.doubt == ""


def test_a_log_variance_that_was_never_negative_is_told() -> None:
    doubt = judged(lambda z: (z, z.exp() - 1e-30)).outputs.doubt
    assert doubt.startswith("result 2 was never negative on rows of noise: if it is a spread")
    assert judged(lambda z: (z, z)).outputs.doubt == ""


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (("mean", "inv_var"), "none says that it is a spread"),
        (("price", "variety"), "none says that it is a spread"),
        (("std", "variance"), "both say that it is a spread"),
    ],
)
def test_names_that_say_no_spread_or_two_are_refused_with_those_that_do(results: tuple[str, str], words: str) -> None:
    with pytest.raises(ImportModelError, match=rf"{words}.* log_var, logvar, .* \(standard deviation\)"):
        judged(lambda z: dict.fromkeys(results, z) | {results[0]: z + 1})
