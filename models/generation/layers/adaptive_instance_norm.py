"""Adaptive instance normalisation: a style sets the mean and the deviation of every feature map."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.layers.equalised import EqualisedLinear


class AdaptiveInstanceNorm(nn.Module):
    r"""Normalisation that replaces the mean and the deviation of each feature map by those that a style asks for.

    .. math:: y_s \frac{x - \mu(x)}{\sigma(x)} + y_b, \quad (y_s - 1, y_b) = A(w)

    References:
        Huang & Belongie (2017), Arbitrary Style Transfer in Real-time; Karras et al. (2019), StyleGAN, eq. 1.
    """

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.affine = EqualisedLinear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return normalised features ``(B, C, H, W)`` of features of that shape and styles ``(B, style)``."""
        asked: Tensor = self.affine(style)[:, :, None, None]
        scale, shift = asked.chunk(2, 1)
        return (1 + scale) * F.instance_norm(x) + shift
