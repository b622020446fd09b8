"""Which rows are chosen: beside a search that leaves nothing out, and where rows are equal."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from models.prediction.acquisition.categorical import CategoricalInformation
from models.prediction.acquisition.gaussian import GaussianInformation
from models.prediction.acquisition.information import Information
from models.prediction.acquisition.selection import random_rows, select


def some_probs(rows: int = 200, seed: int = 0) -> Tensor:
    return torch.randn(16, rows, 3, generator=torch.Generator().manual_seed(seed)).double().softmax(-1)


def greedily(pool: Information, n: int) -> list[int]:
    """The rows that add most, each time found among all."""
    rows: list[int] = []
    for _ in range(n):
        gains = pool.gains(torch.arange(pool.rows))
        gains[rows] = -1
        rows.append(int(gains.argmax()))
        pool.add(rows[-1])
    return rows


def gaussian(rows: int = 200) -> GaussianInformation:
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(16, rows, 1, generator=generator)
    return GaussianInformation(means, torch.rand(16, rows, 1, generator=generator) + 0.1)


def test_a_batch_is_the_one_that_a_full_search_finds() -> None:
    chosen = select("batchbald", CategoricalInformation(some_probs()), 6)
    assert chosen.rows == greedily(CategoricalInformation(some_probs()), 6)
    assert chosen.joint[-1] == pytest.approx(sum(chosen.gains or ()))
    assert select("batchbald", gaussian(), 12).rows == greedily(gaussian(), 12)


def test_a_batch_holds_more_than_the_best_rows_by_themselves() -> None:
    twins = some_probs(20).repeat_interleave(5, dim=1)
    together, alone = (select(method, CategoricalInformation(twins), 5) for method in ("batchbald", "bald"))
    assert together.joint[-1] > alone.joint[-1]
    assert {row // 5 for row in alone.rows} == {alone.rows[0] // 5}, "the same row five times"
    assert len({row // 5 for row in together.rows}) > 1
    assert sum(alone.gains or ()) > alone.joint[-1]


@pytest.mark.parametrize("method", ["bald", "batchbald", "epig"])
def test_of_equal_rows_the_first_is_chosen(method: Any) -> None:
    equal = some_probs(1).expand(16, 100, 3)
    assert list(select(method, CategoricalInformation(equal), 3).rows) == [0, 1, 2]


def test_rows_that_tell_about_the_targets_are_chosen() -> None:
    probs = some_probs(40)
    targets = CategoricalInformation(probs[:, 30:31])
    assert select("epig", CategoricalInformation(probs), 1, targets=targets).rows == [30]


@pytest.mark.parametrize("method", ["bald", "batchbald", "epig", "random"])
def test_rows_are_chosen_once_each_even_if_that_is_all(method: Any) -> None:
    for pool in (CategoricalInformation(some_probs(70)), gaussian(70)):
        chosen = select(method, pool, 70)
        assert sorted(chosen.rows) == list(range(70))
        assert len(chosen.joint) == 70
        assert all(later >= earlier - 1e-9 for earlier, later in zip(chosen.joint, chosen.joint[1:], strict=False))


def test_random_rows_depend_on_the_seed_alone() -> None:
    chosen = select("random", gaussian(), 5, seed=3)
    assert chosen.rows == random_rows(200, 5, seed=3) != random_rows(200, 5, seed=4)
    assert chosen.gains is None


@pytest.mark.parametrize("method", ["batchbald", "bald"])
def test_work_that_nobody_waits_for_ends(method: Any) -> None:
    def refuse() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        select(method, gaussian(), 3, proceed=refuse)
