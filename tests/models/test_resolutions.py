"""Which sides can be halved, and how often."""

from __future__ import annotations

from itertools import pairwise

import pytest

from models.resolutions import halvings


@pytest.mark.parametrize(
    ("sides", "smallest"),
    [((8, 8), (4, 4)), ((28, 28), (7, 7)), ((32, 64), (4, 8)), ((128, 128), (4, 4)), ((12, 16), (6, 8))],
)
def test_both_sides_are_halved_while_they_are_even_and_at_least_8(
    sides: tuple[int, int], smallest: tuple[int, int]
) -> None:
    resolutions = halvings(*sides)
    assert (resolutions[0], resolutions[-1]) == (sides, smallest)
    assert all(before == (2 * after[0], 2 * after[1]) for before, after in pairwise(resolutions))


def test_another_smallest_side() -> None:
    assert halvings(8, 8, smallest=2)[-1] == (2, 2)


@pytest.mark.parametrize("sides", [(7, 8), (8, 9), (6, 6), (8, 4), (1, 1)])
def test_sides_that_cannot_be_halved_are_refused(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"must be even and at least 8, not {sides[0]} x {sides[1]}"):
        halvings(*sides)
