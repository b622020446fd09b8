"""Are a server's answers those of the network, within the error of Monte Carlo?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

_FLOOR = 1e-4
"""Least standard deviation of a draw that counts: below it a probability is 0 or 1, and rounding is the error."""
_TOGETHER = (0.4, 1.8)
"""Bounds on the root mean square of the means' errors, in standard errors. Expected is 1, but draws that all rows share
make their errors alike; about 0 would be a mean of many more draws."""
_WORST = 8.0
"""Bound on a single mean's error, in standard errors."""
_SPREAD = (0.6, 1.6)
"""Bounds on the total of the variances over that of many draws; 0 would be a network that drops nothing."""


@dataclass(frozen=True)
class Answers:
    """What a server says of ``B`` rows and ``C`` classes.

    Attributes:
        mean: Mean class probabilities, ``(B, C)``.
        variance: Variance of the class probabilities over the draws, ``(B, C)``.
        draws: Number of draws behind them.
    """

    mean: Float64Array
    variance: Float64Array
    draws: int

    def fault(self, truth: Answers) -> str:
        """Return why these cannot be answers of the network; empty where they can.

        Args:
            truth: Answers over many more draws, by plain torch.
        """
        if self.mean.shape != truth.mean.shape:
            return f"answers of shape {self.mean.shape}, not {truth.mean.shape}"
        deviation = np.maximum(np.sqrt(truth.variance), _FLOOR)
        errors = (self.mean - truth.mean) / (deviation * np.sqrt(1 / self.draws + 1 / truth.draws))
        together, worst = float(np.sqrt(np.mean(errors**2))), float(np.abs(errors).max())
        spread = float(self.variance.sum() / truth.variance.sum())
        if _TOGETHER[0] < together < _TOGETHER[1] and worst < _WORST and _SPREAD[0] < spread < _SPREAD[1]:
            return ""
        return (
            f"means {together:.1f} standard errors off (root mean square; the worst {worst:.1f}), "
            f"variances {spread:.2f} times the network's"
        )
