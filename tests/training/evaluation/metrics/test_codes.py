"""What a code stands for: known answers and an independent implementation."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import spearmanr

from training.evaluation.metrics.codes import match, spearman


def test_a_permutation_is_found_and_scored() -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    classes = torch.arange(5).repeat(20)
    found, share = match(order[classes], classes, 5)
    assert torch.equal(found, order)
    assert share == 1.0


def test_of_one_group_it_is_scipys() -> None:
    generator = torch.Generator().manual_seed(0)
    code = torch.rand(200, generator=generator)
    measure = (code + torch.rand(200, generator=generator)).round(decimals=1)
    expected = spearmanr(code.numpy(), measure.numpy()).statistic
    assert spearman(code, measure, torch.zeros(200)) == pytest.approx(expected, abs=1e-9)


def test_what_differs_between_groups_does_not_count() -> None:
    code, groups = torch.linspace(-1, 1, 20).repeat(2), torch.arange(2).repeat_interleave(20)
    assert spearman(code, code.exp() + 100 * groups, groups) == pytest.approx(1.0)
    assert spearman(code, code * (1 - 2 * groups), groups) == pytest.approx(0.0)


def test_a_constant_or_too_few_rows_tell_nothing() -> None:
    assert spearman(torch.rand(20), torch.ones(20), torch.zeros(20)) == 0.0
    assert spearman(torch.rand(5), torch.rand(5), torch.zeros(5)) == 0.0
