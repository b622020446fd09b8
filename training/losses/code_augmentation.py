"""Random changes of generated images before a code is read from them: the code cannot mean what is changed.

InfoGAN's codes mean whatever its images can tell of them, and Q finds details that no eye sees. Blur, a small shift and
another brightness leave no such details, and a change of the whole leaves no room for a code that says how large that
change is: a code that Q reads from digits stretched sideways at random is not their width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.noise import Site, Uniform
from training.losses.augmentation import warp
from training.losses.step_context import StepContext


@dataclass(frozen=True)
class CodeAugmentation:
    """Largest changes of an image; each amount is drawn uniformly between the two directions, for every image anew.

    Attributes:
        shift: Pixels, sideways and up or down.
        gain: Share of the brightness.
        width: Share of the width.
        height: Share of the height.
        shear: Pixels sideways per pixel of height.
        blur: Odd side of a square in pixels: the mean over it, taken twice, is the strongest blur, and every image is
            somewhere between that and sharp.
    """

    shift: float = 2.0
    gain: float = 0.5
    width: float = 0.0
    height: float = 0.0
    shear: float = 0.0
    blur: int = 5

    def __call__(self, images: Tensor, purpose: str, context: StepContext) -> Tensor:
        """Return the images, each changed at random.

        Args:
            images: Images ``(B, channels, height, width)``.
            purpose: Name of the use: another use in the same step draws other changes.
            context: Place of the step in its run, which the changes are drawn from.
        """
        # The site's name decides what is drawn: another one would give other weights for the same seed.
        site = Site(f"disguise/{purpose}", (7, len(images)), Uniform(-1.0, 1.0))
        width, shear, right, height, down, gain, blur = context.draw(site, images.device)
        to_side, to_bottom = (2 * self.shift / side for side in (images.shape[3], images.shape[2]))
        moved = warp(
            images,
            (1 + self.width * width, self.shear * shear, to_side * right),
            (torch.zeros_like(height), 1 + self.height * height, to_bottom * down),
        )
        blur, gain = (amount[:, None, None, None] for amount in (blur, gain))
        changed: Tensor = torch.lerp(moved, self._blur(moved), (1 + blur) / 2) * (1 + self.gain * gain)
        return changed

    def _blur(self, images: Tensor) -> Tensor:
        once = F.avg_pool2d(images, self.blur, 1, self.blur // 2)
        return F.avg_pool2d(once, self.blur, 1, self.blur // 2)
