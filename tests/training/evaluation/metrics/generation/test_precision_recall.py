"""Precision and recall of sets that are the same, apart, and half of each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.evaluation.metrics.generation import precision_recall
from training.evaluation.metrics.generation.precision_recall import covered_share


def rows(seed: int, size: int = 300) -> Tensor:
    return torch.randn(size, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_set_covers_itself_and_nothing_far_away() -> None:
    assert covered_share(rows(0), rows(0)) == 1
    assert covered_share(rows(0) + 100, rows(0)) == 0
    assert covered_share(rows(0), rows(1)) > 0.8


def test_half_of_the_points() -> None:
    half = torch.cat([rows(0)[:150], rows(0)[150:] + 100])
    assert covered_share(half, rows(0)) == 0.5


def test_one_image_in_place_of_all_is_precise_and_recalls_nothing() -> None:
    one = rows(0)[:1].expand(300, -1)
    assert covered_share(one, rows(0)) == 1
    assert covered_share(rows(0), one) == pytest.approx(1 / 300)


def test_a_ball_reaches_to_the_third_neighbour() -> None:
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0], [100.0]])
    points = torch.tensor([[-2.9], [-3.1], [5.9], [6.1], [2.6], [195.0]])
    assert covered_share(points[:4], line[:4]) == 0.5
    assert covered_share(points[5:], line) == 1  # a lone point reaches far


def test_two_points_are_each_others_neighbours() -> None:
    assert covered_share(torch.tensor([[1.4], [2.1]]), torch.tensor([[0.0], [1.0]])) == 0.5


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = covered_share(rows(0), rows(1))
    monkeypatch.setattr(precision_recall, "_BLOCK", 7)
    assert covered_share(rows(0), rows(1)) == whole
