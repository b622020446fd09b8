"""A draw is one set of weights."""

from __future__ import annotations

import pytest
import torch
from scipy import integrate
from torch import distributions, nn
from torch.nn import functional as F

from models.errors import ModelStructureError
from models.networks.mlp import MLP
from models.posteriors.bayes_by_backprop import BayesByBackprop, GaussianPrior, ScaleMixturePrior
from models.posteriors.mc_dropout import MCDropout
from models.prediction.draws import evaluate

ROWS = (4,)


def model(prior: GaussianPrior | ScaleMixturePrior | None = None, rho: float = -2.0) -> BayesByBackprop:
    torch.manual_seed(0)
    return BayesByBackprop(MLP(ROWS, 3, hidden=(8,)), ROWS, prior or GaussianPrior(), initial_rho=rho)


def test_weights_have_their_mean_and_deviation() -> None:
    bayes = model()
    with torch.no_grad():
        bayes.rho["layers/1/weight"].uniform_(-3, 1)
    deviations = {"layers.1.weight": F.softplus(bayes.rho["layers/1/weight"])}
    draws = bayes.sample(0, 20_000)
    means = dict(bayes.network.named_parameters())
    assert draws.keys() == means.keys()
    for name, deviation in {**bayes.deviations(), **deviations}.items():
        torch.testing.assert_close(draws[name].mean(0), means[name], rtol=0, atol=0.05)
        torch.testing.assert_close(draws[name].std(0), deviation, rtol=0.03, atol=0)


def test_the_draws_of_a_weight_are_normal() -> None:
    weight = model().sample(1, 5000)["layers.1.weight"][:, 2, 1].detach().double()
    z = (weight - weight.mean()) / weight.std()
    assert abs(float((z**3).mean())) < 0.15
    assert abs(float((z**4).mean()) - 3) < 0.4


def test_the_mean_function_is_the_network() -> None:
    bayes, x = model(), torch.rand(3, *ROWS)
    for mode in (True, False):
        network = bayes.train(mode).network
        assert torch.equal(evaluate(network, x, {})[0], network(x))


def test_gradients_reach_means_and_deviations() -> None:
    bayes = model()
    function = {n: t[0] for n, t in bayes.sample_for_training(seed=0, step=0, rows=5).items()}
    evaluated = evaluate(bayes.network, torch.rand(5, *ROWS), {n: t.unsqueeze(0) for n, t in function.items()})
    (evaluated.square().sum() + bayes.kl(function)).backward()
    assert all(p.grad is not None and p.grad.any() for p in bayes.parameters())


def test_training_steps_are_draws() -> None:
    bayes = model()
    step = {n: t[0] for n, t in bayes.sample_for_training(seed=4, step=6, rows=3).items()}
    assert all(torch.equal(tensor, bayes.sample(4, 7, 6)[name][0]) for name, tensor in step.items())


def test_dropout_is_taken_out_and_normalisation_stays_a_point() -> None:
    network = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.LayerNorm(6), nn.Linear(6, 2))
    bayes = BayesByBackprop(network, ROWS)
    assert [site.name for site in bayes.sites] == ["0.weight", "0.bias", "4.weight", "4.bias"]
    x = torch.rand(3, *ROWS)
    network[1].eval()
    assert torch.equal(network(x), network(x))


def test_hidden_randomness_is_refused() -> None:
    with pytest.raises(ModelStructureError, match="LSTM"):
        BayesByBackprop(nn.LSTM(4, 4, num_layers=2, dropout=0.5), ROWS)


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_the_gaussian_priors_divergence_against_torch(scale: float) -> None:
    bayes = model(GaussianPrior(scale))
    means = dict(bayes.network.named_parameters())
    expected = sum(
        distributions.kl_divergence(
            distributions.Normal(means[name], deviation), distributions.Normal(0.0, scale)
        ).sum()
        for name, deviation in bayes.deviations().items()
    )
    assert isinstance(expected, torch.Tensor)
    torch.testing.assert_close(bayes.kl(bayes.sample(0, 1)), expected)


def test_the_divergence_is_zero_at_the_prior_and_positive_elsewhere() -> None:
    zero, one = torch.zeros(5), torch.ones(5)
    assert float(GaussianPrior(1.0).kl(zero, one, zero)) == 0.0
    assert float(GaussianPrior(1.0).kl(zero + 0.1, one, zero)) > 0
    assert float(GaussianPrior(1.0).kl(zero, 1.1 * one, zero)) > 0
    assert float(GaussianPrior(1.0).kl(zero, 0.9 * one, zero)) > 0


@pytest.mark.parametrize("prior", [ScaleMixturePrior(), ScaleMixturePrior(0.25, 2.0, 0.1)], ids=str)
def test_the_scale_mixtures_density_against_torch(prior: ScaleMixturePrior) -> None:
    mixture = distributions.MixtureSameFamily(
        distributions.Categorical(torch.tensor([prior.weight, 1 - prior.weight])),
        distributions.Normal(torch.zeros(2), torch.tensor([prior.wide, prior.narrow])),
    )
    w = torch.linspace(-3, 3, 101)
    torch.testing.assert_close(prior.log_prob(w), mixture.log_prob(w))


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 0.05), (0.3, 0.2), (-1.5, 0.6)])
def test_the_scale_mixtures_estimate_averages_to_the_integral(mean: float, deviation: float) -> None:
    prior = ScaleMixturePrior(0.5, 1.0, 0.05)
    q = distributions.Normal(torch.tensor(mean, dtype=torch.float64), torch.tensor(deviation, dtype=torch.float64))

    def integrand(w: float) -> float:
        at = torch.tensor(w, dtype=torch.float64)
        return float(q.log_prob(at).exp() * (q.log_prob(at) - prior.log_prob(at)))

    divergence, _ = integrate.quad(integrand, mean - 8 * deviation, mean + 8 * deviation, points=[0.0], limit=200)
    w = mean + deviation * torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    estimate = prior.kl(torch.full_like(w, mean), torch.full_like(w, deviation), w) / len(w)
    assert float(estimate) == pytest.approx(divergence, abs=0.02)
    assert divergence > 0


def test_a_scale_mixture_with_one_scale_is_the_gaussian() -> None:
    mean, deviation = 0.3 * torch.randn(1000), 0.1 + torch.rand(1000)
    w = mean + deviation * torch.randn(500, 1000)
    mixture = ScaleMixturePrior(0.5, 1.0, 1.0)
    estimate = torch.stack([mixture.kl(mean, deviation, sample) for sample in w]).mean()
    torch.testing.assert_close(estimate, GaussianPrior(1.0).kl(mean, deviation, w[0]), rtol=0.01, atol=0)


def test_the_divergence_of_several_functions_is_their_mean() -> None:
    bayes = model(ScaleMixturePrior())
    several = bayes.sample(0, 4)
    each = [bayes.kl({name: tensor[s] for name, tensor in several.items()}) for s in range(4)]
    torch.testing.assert_close(bayes.kl(several), torch.stack(each).mean())


def test_it_starts_from_a_trained_network() -> None:
    torch.manual_seed(1)
    trained, bayes = MLP(ROWS, 3, hidden=(8,)), model()
    before = bayes.deviations()
    bayes.initialise_from(trained)
    x = torch.rand(5, *ROWS)
    assert torch.equal(bayes.network.eval()(x), trained.eval()(x))
    assert all(torch.equal(deviation, before[name]) for name, deviation in bayes.deviations().items())


def test_it_starts_from_the_network_of_another_posterior() -> None:
    trained, bayes = MCDropout(MLP(ROWS, 3, hidden=(8,)), ROWS), model()
    bayes.initialise_from(trained.network)
    assert all(torch.equal(p, trained.network.get_parameter(n)) for n, p in bayes.network.named_parameters())


def test_a_start_from_another_network_is_refused() -> None:
    with pytest.raises(ModelStructureError, match="other names or shapes"):
        model().initialise_from(MLP(ROWS, 3, hidden=(9,)))


def uneven() -> BayesByBackprop:
    bayes = model()
    with torch.no_grad():
        for rho in bayes.rho.values():
            rho.uniform_(-6, 0)
    return bayes


def test_signal_to_noise() -> None:
    bayes = uneven()
    for name, ratio in bayes.signal_to_noise().items():
        torch.testing.assert_close(ratio, bayes.network.get_parameter(name).abs() / bayes.deviations()[name])


@pytest.mark.parametrize("keep", [1.0, 0.5, 0.25, 0.02])
def test_pruning_keeps_the_weights_of_the_highest_signal_to_noise(keep: float) -> None:
    bayes = uneven()
    state = {name: tensor.clone() for name, tensor in bayes.state_dict().items()}
    pruned = bayes.prune(keep)
    assert all(torch.equal(tensor, state[name]) for name, tensor in bayes.state_dict().items())
    before, after, drawn = bayes.signal_to_noise(), pruned.signal_to_noise(), pruned.sample(3, 20)
    total = sum(ratio.numel() for ratio in before.values())
    assert sum(int((ratio > 0).sum()) for ratio in after.values()) == round(keep * total)
    least = min(float(before[name][ratio > 0].min()) for name, ratio in after.items() if (ratio > 0).any())
    for name, ratio in after.items():
        removed = ratio == 0
        assert (before[name][removed] <= least).all()
        assert not drawn[name][:, removed].any()
        assert torch.equal(drawn[name][:, ~removed], bayes.sample(3, 20)[name][:, ~removed])
    assert all(tensor.isfinite().all() for tensor in pruned.state_dict().values())


def test_pruning_again_removes_only_more() -> None:
    pruned = uneven().prune(0.5)
    assert all(torch.equal(a, b) for a, b in zip(pruned.prune(0.5).parameters(), pruned.parameters(), strict=True))
    assert sum(int((r > 0).sum()) for r in pruned.prune(0.25).signal_to_noise().values()) < 40


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.1, float("nan")])
def test_a_proportion_that_is_none_is_refused(keep: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        model().prune(keep)
