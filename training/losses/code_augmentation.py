"""Made images changed at random before a code is read off them: what is changed, the code cannot mean.

InfoGAN's codes mean whatever its images can tell of them, and Q finds details that no eye sees. Blur, a small shift and
another brightness leave no such details, and a change of the whole leaves no room for a code that says how large that
change is: a code that Q reads off digits stretched to the sides at random is not their width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.noise import Site, Uniform
from training.losses.adversarial_loss import StepContext
from training.losses.augmentation import warped


@dataclass(frozen=True)
class Disguise:
    """How far images are changed: every amount is drawn for each image, uniformly up to this much to either side.

    Attributes:
        shift: Pixels, to the sides and up and down.
        gain: Share of the brightness.
        width: Share of the width.
        height: Share of the height.
        shear: Pixels to the side for every pixel of height.
        blur: Side of a square, odd: the mean over it, taken twice, is as blurred as an image gets, and every one is
            somewhere between that and sharp.
    """

    shift: float = 2.0
    gain: float = 0.5
    width: float = 0.0
    height: float = 0.0
    shear: float = 0.0
    blur: int = 5

    def __call__(self, images: Tensor, purpose: str, context: StepContext) -> Tensor:
        """Images ``(B, channels, height, width)``, every one with changes of its own.

        Args:
            purpose: What for: for another purpose at the same context they are changed in other ways.
        """
        site = Site(f"disguise/{purpose}", (7, len(images)), Uniform(-1.0, 1.0))
        width, shear, right, height, down, gain, blur = context.draw(site, images.device)
        to_side, to_bottom = (2 * self.shift / side for side in (images.shape[3], images.shape[2]))
        moved = warped(
            images,
            (1 + self.width * width, self.shear * shear, to_side * right),
            (torch.zeros_like(height), 1 + self.height * height, to_bottom * down),
        )
        blur, gain = (amount[:, None, None, None] for amount in (blur, gain))
        changed: Tensor = torch.lerp(moved, self.blurred(moved), (1 + blur) / 2) * (1 + self.gain * gain)
        return changed

    def blurred(self, images: Tensor) -> Tensor:
        """All of the blur there is."""
        once = F.avg_pool2d(images, self.blur, 1, self.blur // 2)
        return F.avg_pool2d(once, self.blur, 1, self.blur // 2)
