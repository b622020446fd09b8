"""What looks wrong with a loss of two players, in words."""

from __future__ import annotations

from collections.abc import Mapping

ALIKE = 0.5
"""Made images this much closer to each other than real ones, as a share, are called collapsed."""
WON = 0.99
"""A discriminator that is right on this share of an epoch's images has won: its gradients no longer teach."""
LARGE = 1000.0
"""No loss of a loss that goes well is as large."""


def diverging(losses: Mapping[str, float]) -> dict[str, str]:
    """That the players run away from each other, under a short name; empty if they do not.

    >>> diverging({"D loss": 0.7, "G loss": 1234.5})
    {'divergence': 'diverging: the G loss is 1.23e+03; try lower learning rates'}
    """
    large = [f"the {name} is {value:.3g}" for name, value in losses.items() if abs(value) > LARGE]
    return {"divergence": f"diverging: {', '.join(large)}; try lower learning rates"} if large else {}


def lopsided(losses: Mapping[str, float], made: float, real: float) -> dict[str, str]:
    """That one of the players has lost, under short names; empty if none has.

    Args:
        losses: Means over an epoch; ``D right`` is the share of images that a discriminator was right on.
        made: Pairwise distance of made images.
        real: Of real ones.

    >>> list(lopsided({"D loss": 0.7, "D right": 0.999}, 0.1, 0.3))
    ['collapse', 'won']
    """
    found = {}
    if made < ALIKE * real:
        found["collapse"] = f"collapsing: images differ by {made:.3f} a pixel, real ones by {real:.3f}"
    if losses.get("D right", 0.0) >= WON:
        found["won"] = f"the discriminator wins: it is right on {losses['D right']:.1%} of the images"
    return found
