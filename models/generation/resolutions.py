"""The resolutions that convolutions of stride 2 go through, from an image's sides down to a few pixels."""

from __future__ import annotations


def halvings(height: int, width: int, smallest: int = 4) -> list[tuple[int, int]]:
    """Sides of an image, then of its halves, quarters and so on, rounded up, while they are not below ``smallest``.

    Raises:
        ValueError: if they cannot be halved once.

    >>> halvings(28, 28)
    [(28, 28), (14, 14), (7, 7), (4, 4)]
    >>> halvings(8, 8)
    [(8, 8), (4, 4)]
    """
    sides = [(height, width)]
    while all(_half(side) >= smallest for side in sides[-1]):
        sides.append((_half(sides[-1][0]), _half(sides[-1][1])))
    if len(sides) == 1:
        raise ValueError(f"sides of an image must be at least {2 * smallest - 1}, not {height} x {width}")
    return sides


def _half(side: int) -> int:
    """Rounded up."""
    return (side + 1) // 2


def halving_kernel(sides: tuple[int, int]) -> tuple[int, int]:
    """Of a convolution of stride 2 with one pixel of padding that halves these sides, or transposed, leads to them."""
    height, width = (4 - side % 2 for side in sides)
    return height, width
