"""How far the distribution of made images is from that of real ones, on a judge's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from training.figures.generation.gallery import Gallery

_MOST = 5000


def figures(gallery: Gallery) -> dict[str, float]:
    """The mean distance of made images to two halves of the real ones, all three of one size, and the halves' own.

    The floor is what images without a fault score. Both fall with the number of images, 5000 at most: the floor in
    proportion, so that a ratio too is comparable at the same number only.
    """
    size = min(_MOST, gallery.samples, len(gallery.real) // 2)
    if gallery.judge is None or size < 2:
        return {}
    made, real = gallery.made_features[:size], gallery.real_features
    first, second = real[:size], real[size : 2 * size]
    floor = frechet_distance(first, second)
    distance = (frechet_distance(made, first) + frechet_distance(made, second)) / 2
    ratio = {"frechet_lenet_ratio": distance / floor} if floor > 0 else {}
    return {"frechet_lenet": distance, "frechet_lenet_floor": floor} | ratio | {"frechet_images": float(size)}


def frechet_distance(first: Tensor, second: Tensor) -> float:
    r"""Between Gaussians of the mean and covariance of two sets of features.

    .. math:: \lVert \mu_1 - \mu_2 \rVert^2 + \mathrm{tr}\left(C_1 + C_2 - 2 (C_1 C_2)^{1/2}\right)

    Args:
        first: ``(N, F)`` in double precision, at least two rows.
        second: ``(M, F)``.

    References:
        Heusel et al. (2017), GANs Trained by a Two Time-Scale Update Rule, eq. 6.
    """
    metric = FrechetInceptionDistance(_AsTheyAre(first.shape[1]), normalize=True).set_dtype(torch.float64)
    metric.update(first, real=True)
    metric.update(second, real=False)
    return max(0.0, float(metric.compute()))


class _AsTheyAre(nn.Identity):
    """Features in the place of images that features would be taken of."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size
