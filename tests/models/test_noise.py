"""Laws of the streams: what a draw may depend on, and what it looks like."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.noise import (
    SEED_LIMIT,
    BaseDistribution,
    Categorical,
    Normal,
    Permutation,
    ScaledBernoulli,
    Site,
    Uniform,
    draw_noise,
    draw_noise_per_row,
)

LAWS: list[BaseDistribution] = [Normal(), Uniform(-1.0, 3.0), ScaledBernoulli(0.7), Categorical(5)]
SITES = [Site(f"site{i}", (3, 5), law) for i, law in enumerate(LAWS)]
SEEDS = st.integers(0, SEED_LIMIT - 1)


@settings(max_examples=25)
@given(seed=SEEDS, stop=st.integers(1, 30), more=st.integers(0, 30))
def test_fewer_draws_are_the_first_of_more(seed: int, stop: int, more: int) -> None:
    few, many = draw_noise(SITES, seed, stop), draw_noise(SITES, seed, stop + more)
    assert all(torch.equal(few[site.name], many[site.name][:stop]) for site in SITES)


def test_draw_9_of_10_is_draw_9_of_1000() -> None:
    site = Site("w", (7,), Normal())
    assert torch.equal(draw_noise([site], 3, 10)["w"], draw_noise([site], 3, 1000)["w"][:10])


@settings(max_examples=25)
@given(seed=SEEDS, start=st.integers(0, 20), size=st.integers(1, 20))
def test_a_range_is_a_slice(seed: int, start: int, size: int) -> None:
    part, whole = draw_noise(SITES, seed, start + size, start), draw_noise(SITES, seed, start + size)
    assert all(torch.equal(part[site.name], whole[site.name][start:]) for site in SITES)


def test_what_torch_does_is_not_a_prefix() -> None:
    """The negative control: torch's own generator fails the law above, so the law can fail."""
    few = torch.randn((21, 5), generator=torch.Generator().manual_seed(0))
    many = torch.randn((40, 5), generator=torch.Generator().manual_seed(0))
    assert not torch.equal(few, many[:21])


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**63, SEED_LIMIT - 1])
@pytest.mark.parametrize("bit", [0, 31, 32, 33, 63])
def test_every_bit_of_a_seed_counts(seed: int, bit: int) -> None:
    site = Site("w", (8,), Normal())
    assert not (draw_noise([site], seed, 1)["w"] == draw_noise([site], seed ^ 1 << bit, 1)["w"]).any()


@pytest.mark.parametrize("seed", [-1, SEED_LIMIT])
def test_other_seeds_are_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="from 0 to"):
        draw_noise(SITES, seed, 1)


def test_neither_the_other_sites_nor_their_order_matters() -> None:
    together = draw_noise(SITES, 5, 4)
    for alone in SITES:
        assert torch.equal(draw_noise([alone], 5, 4)[alone.name], together[alone.name])
    assert all(torch.equal(tensor, together[name]) for name, tensor in draw_noise(SITES[::-1], 5, 4).items())


def test_the_global_generators_are_neither_read_nor_moved() -> None:
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    first = draw_noise(SITES, 5, 4)
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)
    torch.rand(1)
    assert all(torch.equal(tensor, first[name]) for name, tensor in draw_noise(SITES, 5, 4).items())


@pytest.mark.parametrize(
    ("first", "second"),
    [(("a", 0, 0), ("b", 0, 0)), (("a", 0, 0), ("a", 1, 0)), (("a", 0, 0), ("a", 0, 1)), (("1/a", 1, 0), ("a", 11, 0))],
    ids=["site", "seed", "index", "look-alike"],
)
def test_streams_are_uncorrelated(first: tuple[str, int, int], second: tuple[str, int, int]) -> None:
    size = 20_000
    a, b = (
        draw_noise([Site(name, (size,), Normal())], seed, index + 1, index)[name]
        for name, seed, index in (first, second)
    )
    assert abs(float((a * b).mean())) < 5 / math.sqrt(size)


@pytest.mark.parametrize(
    ("law", "cdf"),
    [(Normal(), stats.norm.cdf), (Uniform(-1.0, 3.0), stats.uniform(-1, 4).cdf)],
    ids=["normal", "uniform"],
)
def test_continuous_laws(law: BaseDistribution, cdf: object) -> None:
    """Kolmogorov-Smirnov; within one draw and, with the index's stream started anew each time, across draws."""
    within = draw_noise([Site("w", (20_000,), law)], 1, 1)["w"][0]
    across = draw_noise([Site("w", (), law)], 1, 5_000)["w"]
    assert within.dtype == across.dtype == torch.float32
    assert stats.kstest(within.numpy(), cdf).pvalue > 1e-3
    assert stats.kstest(across.numpy(), cdf).pvalue > 1e-3


def test_uniform_stays_in_its_range() -> None:
    values = draw_noise([Site("u", (50_000,), Uniform(-1.0, 3.0))], 0, 1)["u"]
    assert -1 <= values.min() < -0.99
    assert 2.99 < values.max() < 3


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_masks_keep_their_share_and_the_mean(keep: float) -> None:
    size = 50_000
    mask = draw_noise([Site("m", (size,), ScaledBernoulli(keep))], 0, 1)["m"]
    assert mask.unique().tolist() == pytest.approx([0, 1 / keep])
    assert abs(float((mask > 0).float().mean()) - keep) < 5 * math.sqrt(keep * (1 - keep) / size)


def test_categories_are_equally_likely() -> None:
    values = draw_noise([Site("c", (50_000,), Categorical(7))], 0, 1)["c"]
    assert values.dtype == torch.int64
    assert stats.chisquare(values[0].bincount(minlength=7).numpy()).pvalue > 1e-3
    assert values.max() == 6


def test_permutations_hold_every_number_once_and_all_orders_are_equally_likely() -> None:
    orders = draw_noise([Site("p", (3,), Permutation())], 0, 6_000)["p"]
    assert (orders.sort(1).values == torch.arange(3)).all()
    assert stats.chisquare(orders.unique(dim=0, return_counts=True)[1].numpy()).pvalue > 1e-3


def test_shapes_and_scalar_sites() -> None:
    drawn = draw_noise([Site("scalar", (), Normal()), Site("matrix", (2, 3), Normal())], 0, 4)
    assert drawn["scalar"].shape == (4,)
    assert drawn["matrix"].shape == (4, 2, 3)


def test_a_row_depends_on_its_seed_alone() -> None:
    rows = draw_noise_per_row(SITES, [7, 8, 9])
    shuffled = draw_noise_per_row(SITES, [9, 8, 8, 7])
    for site in SITES:
        assert torch.equal(rows[site.name][1:2], draw_noise_per_row(SITES, [8])[site.name])
        assert torch.equal(rows[site.name][[2, 1, 1, 0]], shuffled[site.name])


def test_a_stream_never_runs_into_the_next() -> None:
    """Philox makes four words a block: draw 1 is not draw 0 read on from some place."""
    long = draw_noise([Site("w", (100_000,), Uniform(0.0, 1.0))], 0, 1)["w"][0]
    start_of_next = draw_noise([Site("w", (4,), Uniform(0.0, 1.0))], 0, 2, 1)["w"][0]
    windows = long.unfold(0, 4, 1)
    assert not (windows == start_of_next).all(1).any()
