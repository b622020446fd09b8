"""Diagnostics of a run of two players, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from training.loops.progress import readable

ALIKE = 0.5
"""Generated images this much closer to each other than real ones, as a share, are called collapsed."""
WON = 0.99
"""A discriminator that is right on this share of an epoch's images has won: its gradients no longer teach."""
LARGE = 1000.0
"""No loss of a run that goes well is as large."""
BEGINNING = 0.1
"""Share of a run in which no player is said to have lost: those who have just begun look worse than they are."""


def diverging(losses: Mapping[str, float]) -> dict[str, str]:
    """Return a warning, under a short name, if the players run away from each other; else nothing.

    >>> diverging({"discriminator_loss": 0.7, "generator_loss": 1234.5})
    {'divergence': 'diverging: the generator loss is 1.23e+03; try lower learning rates'}
    """
    large = [f"the {readable(name)} is {value:.3g}" for name, value in losses.items() if abs(value) > LARGE]
    return {"divergence": f"diverging: {', '.join(large)}; try lower learning rates"} if large else {}


def lopsided(losses: Mapping[str, float], generated: float, real: float) -> dict[str, str]:
    """Return warnings, under short names, if one of the players has lost; else nothing.

    Args:
        losses: Means over an epoch; ``discriminator_accuracy`` is the share of images that a discriminator tells apart.
        generated: Pairwise distance of generated images.
        real: Pairwise distance of real images, in the same unit.

    >>> list(lopsided({"discriminator_loss": 0.7, "discriminator_accuracy": 0.999}, 0.1, 0.3))
    ['collapse', 'won']
    """
    warnings = {}
    if generated < ALIKE * real:
        warnings["collapse"] = f"collapsing: images differ by {generated:.3f} a pixel, real ones by {real:.3f}"
    if losses.get("discriminator_accuracy", 0.0) >= WON:
        share = losses["discriminator_accuracy"]
        warnings["won"] = f"the discriminator wins: it is right on {share:.1%} of the images"
    return warnings


class Watch:
    """A watch over a run that warns when something begins to look wrong, and once more at the end."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def warning(
        self, losses: Mapping[str, float], progress: float, differences: Callable[[], tuple[float, float]]
    ) -> str:
        """Return the warnings of an epoch in one line, empty if there is none.

        Args:
            losses: Means over the epoch.
            progress: Share of the run that is done, in (0, 1].
            differences: Returns the pairwise distances of generated images and of real ones.
        """
        warnings = diverging(losses) | ({} if progress <= BEGINNING else lopsided(losses, *differences()))
        new = [text for name, text in warnings.items() if progress == 1 or name not in self._known]
        self._known |= warnings.keys()
        return "; ".join(new)
