"""MC-dropout: a draw is one set of dropout masks."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from models.catalogue import NonNegative
from models.errors import ModelStructureError
from models.prediction.regularised import Regularised


class MCDropout(Regularised):
    r"""Dropout kept at prediction time: variational inference with Bernoulli masks on the weights' rows.

    One mask serves all rows of a batch, and all time steps of a sequence, so that one draw is one function. In
    training every row has a mask of its own, which is ordinary dropout.

    Args:
        network: Network with ``nn.Dropout`` modules; the masks go there.
        input_shape: Shape of one row; the shapes of the masks are learnt from a row of zeros.
        length_scale: Length scale :math:`l` of the prior, in the weight decay of the paper (its factor :math:`1 - p` is
            absorbed here), :math:`\mathrm{KL} \approx \frac{l^2}{2} \lVert W \rVert^2`.

    References:
        Gal & Ghahramani (2016), Dropout as a Bayesian Approximation.
        Gal & Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent Neural Networks.
    """

    def __init__(self, network: nn.Module, input_shape: tuple[int, ...], length_scale: NonNegative = 0.1) -> None:
        super().__init__(network, input_shape, length_scale)
        self.sites = self.masks
        if not self.sites:
            raise ModelStructureError("MC-dropout needs a network with at least one active nn.Dropout")

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the masks ``(S, ...)`` as they were drawn: they are the draw."""
        return dict(noise)
