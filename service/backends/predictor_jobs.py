"""Jobs for backends of predictive models, and their results: arrays and plain facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Interval = tuple[Float64Array, Float64Array]
"""Lower and upper ends ``(B, ..., D)``, in target units."""
StopReason = Literal["fixed", "tolerance", "samples"]


@dataclass(frozen=True)
class PredictJob:
    """One request's share of a batch.

    Attributes:
        rows: Raw and checked rows, ``(B, *shape)``.
        seed: Seed of the draws.
        samples: Number of draws, at most the backend's ``max_samples``; 0 is the posterior's mean.
        tolerance: Largest standard error of the mean, in the mean's units, at which drawing stops early.
        keep_draws: ``True`` to return the mean, variance and skew of each draw as well.
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
        samples: Number of draws used.
        seed: Seed of the draws.
        stop_reason: Reason for which there were no more draws.
        evidence: Evidence that the model does not know about each row, ``(B,)`` by its kind;
            :mod:`models.prediction.evidence` says what the kinds mean.
        draw_means: Mean of each draw, ``(S, B, ...)``, if the job asked for it.
        draw_variances: Variance of each draw, ``(S, B, ...)``, if the job asked for it.
        draw_skews: Quantile skewness of each draw, ``(S, B, ...)``, if the job asked for it and the likelihood has one.
        skew: Quantile skewness of each row, ``(B, ...)``; ``None`` where mean and variance decide all.
        row_samples: Number of draws of each row, ``(B,)``, if each stopped by itself; ``samples`` is the largest.
    """

    statistics: Mapping[str, Float64Array | None]
    samples: int
    seed: int
    stop_reason: StopReason
    evidence: Mapping[str, Float64Array] = field(default_factory=dict)
    draw_means: Float64Array | None = None
    draw_variances: Float64Array | None = None
    draw_skews: Float64Array | None = None
    skew: Float64Array | None = None
    row_samples: NDArray[np.int64] | None = None

    @property
    def variance(self) -> Float64Array:
        """The total variance of each row; of a single function, the noise's alone."""
        total, noise = self.statistics["total_variance"], self.statistics["aleatoric_variance"]
        assert noise is not None  # every task reports it
        return noise if total is None else total


def join(parts: Sequence[Prediction]) -> Prediction:
    """Return predictions of consecutive rows, by the same draws, as one; what only single draws tell is not joined."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    evidence = {name: np.concatenate([part.evidence[name] for part in parts]) for name in first.evidence}
    statistics = {name: _join([part.statistics[name] for part in parts]) for name in first.statistics}
    return replace(first, statistics=statistics, evidence=evidence, skew=_join([part.skew for part in parts]))


def _join(parts: Sequence[Float64Array | None]) -> Float64Array | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None
