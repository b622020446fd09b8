"""Does a generator repeat its training images?"""

from __future__ import annotations

import torch
from torch import Tensor

from training.evaluation.generator import Gallery

_IMAGES = 1000


def figures(gallery: Gallery) -> dict[str, float]:
    """Median distance of made images to their nearest training image, over that of real ones held out.

    In pixels. Well below 1 it repeats them; blurred images are a little below 1 too, as they are close to everything.
    """
    made, real = (nearest(images[:_IMAGES], gallery) for images in (gallery.made, gallery.real))
    return {"nearest_training_ratio": float(made.median() / real.median())} if real.median() > 0 else {}


def nearest(images: Tensor, gallery: Gallery) -> Tensor:
    """Distance of each image to the nearest training image, root of the sum over the pixels, ``(N,)``."""
    least = torch.full((len(images),), torch.inf)
    for block in gallery.training_blocks():
        least = torch.minimum(least, torch.cdist(images.flatten(1), block.flatten(1)).amin(-1))
    return least
