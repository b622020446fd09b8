"""The resolutions that convolutions of stride 2 go through, from an image's sides down to a few pixels."""

from __future__ import annotations


def halvings(height: int, width: int, smallest: int = 4) -> list[tuple[int, int]]:
    """Return an image's sides, halved again and again, rounded up, while they are not below ``smallest``.

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
    """Return half a side, rounded up."""
    return (side + 1) // 2


def halving_kernel(sides: tuple[int, int]) -> tuple[int, int]:
    """Return the kernel of a convolution of stride 2 and padding 1 that halves these sides (transposed: gives them)."""
    height, width = (4 - side % 2 for side in sides)
    return height, width
