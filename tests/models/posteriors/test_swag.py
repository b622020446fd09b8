"""A draw is one set of weights around the mean of the iterates, with their covariance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.catalogue import Component
from models.checkpoints.checkpoint import Checkpoint, Manifest, PredictorSpec
from models.checkpoints.selftest import canary_examples, verify
from models.errors import CheckpointError, ModelStructureError
from models.networks.mlp import MLP
from models.networks.segnet import SegNet
from models.noise import Normal, Site, draw_noise
from models.posteriors.swag import SWAG
from models.prediction.draws import evaluate
from models.specs import InputSpec, OutputSpec

INPUT = (6,)


def swag(rank: int = 4, start: float = 0.5, dropout: float = 0.0) -> SWAG:
    torch.manual_seed(0)
    return SWAG(MLP(INPUT, 3, (5,), dropout), INPUT, rank, start)


def flat(tensors: dict[str, Tensor]) -> Tensor:
    """Draws ``(S, P)``, or the weights ``(P,)`` of a state."""
    return torch.cat([tensor.detach().flatten(1) for tensor in tensors.values()], 1)


def collect(model: SWAG, count: int, seed: int = 0) -> Tensor:
    """Move the weights at random and collect them; returns the iterates ``(count, P)`` in float64."""
    sites = [Site(name, tuple(p.shape), Normal()) for name, p in model.network.named_parameters()]
    iterates = []
    for number in range(count):
        for name, noise in draw_noise(sites, seed, number + 1, number).items():
            model.network.get_parameter(name).data.copy_(3 + 0.1 * noise[0])
        model.after_epoch(1.0)
        iterates.append(torch.cat([p.detach().flatten() for p in model.network.parameters()]))
    return torch.stack(iterates).double()


def test_moments_are_those_of_the_iterates() -> None:
    model = swag()
    iterates = collect(model, 30)
    assert int(model.collected) == 30
    torch.testing.assert_close(model.mean.double(), iterates.mean(0), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(model.variance.double(), iterates.var(0, correction=0), rtol=1e-4, atol=1e-8)


def test_deviations_are_the_last_ones_from_the_mean_at_their_time() -> None:
    model = swag(rank=4)
    iterates = collect(model, 6)
    expected = [iterates[n] - iterates[: n + 1].mean(0) for n in range(2, 6)]
    by_time = model.deviations[[2, 3, 0, 1]].double()
    torch.testing.assert_close(by_time, torch.stack(expected), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 12])
def test_draws_have_the_mean_and_the_covariance_of_the_paper(count: int) -> None:
    model = swag(rank=4)
    collect(model, count)
    draws = flat(model.sample(seed=1, stop=20_000)).double()
    columns = min(count, 4)
    deviations = model.deviations.double()
    expected = (model.variance.double().diag() + deviations.T @ deviations / (columns - 1)) / 2
    scale = expected.diagonal().sqrt()
    assert ((draws.mean(0) - model.mean).abs() / scale).max() < 5 / 20_000**0.5
    correlation = (draws.T.cov() - expected) / scale.outer(scale)
    assert correlation.abs().max() < 6 / 20_000**0.5


def test_the_mean_function_is_the_mean_of_the_iterates() -> None:
    model = swag()
    assert model.mean_function() == {}, "before any is collected it is the network itself"
    iterates = collect(model, 5)
    mean = flat(model.mean_function())
    torch.testing.assert_close(mean[0].double(), iterates.mean(0), rtol=1e-6, atol=1e-6)


def test_the_weights_go_on_being_trained_from_the_last_iterate() -> None:
    model = swag()
    iterates = collect(model, 5)
    weights = torch.cat([p.detach().flatten() for p in model.network.parameters()])
    assert torch.equal(weights.double(), iterates[-1])


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_iterates_are_no_distribution(count: int) -> None:
    model = swag()
    for _ in range(count):
        model.after_epoch(1.0)
    assert not model.can_sample
    with pytest.raises(ModelStructureError, match=rf"at least 2 iterates .* has collected {count}"):
        model.sample(0, 1)


def test_iterates_are_collected_from_the_start_on() -> None:
    model = swag(start=0.5)
    for epoch in range(1, 11):
        model.after_epoch(epoch / 10)
    assert int(model.collected) == 6, "the epochs that end at 0.5, 0.6, ..., 1"


def test_dropout_is_kept_for_training_alone() -> None:
    model = swag(dropout=0.5)
    collect(model, 3)
    assert sorted(model.sample_for_training(0, 0, rows=7)) == ["layers.3.mask"]
    assert "layers.3.mask" not in model.sample(0, 2)


def test_statistics_of_normalisation_are_averaged_and_shared_by_the_draws() -> None:
    torch.manual_seed(0)
    network = SegNet((3, 8, 8), 2, channels=(4, 6), kernel=3)
    model = SWAG(network, (3, 8, 8), rank=2)
    norms = {name: m for name, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms
    seen = {name: [] for name in norms}
    for seed in range(4):
        x = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        evaluate(model.train().network, x, model.sample_for_training(0, seed, rows=5))
        model.after_epoch(1.0)
        for name, norm in norms.items():
            seen[name].append(norm.running_var.clone())
    draws = model.eval().sample(0, 3)
    for name, variances in seen.items():
        expected = torch.stack(variances).mean(0)
        assert not torch.allclose(expected, variances[-1])
        torch.testing.assert_close(draws[f"{name}.running_var"], expected.expand(3, -1))
        assert f"{name}.num_batches_tracked" not in draws


@pytest.mark.parametrize(("rank", "start"), [(1, 0.5), (20, 1.0), (20, -0.1)])
def test_options_without_meaning_are_refused(rank: int, start: float) -> None:
    with pytest.raises(ValueError, match=f"rank is at least 2 and start from 0 to below 1, not {rank} and {start}"):
        swag(rank, start)


def test_a_model_that_has_collected_nothing_is_neither_saved_nor_served() -> None:
    inputs, outputs = InputSpec("table", INPUT), OutputSpec("classification", ("a", "b", "c"))
    spec = PredictorSpec(
        Component("mlp", {"hidden": [5]}), Component("swag"), Component("categorical"), inputs, outputs
    )
    model, x = spec.build(), torch.rand(4, *INPUT)
    assert isinstance(model.posterior, SWAG)
    with pytest.raises(ModelStructureError, match="has collected 0"):
        canary_examples(model, x)
    collect(model.posterior, 3)
    checkpoint = Checkpoint(Manifest("swag", 1, spec, "random", 0, {}), model, canary_examples(model, x), "")
    verify(checkpoint)
    model.posterior.collected.zero_()
    with pytest.raises(CheckpointError, match="canary prediction failed"):
        verify(checkpoint)
