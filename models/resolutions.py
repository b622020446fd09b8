"""The resolutions that convolutions of stride 2 go through, from an image's sides down to a few pixels."""

from __future__ import annotations


def halvings(height: int, width: int, smallest: int = 4) -> list[tuple[int, int]]:
    """Sides of an image, then of its halves, quarters and so on, while they are whole and not below ``smallest``.

    Raises:
        ValueError: if they cannot be halved once.

    >>> halvings(28, 28)
    [(28, 28), (14, 14), (7, 7)]
    >>> halvings(8, 8)
    [(8, 8), (4, 4)]
    """
    sides = [(height, width)]
    while all(side % 2 == 0 and side // 2 >= smallest for side in sides[-1]):
        sides.append((sides[-1][0] // 2, sides[-1][1] // 2))
    if len(sides) == 1:
        raise ValueError(f"sides of an image must be even and at least {2 * smallest}, not {height} x {width}")
    return sides
