"""How uneven a histogram is."""

from __future__ import annotations

import math

import pytest
import torch

from training.evaluation.metrics.generation.classes import kl_to_uniform


def test_equal_shares_are_at_no_distance() -> None:
    assert kl_to_uniform(torch.full((10,), 7)) == pytest.approx(0, abs=1e-12)


def test_one_class_alone_is_as_far_as_can_be() -> None:
    assert kl_to_uniform(torch.tensor([0, 5, 0])) == pytest.approx(math.log(3))


def test_against_the_definition() -> None:
    shares = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    expected = float((shares * (shares * 3).log()).sum())
    assert kl_to_uniform(torch.tensor([50, 30, 20])) == pytest.approx(expected)
