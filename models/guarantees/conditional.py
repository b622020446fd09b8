"""Quantiles of calibration scores by group: a level that holds in every class, or in every category of a column.

A quantile of all rows holds on average: easy classes pay for hard ones. Where the scores of each group have a quantile
of their own (Mondrian conformal prediction), the level holds in each group, whatever their shares are.

References:
    Vovk (2013), Conditional Validity of Inductive Conformal Predictors.
    Ding et al. (2023), Class-Conditional Conformal Prediction with Many Classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.guarantees.conformal import score_quantile


def quantiles_by_group(
    scores: NDArray[np.float32],
    level: float,
    groups: NDArray[np.int64],
    names: Sequence[str],
    wanted: Sequence[int] | None = None,
    ends: int = 1,
) -> NDArray[np.float64]:
    """Return the score of each group that its new rows stay below at a level, ``(groups,)``; see `score_quantile`.

    Args:
        scores: Scores of the calibration rows, ``(n,)``; NaN where the outcome was not observed.
        level: Probability, in (0, 1).
        groups: Group of each row, ``(n,)``.
        names: Names of the groups.
        wanted: Groups that are asked for, where these are not all; the quantile of the others is NaN.
        ends: Number of ends of an interval that hold together with probability ``level``.

    Raises:
        LevelError: if a group that is asked for has too few rows, with their number and its name.
    """
    quantiles = np.full(len(names), np.nan)
    for group in range(len(names)) if wanted is None else wanted:
        quantiles[group] = score_quantile(scores[groups == group], level, f" of {names[group]!r}", ends)
    return quantiles
