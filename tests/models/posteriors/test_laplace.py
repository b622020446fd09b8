"""A draw is one last layer from a Gaussian around the trained weights, as exact as Bayesian linear regression."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.catalogue import Component
from models.checkpoints.checkpoint import Checkpoint, Manifest, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples, verify
from models.errors import CheckpointError, ModelStructureError
from models.likelihoods.categorical import Categorical
from models.likelihoods.heteroscedastic_gaussian import HeteroscedasticGaussian
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.networks.mlp import MLP
from models.networks.segnet import SegNet
from models.posteriors.laplace import Laplace
from models.prediction.draws import activation_bytes, evaluate
from models.prediction.likelihood import Likelihood
from models.specs import InputSpec, OutputSpec

ROWS = (3,)
PRECISION = 2.5
NOISE = 0.3
"""Variance of the outcomes of a regression."""


def linear(outputs: int, **options: float) -> Laplace:
    """A network that is one linear layer: its posterior has a closed form."""
    torch.manual_seed(0)
    return Laplace(MLP(ROWS, outputs, hidden=()), ROWS, **options)


def fitted(model: Laplace, likelihood: Likelihood, x: Tensor, target: Tensor, batch: int = 7) -> Laplace:
    def expand(output: Tensor, outcome: Tensor) -> tuple[Tensor, Tensor]:
        return likelihood.nll(output, outcome), likelihood.hessian(output, outcome)

    model.eval().after_training(zip(x.split(batch), target.split(batch), strict=True), expand)
    return model


def rows(count: int = 40) -> Tensor:
    return torch.randn(count, *ROWS, generator=torch.Generator().manual_seed(1))


def gaussian(size: int) -> HomoscedasticGaussian:
    likelihood = HomoscedasticGaussian(size)
    likelihood.log_variance.data.fill_(math.log(NOISE))
    return likelihood


def set_weights(model: Laplace, weights: Tensor) -> None:
    """Set weights ``(C, D)``, the bias as those of the last feature."""
    layer = model.drawn
    layer.get_parameter("weight").data.copy_(weights[:, :-1])
    layer.get_parameter("bias").data.copy_(weights[:, -1])


def flat(draws: dict[str, Tensor]) -> Tensor:
    """Draws ``(S, C * D)`` of the weights in the order of :func:`set_weights`."""
    weight, bias = draws["layers.1.weight"], draws["layers.1.bias"]
    return torch.cat([weight, bias.unsqueeze(-1)], -1).flatten(1).double()


@pytest.mark.parametrize("full_up_to", [10_000, 0], ids=["full", "kronecker"])
def test_it_is_bayesian_linear_regression_where_that_is_exact(full_up_to: int) -> None:
    x = rows()
    features = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    truth = torch.randn(2, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    noise = torch.randn(len(x), 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    target = features @ truth.T + math.sqrt(NOISE) * noise
    covariance = (features.T @ features / NOISE + PRECISION * torch.eye(4)).inverse()
    model = linear(2, prior_precision=PRECISION, full_up_to=full_up_to)
    set_weights(model, (covariance @ features.T @ target / NOISE).T)
    fitted(model, gaussian(2), x, target.float())

    marginal = torch.distributions.MultivariateNormal(
        torch.zeros(len(x), dtype=torch.float64), NOISE * torch.eye(len(x)) + features @ features.T / PRECISION
    )
    assert float(model.evidence) == pytest.approx(float(marginal.log_prob(target.T).sum()), rel=1e-5)
    noise_of_every_weight = {"last layer": torch.eye(8).view(8, 2, 4)}
    deviations = flat(model.transform_noise(noise_of_every_weight)) - flat(model.transform_noise(_zeros()))
    torch.testing.assert_close(
        deviations.T @ deviations, torch.block_diag(covariance, covariance), rtol=1e-4, atol=1e-6
    )


def _zeros() -> dict[str, Tensor]:
    return {"last layer": torch.zeros(1, 2, 4)}


def test_the_prior_is_that_of_the_largest_marginal_likelihood() -> None:
    x, target = rows(), torch.randn(40, 2, generator=torch.Generator().manual_seed(4))
    chosen = fitted(linear(2), gaussian(2), x, target)
    best = float(chosen.precision)
    others = [fitted(linear(2, prior_precision=best * factor), gaussian(2), x, target) for factor in (0.98, 1.02)]
    assert all(float(other.evidence) < float(chosen.evidence) for other in others)
    # MacKay (1992), eq. 4.12: at the maximum the weights' square norm times the precision is the number of weights
    # that the data decide.
    features = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    eigenvalues = torch.linalg.eigvalsh(features.T @ features / NOISE).repeat(2)
    decided = float((eigenvalues / (eigenvalues + best)).sum())
    norm = float(flat(chosen.transform_noise(_zeros())).square().sum())
    assert best * norm == pytest.approx(decided, rel=0.01)


def test_draws_have_the_mean_and_the_covariance_of_the_curvature() -> None:
    """Softmax: the Hessian of every row by hand, and the sample covariance of many draws."""
    x, target = rows(), torch.arange(40) % 3
    model = fitted(linear(3, prior_precision=PRECISION), Categorical(3), x, target)
    features = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    probs = model.network(x).double().softmax(-1).detach()
    hessian = sum(torch.kron(p.diag() - p.outer(p), row.outer(row)) for p, row in zip(probs, features, strict=True))
    expected = torch.linalg.inv(hessian + PRECISION * torch.eye(12))
    draws = flat(model.sample(seed=3, stop=20_000))
    scale = expected.diagonal().sqrt()
    mean = flat({name: p.detach().unsqueeze(0) for name, p in model.network.named_parameters()})[0]
    assert ((draws.mean(0) - mean).abs() / scale).max() < 5 / 20_000**0.5
    assert ((draws.T.cov() - expected) / scale.outer(scale)).abs().max() < 6 / 20_000**0.5


def test_kronecker_is_close_to_full_where_hessians_vary_a_little() -> None:
    x, target = rows(400), torch.arange(400) % 3
    spreads = []
    for full_up_to in (10_000, 0):
        model = fitted(linear(3, prior_precision=PRECISION, full_up_to=full_up_to), Categorical(3), x, target)
        outputs = evaluate(model.network, rows(20), model.sample(0, 2000))
        spreads.append(outputs.std(0))
    torch.testing.assert_close(spreads[0], spreads[1], rtol=0.15, atol=0)


def test_batches_of_any_size_are_the_same_rows() -> None:
    x, target = rows(), torch.arange(40) % 3
    whole, parts = (fitted(linear(3), Categorical(3), x, target, batch) for batch in (40, 3))
    torch.testing.assert_close(whole.get_buffer("root"), parts.get_buffer("root"), rtol=1e-4, atol=1e-5)
    assert float(whole.evidence) == pytest.approx(float(parts.evidence), rel=1e-5)


def test_what_was_not_observed_counts_for_nothing() -> None:
    x, target = rows(), torch.randn(40, 2, generator=torch.Generator().manual_seed(4))
    for likelihood, outputs in ((gaussian(2), 2), (HeteroscedasticGaussian(2), 4)):
        for full_up_to in (10_000, 0):
            seen = fitted(linear(outputs, full_up_to=full_up_to), likelihood, x[:30], target[:30])
            void = target.clone()
            void[30:] = math.nan
            with_void = fitted(linear(outputs, full_up_to=full_up_to), likelihood, x, void)
            assert float(seen.evidence) == pytest.approx(float(with_void.evidence), rel=1e-5)
            assert float(seen.precision) == pytest.approx(float(with_void.precision), rel=1e-3)


def test_a_pixel_is_a_row() -> None:
    """A convolution of one pixel at the end: its weights are drawn, and what follows only moves axes."""
    torch.manual_seed(0)
    shape = (3, 8, 8)
    model = Laplace(SegNet(shape, 2, channels=(4, 6), kernel=3, dropout=0.0), shape)
    x = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    target = torch.arange(64).view(1, 8, 8).expand(5, 8, 8) % 2
    fitted(model, Categorical(2), x, target)
    draws = model.sample(0, 3)
    assert {name: tuple(tensor.shape) for name, tensor in draws.items()} == {
        "classifier.weight": (3, 2, 4, 1, 1),
        "classifier.bias": (3, 2),
    }
    spread = evaluate(model.network, x, draws).std(0)
    assert spread.shape == (5, 8, 8, 2)
    assert (spread > 0).all()


def test_only_the_last_layer_is_computed_for_every_draw() -> None:
    runs = 0

    class Counted(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            nonlocal runs
            runs += 1
            return super().forward(x)

    torch.manual_seed(0)
    network = nn.Sequential(Counted(3, 6), nn.ReLU(), nn.Linear(6, 2))
    model = fitted(Laplace(network, ROWS), Categorical(2), rows(), torch.arange(40) % 2)
    assert set(model.sample(0, 5)) == {"2.weight", "2.bias"}
    runs = 0
    assert evaluate(model.network, rows(), model.sample(0, 5)).shape == (5, 40, 2)
    assert runs == 1, "one pass of the trunk for all draws"
    assert activation_bytes(network, ROWS, of=model.drawn) == 2 * 4, "the two outputs are all that a draw has alone"


def test_dropout_is_for_training_and_for_the_curvature_of_what_it_minimised() -> None:
    torch.manual_seed(0)
    x, target = rows(), torch.arange(40) % 2
    without, with_dropout = (
        fitted(Laplace(MLP(ROWS, 2, hidden=(20,), dropout=p), ROWS), Categorical(2), x, target) for p in (0.0, 0.5)
    )
    assert "layers.3.mask" not in with_dropout.sample(0, 2)
    again = fitted(with_dropout, Categorical(2), x, target)
    assert torch.equal(again.get_buffer("root"), with_dropout.get_buffer("root")), "the masks have a seed"
    assert without.masks == ()
    assert with_dropout.masks


class _Scaled(nn.Module):
    """A network whose outputs are no longer those of its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = 2 * self.last(x)
        return output


class _Twice(nn.Module):
    """A network that uses its last layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.last(self.last(x))
        return output


@pytest.mark.parametrize(
    ("network", "shape", "why"),
    [
        (_Scaled(), ROWS, "'last', is followed by something that changes its outputs"),
        (_Twice(), ROWS, "'last', is used 2 times in a pass"),
        (nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2)), ROWS, "'1', is of type LayerNorm"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 8, 8), "'0', is a convolution of 3 x 3 pixels"),
        (nn.Sequential(nn.Conv2d(1, 2, 1, padding=1)), (1, 8, 8), "'0', is a convolution that pads its input"),
    ],
)
def test_a_network_without_a_linear_end_is_refused(network: nn.Module, shape: tuple[int, ...], why: str) -> None:
    with pytest.raises(ModelStructureError, match=f"{why}.*: take another posterior, or end the network with"):
        Laplace(network, shape)


def test_a_layer_without_bias_will_do() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
    model = fitted(Laplace(network, ROWS), Categorical(2), rows(), torch.arange(40) % 2)
    assert {name: tuple(draws.shape) for name, draws in model.sample(0, 3).items()} == {"2.weight": (3, 2, 4)}


def test_it_comes_back_from_a_checkpoint_and_is_not_saved_before_it_is_fitted(tmp_path: Path) -> None:
    inputs, outputs = InputSpec("table", ROWS, (0.0,), (1.0,)), OutputSpec("classification", ("a", "b", "c"))
    spec = PredictorSpec(
        Component("mlp", {"hidden": [5]}), Component("laplace"), Component("categorical"), inputs, outputs
    )
    model = spec.build()
    assert isinstance(model.posterior, Laplace)
    with pytest.raises(ModelStructureError, match="has not been fitted: finish the run"):
        canary_examples(model, rows(4))
    fitted(model.posterior, Categorical(3), rows(), torch.arange(40) % 3)
    manifest = Manifest("laplace", 1, spec, "random", 0, {})
    loaded = load(save(tmp_path, manifest, model, canary_examples(model, rows(4)), ""))
    verify(loaded)
    assert isinstance(loaded.model.posterior, Laplace)  # type: ignore[union-attr]
    assert loaded.model.posterior.choices == model.posterior.choices  # type: ignore[union-attr]
    assert "18 weights with a full covariance: prior precision" in model.posterior.choices[0]
    model.posterior.precision.zero_()
    with pytest.raises(CheckpointError, match="canary prediction failed"):
        verify(Checkpoint(manifest, model, loaded.examples, ""))
