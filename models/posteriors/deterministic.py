"""No uncertainty about the weights: the control that every Bayesian model is compared with."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from models.prediction.regularised import Regularised


class Deterministic(Regularised):
    r"""A posterior of one function: nothing epistemic is estimated, and an answer says so by ``null``.

    The function is the maximum a posteriori of the weights under a Gaussian prior. Dropout, if the network has any,
    is kept for training alone, every row with masks of its own: ordinary regularisation.

    Args:
        network: Any network.
        input_shape: Shape of one row.
        length_scale: Length scale of the weight decay, as in MC-dropout.
    """

    max_samples = 0
    sites = ()

    def transform_noise(self, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return no tensor ``(S, ...)``: the network itself is the only function."""
        return {}
