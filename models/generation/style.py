"""Generators that mix the styles of several images, and that find the style of a given image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import Tensor

from models.generation.generator import Generator


class StyleMixer(Generator):
    """A generator with a style for every layer.

    A code may hold ``styles`` of shape ``(B, layers, w)``, from :meth:`styles`; nothing but the noise and the size of
    the image is then read from the rest of it.

    Attributes:
        levels: Layers by what they decide, from ``coarse`` (pose, shape) over ``middle`` to ``fine`` (stroke, colour).
    """

    levels: dict[str, range]

    @abstractmethod
    def styles(self, latents: Mapping[str, Tensor]) -> Tensor:
        """Return the style of every layer, ``(B, layers, w)``, that codes ``(B, ...)`` stand for."""


class Projection(NamedTuple):
    """The state of a search for the style of an image.

    Attributes:
        w: Style ``(w,)``: as a code with the noise ``none``, it gives ``image``.
        image: Image ``(channels, height, width)`` with pixels in [0, 1].
        loss: Mean squared difference from the given image, in pixels and features.
        step: Number of steps done, from 1.
        steps: Number of steps of the whole search.
    """

    w: Tensor
    image: Tensor
    loss: float
    step: int
    steps: int


class Projector(Generator):
    """A generator that finds the style of a given image."""

    @abstractmethod
    def projection(self, pixels: Tensor) -> Iterator[Projection]:
        """Yield the search step by step, so that the caller can stop it or report its progress.

        The same image has the same answer.

        Args:
            pixels: One image ``(channels, height, width)`` of the full size, with pixels in [0, 1].

        Raises:
            InputShapeError: if it is of another size.
        """
