"""A generator and a critic that gain resolution while they learn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from models.errors import ControlError
from models.generation.adversarial import AdversarialGenerator
from models.generation.layers.progressive_critic import ProgressiveCritic
from models.generation.layers.to_rgb import ToRGB, fade
from models.specs import Control, choice

_SMALLEST_HALVED = 8
"""Least side in pixels that is halved."""


class ProgressiveGenerator(AdversarialGenerator):
    """An adversarial generator of images of several sizes, each twice the one before.

    How far it has grown is no state of its own but part of an image's code: the ``resolution``, whose place among the
    sizes is called its stage, and ``fade_alpha``, how far that is faded in.

    Attributes:
        sizes: ``(height, width)`` of every stage, smallest first.

    References:
        Karras et al. (2018), Progressive Growing of GANs, section 2.
    """

    sizes: tuple[tuple[int, int], ...]
    critic: ProgressiveCritic

    @property
    @abstractmethod
    def to_rgb(self) -> ToRGB:
        """Return the layers that turn features into pixels."""

    def check_together(self, given: Mapping[str, Tensor]) -> None:
        fade, size = given.get("fade_alpha"), given.get("resolution")
        smallest = len(self.sizes) == 1 if size is None else bool((size == 0).any())
        if fade is not None and smallest and (fade < 1).any():
            raise ControlError("fade_alpha has no effect at the smallest resolution; leave it out", "/fade_alpha")

    def judge(self, pixels: Tensor, latents: Mapping[str, Tensor]) -> Tensor:
        """Return how real images ``(B, C, H, W)`` look, ``(B,)``; the deviation over the batch counts."""
        values: Tensor = self.critic(pixels, stage(latents), latents["fade_alpha"])
        return values

    def shrink(self, pixels: Tensor, latents: Mapping[str, Tensor]) -> Tensor:
        """Return images of the full size as if generated from these codes: mean pixels, faded in alike.

        Args:
            pixels: Images ``(B, channels, height, width)`` in [0, 1].
            latents: Codes ``(B, ...)`` of one stage.
        """
        factor = 2 ** (len(self.sizes) - 1 - stage(latents))
        small = F.avg_pool2d(pixels, factor) if factor > 1 else pixels
        if stage(latents) == 0:
            return small
        return fade(F.avg_pool2d(small, 2), small, latents["fade_alpha"])


def stage(latents: Mapping[str, Tensor]) -> int:
    """Return the one stage of a batch of codes ``(B, ...)``."""
    return int(latents["resolution"][0])


def progressive_sizes(shape: tuple[int, int, int]) -> tuple[tuple[int, int], ...]:
    """Return sizes in pixels from the smallest to that of ``shape``: halved while both sides are even and at least 8.

    >>> progressive_sizes((1, 28, 28))
    ((7, 7), (14, 14), (28, 28))
    """
    height, width = shape[1:]
    if height % 2 or width % 2 or min(height, width) < _SMALLEST_HALVED:
        return ((height, width),)
    return (*progressive_sizes((shape[0], height // 2, width // 2)), (height, width))


def size_names(sizes: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    """Return the names of sizes in requests: the side of a square, ``HxW`` of others."""
    return tuple(f"{height}" if height == width else f"{height}x{width}" for height, width in sizes)


def progressive_channels(stages: int, width: int, most: int) -> tuple[int, ...]:
    """Return the channels at every stage: ``width`` at the last, twice as many at each one before, ``most`` at most."""
    return tuple(min(most, width * 2 ** (stages - 1 - i)) for i in range(stages))


def progressive_controls(sizes: tuple[tuple[int, int], ...]) -> tuple[Control, Control]:
    """Return the controls of the size of images: the resolution and its fade."""
    names = size_names(sizes)
    return (
        choice("resolution", names, names[-1], "side of the image in pixels, the largest if left out"),
        Control(
            "fade_alpha",
            "continuous",
            0.0,
            1.0,
            "how far the resolution is faded in: 0 is the image of half the size, enlarged; 1 if left out",
            default=1.0,
        ),
    )
