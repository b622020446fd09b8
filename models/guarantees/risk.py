r"""Risk control where a row has many outcomes: the share of them that is missed stays below a bound, on average.

A label of several, a class of a pixel, the outcome of a step: each has a score, and what scores at most a threshold
:math:`\lambda` is in the answer. The loss of a row is the share of its true outcomes that are not, its false-negative
rate, which falls as the threshold rises. With :math:`n` calibration rows the threshold is the smallest one for which

.. math:: \frac{n}{n + 1} \hat R(\lambda) + \frac{1}{n + 1} \le \alpha

and a new row's expected loss is then at most :math:`\alpha`. Rows are exchangeable, not their outcomes: a threshold is
right on average over images or sequences. It holds for each class where the loss counts that class alone.

References:
    Angelopoulos, Bates, Fisch, Lei & Schuster (2022), Conformal Risk Control.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.guarantees.conformal import check_rows

Numbers = NDArray[np.float32]
RISKS = np.linspace(0, 1, 401) ** 2
"""Risks that thresholds are kept for: closer together where they are small."""


@dataclass(frozen=True)
class RiskCurves:
    """The threshold at which calibration rows have each of :data:`RISKS`, after each of ``K`` numbers of draws.

    Attributes:
        thresholds: Thresholds ``(K, G, risks)``, for each class or label, and behind them for all together.
        rows: Number of rows with a true outcome of each class, and of any, ``(G,)``.
    """

    thresholds: Numbers
    rows: NDArray[np.int64]

    @classmethod
    def fit(cls, needed: Numbers) -> RiskCurves:
        """Return the curves of the scores that rows need, ``(K, G, M, n)`` as :func:`scores_needed` returns them."""
        has = ~np.isnan(needed[0, :, 0])
        thresholds = np.full((*needed.shape[:2], len(RISKS)), np.nan, np.float32)
        for group, of_group in enumerate(has):
            pooled = np.sort(needed[:, group][:, :, of_group].reshape(len(needed), -1), 1)
            if pooled.size:
                kept = np.ceil(np.round((1 - RISKS) * pooled.shape[1], 6)).astype(int)
                thresholds[:, group] = np.where(kept > 0, pooled[:, np.maximum(kept, 1) - 1], -np.inf)
        return cls(thresholds, has.sum(1))

    def threshold(self, position: int, group: int, level: float, of: str = "") -> float:
        """Return the threshold at which a new row is expected to miss at most the share ``1 - level``.

        Args:
            position: Position of the number of draws.
            group: Class or label; -1 for all together.
            level: Share that is not missed, in (0, 1).
            of: Words that follow the number of rows in the refusal.

        Raises:
            LevelError: if the rows are too few for that level.
        """
        rows = int(self.rows[group])
        check_rows(rows, level, of)
        allowed = max(0.0, (1 - level) - level / rows)
        place = int(np.searchsorted(RISKS, allowed + 1e-9, side="right")) - 1
        return float(np.nextafter(self.thresholds[position, group, place], np.float32(np.inf)))


def scores_needed(scores: Tensor, wanted: Tensor, parts: int) -> Tensor:
    """Return the threshold below which each row misses its share ``1 - 1 / parts``, ... down to none, ``(B, parts)``.

    Args:
        scores: Scores of true outcomes, ``(B, P)``.
        wanted: Outcomes that count, boolean ``(B, P)``.
        parts: Number of thresholds that stand for a row; a share that is between two of them counts as missed.

    Returns:
        Thresholds, rising; NaN for rows without any outcome that counts.
    """
    ranked = scores.where(wanted, math.inf).sort(-1).values
    counts = wanted.sum(-1, keepdim=True)
    shares = torch.arange(1, parts + 1, device=scores.device, dtype=torch.float64) / parts
    ranks = (counts * shares - 1e-9).ceil().long().clamp_min(1) - 1
    return ranked.gather(-1, ranks).masked_fill(counts == 0, math.nan)
