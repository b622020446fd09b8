"""The choice by held-out rows, against known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from training.data import Dataset, Split
from training.data.dataset import table_spec, target_spec
from training.experiments.model_selection import folds, log_likelihood, select


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def table(rows: int) -> Dataset:
    x = torch.arange(rows, dtype=torch.float32).unsqueeze(1)
    part = Split(x, 2 * x)
    return Dataset("t", table_spec(x, ("x",)), target_spec(part.targets, ("y",)), part, part, part, part)


def test_the_log_likelihood_is_that_of_the_mixture() -> None:
    means, targets = noise(30, 7, 1), noise(7, 1, seed=1)
    density = norm.pdf(targets.numpy()[None], means.numpy(), 0.3).mean(0).squeeze(-1)
    assert log_likelihood(means, targets, 0.3).numpy() == pytest.approx(np.log(density))
    precision = 0.3**-2
    published = (
        torch.logsumexp(-precision / 2 * (targets - means).square(), 0).squeeze(-1)
        - math.log(30)
        - 0.5 * math.log(2 * math.pi)
        + 0.5 * math.log(precision)
    )
    assert torch.allclose(log_likelihood(means, targets, 0.3), published)


def test_draws_that_agree_leave_all_of_the_error_to_the_noise() -> None:
    targets = 3 * noise(500, 1)
    choice = select({0.1: torch.zeros(20, 500, 1, dtype=torch.float64)}, targets)
    assert choice.deviation == pytest.approx(float(targets.square().mean().sqrt()), rel=0.02)
    assert choice.log_likelihood == pytest.approx(
        -math.log(choice.deviation) - 0.5 * math.log(2 * math.pi * math.e), abs=1e-3
    )


def test_draws_that_spread_explain_a_part_of_it() -> None:
    targets = noise(2000, 1) + 2 * noise(2000, 1, seed=1)
    choice = select({0.1: noise(400, 1, 1, seed=2).expand(-1, 2000, -1)}, targets)
    assert choice.deviation == pytest.approx(2, rel=0.1)


def test_the_likeliest_candidate_is_chosen() -> None:
    targets = noise(200, 1)
    means = {p: (targets + error * noise(200, 1, seed=1)).expand(5, -1, -1) for p, error in ((0.1, 2.0), (0.2, 0.5))}
    assert select(means, targets).dropout == 0.2
    assert select(dict(reversed(means.items())), targets).dropout == 0.2


def test_many_rows_hold_out_their_last_fifth_alone() -> None:
    (part,) = folds(table(2001))
    assert part.validation.inputs.flatten().tolist() == [float(i) for i in range(1601, 2001)]
    assert part.train.inputs.flatten().tolist() == [float(i) for i in range(1601)]
    assert part.inputs.mean == pytest.approx((800.0,))
    assert part.outputs is not None
    assert part.outputs.mean == pytest.approx((1600.0,))


def test_few_rows_hold_out_every_fifth_in_turn() -> None:
    parts = list(folds(table(53)))
    held = [part.validation.inputs.flatten().tolist() for part in parts]
    assert held[0] == [float(i) for i in range(43, 53)]
    assert sorted(row for rows in held for row in rows) == [float(i) for i in range(3, 53)]
    for part, rows in zip(parts, held, strict=True):
        assert sorted(part.train.inputs.flatten().tolist() + rows) == [float(i) for i in range(53)]
    assert len(list(folds(table(1000)))) == 2
