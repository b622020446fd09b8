"""Generators that can be searched for the code of a given image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from models.generator import Generator


class Projection(NamedTuple):
    """Where a search stands.

    Attributes:
        w: The code so far, as a request may give it again.
        loss: How unlike the image is, in the search's own measure; smaller is better.
        image: That the code makes, ``(channels, height, width)`` in [0, 1].
        progress: Share of the search that is done; 1 for the last.
    """

    w: Tensor
    loss: float
    image: Tensor
    progress: float


class Projector(Generator):
    """A generator whose intermediate code ``w`` can be found for an image."""

    @abstractmethod
    def projection(self, pixels: Tensor) -> Iterator[Projection]:
        """Search the code whose image is most like the given one.

        Whoever iterates decides when the next steps are done, and may stop at any time. Nothing in the model changes,
        and between two steps gradients are as on or off as they were before.

        Args:
            pixels: ``(channels, height, width)`` in [0, 1].

        Yields:
            Where the search stands, after every few steps; the last is the result.
        """
