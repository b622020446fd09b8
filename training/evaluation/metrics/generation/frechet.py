"""How far the distribution of made images is from that of real ones, on a judge's features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from training.evaluation.generator import Gallery

_MOST = 5000


def figures(gallery: Gallery) -> dict[str, float]:
    """On the judge's features, and on Inception's where the user has its weights.

    Each is the mean distance of made images to two halves of the real ones, all three of one size, beside the halves'
    own: the floor is what images without a fault score. Both fall with the number of images, 5000 at most: the floor
    in proportion, so that a ratio too is comparable at the same number only.
    """
    size = min(_MOST, gallery.samples, len(gallery.real) // 2)
    found: dict[str, float] = {}
    if size < 2:
        return found
    if gallery.judge is not None:
        found |= _distances("lenet", gallery.made_features[:size], gallery.real_features[: 2 * size])
    if gallery.inception is not None:
        features = gallery.inception.features
        found |= _distances("inception", features(gallery.made[:size]), features(gallery.real[: 2 * size]))
    return found | ({"frechet_images": float(size)} if found else {})


def _distances(name: str, made: Tensor, real: Tensor) -> dict[str, float]:
    first, second = real.chunk(2)
    floor = frechet_distance(first, second)
    distance = (frechet_distance(made, first) + frechet_distance(made, second)) / 2
    ratio = {f"frechet_{name}_ratio": distance / floor} if floor > 0 else {}
    return {f"frechet_{name}": distance, f"frechet_{name}_floor": floor} | ratio


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
