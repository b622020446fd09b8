"""Generators whose images can be mixed of the styles of several, and that find the style of a given image."""

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
        """The style of every layer, ``(B, layers, w)``, that codes stand for."""


class Projection(NamedTuple):
    """How far a search for the style of an image has come.

    Attributes:
        w: The style ``(w,)``: as a code, it makes ``image`` with the noise ``none``.
        image: ``(channels, height, width)`` with pixels in [0, 1].
        loss: How unlike the given image it is: their mean squared difference, in pixels and features.
        step: Number of steps done, from 1.
        steps: Of the whole search.
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
        """Search step by step, so that who asks can stop, tell how far it is, or do something else in between.

        The same image has the same answer.

        Args:
            pixels: One image of the full size, with pixels in [0, 1].

        Raises:
            InputShapeError: if it is of another size.
        """
