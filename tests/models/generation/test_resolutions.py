"""Which sides can be halved, and how often."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from models.generation.resolutions import halving_kernel, halvings


@pytest.mark.parametrize(
    ("sides", "smallest"),
    [
        ((8, 8), (4, 4)),
        ((28, 28), (4, 4)),
        ((32, 64), (4, 8)),
        ((128, 128), (4, 4)),
        ((45, 60), (6, 8)),
        ((7, 9), (4, 5)),
    ],
)
def test_both_sides_are_halved_while_neither_falls_below_4(sides: tuple[int, int], smallest: tuple[int, int]) -> None:
    resolutions = halvings(*sides)
    assert (resolutions[0], resolutions[-1]) == (sides, smallest)
    assert all(
        2 * after - before in (0, 1) for some in pairwise(resolutions) for before, after in zip(*some, strict=True)
    )


def test_another_smallest_side() -> None:
    assert halvings(8, 8, smallest=2)[-1] == (2, 2)


@pytest.mark.parametrize("sides", [(6, 8), (8, 6), (6, 6), (8, 4), (1, 1)])
def test_sides_that_cannot_be_halved_are_refused(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"must be at least 7, not {sides[0]} x {sides[1]}"):
        halvings(*sides)


@pytest.mark.parametrize("sides", [(28, 28), (7, 14), (45, 60), (9, 7)])
def test_convolutions_lead_down_and_back_up(sides: tuple[int, int]) -> None:
    half = halvings(*sides)[1]
    kernel = halving_kernel(sides)
    assert nn.Conv2d(1, 1, kernel, 2, 1)(torch.zeros(1, 1, *sides)).shape[2:] == half
    assert nn.ConvTranspose2d(1, 1, kernel, 2, 1)(torch.zeros(1, 1, *half)).shape[2:] == sides
