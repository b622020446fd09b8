"""Random flips, crops and changes of colour of training pictures, their masks flipped and cropped with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.noise import Site, Uniform
from models.specs import InputSpec
from training.data import Split
from training.errors import RecipeError
from training.losses.step_context import StepContext

Flip = Literal["none", "horizontal", "vertical", "both"]

_GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey: ITU-R 601-2."""


@dataclass(frozen=True)
class PictureAugmentation:
    """Random changes that leave what a picture shows, drawn anew for every picture and step.

    Args:
        inputs: Specification of the pictures.
        flip: Axes along which a picture is mirrored, each with probability one half.
        crop: Largest shift in pixels: each picture is continued by its mirror image on all sides, and a part of its own
            size is cut out of that.
        colour_jitter: Largest relative change ``j`` of brightness, contrast and saturation: each is multiplied by a
            factor between ``1 - j`` and ``1 + j``.

    Raises:
        RecipeError: if the inputs are no pictures, or too small or without a range of values.

    References:
        He et al. (2016), Deep Residual Learning for Image Recognition, section 4.2 (flips and crops); Howard (2014),
        Some Improvements on Deep Convolutional Neural Network Based Image Classification (colours).
    """

    inputs: InputSpec
    flip: Flip = "none"
    crop: int = 0
    colour_jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.inputs.kind != "image":
            raise RecipeError(f"flip, crop and colour_jitter change pictures, not a {self.inputs.kind}: leave them out")
        if self.crop >= min(self.inputs.shape[1:]):
            raise RecipeError(
                f"crop={self.crop} is too much: pictures are {self.inputs.shape[1]} x {self.inputs.shape[2]} pixels"
            )
        if self.colour_jitter and (self.inputs.low is None or self.inputs.high is None):
            raise RecipeError("colour_jitter needs pictures with a smallest and a largest value: leave it out")

    def __call__(self, batch: Split, context: StepContext) -> Split:
        """Return a batch with its pictures changed, ``(B, channels, height, width)``, and its masks moved along."""
        images, targets = batch
        if self.flip != "none" or self.crop:
            rows, columns = self._places(len(images), context, images.device)
            images = _taken(images.movedim(1, -1), rows, columns).movedim(-1, 1)
            targets = _taken(targets, rows, columns) if targets.ndim == 3 else targets
        return Split(self._recoloured(images, context) if self.colour_jitter else images, targets)

    def _places(self, count: int, context: StepContext, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return the row ``(B, height)`` and the column ``(B, width)`` that each new one is taken from."""
        drawn = context.draw(Site("picture flip", (count, 2), Uniform(0.0, 1.0)), device) < 0.5
        shifts = context.draw(Site("picture crop", (count, 2), Uniform(-self.crop - 0.5, self.crop + 0.5)), device)
        shifts = shifts.round().long().clamp(-self.crop, self.crop)
        mirrored = {
            "none": (False, False),
            "horizontal": (False, True),
            "vertical": (True, False),
            "both": (True, True),
        }
        axes = []
        for axis, mirrors in enumerate(mirrored[self.flip]):
            size = self.inputs.shape[1 + axis]
            places = torch.arange(size, device=device) + shifts[:, axis, None]
            places = (size - 1) - (size - 1 - places.abs()).abs()  # reflected at both edges
            axes.append(torch.where(drawn[:, axis, None] & mirrors, size - 1 - places, places))
        return axes[0], axes[1]

    def _recoloured(self, images: Tensor, context: StepContext) -> Tensor:
        low, high = self.inputs.low, self.inputs.high
        assert low is not None
        assert high is not None  # as checked above
        jitter = Uniform(1 - self.colour_jitter, 1 + self.colour_jitter)
        factors = context.draw(Site("picture colours", (3, len(images), 1, 1, 1), jitter), images.device)
        pixels = ((images - low) / (high - low) * factors[0]).clamp(0, 1)
        mean = _grey(pixels).mean((1, 2, 3), keepdim=True)
        pixels = (mean + (pixels - mean) * factors[1]).clamp(0, 1)
        grey = _grey(pixels)
        return (grey + (pixels - grey) * factors[2]).clamp(0, 1) * (high - low) + low


def _taken(rows: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Return the chosen pixels of ``(B, height, width, ...)``."""
    return rows[torch.arange(len(rows), device=rows.device)[:, None, None], height[:, :, None], width[:, None, :]]


def _grey(pixels: Tensor) -> Tensor:
    """Return the grey ``(B, 1, height, width)`` of pictures; of other than three channels their mean."""
    if pixels.shape[1] != 3:
        return pixels.mean(1, keepdim=True)
    return (pixels * pixels.new_tensor(_GREY)[:, None, None]).sum(1, keepdim=True)
