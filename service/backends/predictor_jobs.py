"""What a backend that predicts is asked, and what it answers: arrays and plain facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
StopReason = Literal["fixed", "tolerance", "samples"]


@dataclass(frozen=True)
class PredictJob:
    """One request's share of a batch.

    Attributes:
        rows: Raw and checked rows, ``(B, *shape)``.
        seed: Seed of the draws.
        samples: Number of draws, at most the backend's ``max_samples``; 0 is the posterior's mean.
        tolerance: Largest standard error of the mean, in the mean's units, at which drawing stops early.
        keep_draws: ``True`` if each draw's mean and variance are wanted too.
        aleatoric_samples: Number of samples of the noise on the logits; ``None`` is the model's own.
    """

    rows: Float32Array
    seed: int
    samples: int
    tolerance: float | None = None
    keep_draws: bool = False
    aleatoric_samples: int | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.rows)


@dataclass(frozen=True)
class Prediction:
    """The answer to a :class:`PredictJob`.

    Attributes:
        statistics: Arrays by their names in :class:`models.prediction.uncertainty.Uncertainty`, rows leading; ``None``
            where nothing was estimated.
        samples: Number of draws that were used.
        stop_reason: Why there were no more draws.
        ood_score: How little is known about each row, ``(B,)``; see :func:`models.prediction.uncertainty.ood_score`.
        draw_means: Each draw's mean, ``(S, B, ...)``, where it was wanted.
        draw_variances: Each draw's variance, ``(S, B, ...)``, where it was wanted.
    """

    statistics: Mapping[str, Float64Array | None]
    samples: int
    stop_reason: StopReason
    ood_score: Float64Array | None = None
    draw_means: Float64Array | None = None
    draw_variances: Float64Array | None = None
