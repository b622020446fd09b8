"""Standard errors: known answers, and differences that count only where chance seldom makes them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.evaluation.metrics.standard_errors import CHANCE, Estimate, difference, estimate


def test_the_error_of_a_mean_of_one_run_is_that_of_its_rows() -> None:
    found = estimate([(torch.tensor([1.0, 2.0, 3.0, 6.0]),)])
    assert found.value == 3.0
    assert found.error == pytest.approx(math.sqrt(14 / 3 / 4))
    assert found.freedom == pytest.approx(3)


def test_other_seeds_add_what_they_change() -> None:
    alike, apart = (torch.tensor([1.0, 3.0]), torch.tensor([2.0, 4.0]))
    found = estimate([(alike,), (apart,)])
    rows, seeds = 2 / 2, 0.5 / 2
    assert (found.value, found.error) == (2.5, pytest.approx(math.sqrt(rows + seeds)))
    assert found.freedom == pytest.approx((rows + seeds) ** 2 / (rows**2 + seeds**2))


def test_rows_of_both_kinds_count() -> None:
    found = estimate([(torch.tensor([0.0, 1.0]), torch.tensor([0.25, 0.5, 0.75]))])
    assert found.error == pytest.approx(math.sqrt(0.5 / 2 + 0.0625 / 3))


def test_a_difference_is_paired() -> None:
    rows = torch.tensor([1.0, 5.0, 9.0])
    found = difference([(rows + 1,)], [(rows,)])
    assert (found.value, found.error) == (1.0, 0.0)
    assert found.is_clear
    assert not difference([(rows,)], [(rows,)]).is_clear


def test_one_row_shows_nothing() -> None:
    found = estimate([(torch.tensor([7.0]),)])
    assert math.isnan(found.error)
    assert not found.is_clear


def test_few_seeds_ask_for_more() -> None:
    assert Estimate(3.0, 1.0, math.inf).is_clear
    assert not Estimate(3.0, 1.0, 2.0).is_clear


def test_chance_seldom_makes_a_clear_difference() -> None:
    """Models that differ by luck alone, on rows and seeds: as many are called clear as is said, or fewer."""
    random = np.random.default_rng(0)
    trials, seeds, rows = 2000, 3, 40
    clear = 0
    for _ in range(trials):
        luck = random.normal(scale=0.2, size=(seeds, 1)) + random.normal(size=(1, rows))
        runs = torch.from_numpy(luck + 0.1 * random.normal(size=(seeds, rows)))
        clear += estimate([(run,) for run in runs]).is_clear
    assert clear / trials <= CHANCE + 3 * math.sqrt(CHANCE / trials)
