r"""Selective prediction at a chosen risk: which rows to accept, so that the error among them stays below a bound.

Rows are accepted up to some doubt. Thresholds are tried from strict to lax, each as a hypothesis that the risk among
the rows it accepts is *above* the bound; the first that cannot be refuted ends the search, and the last that was
refuted is the threshold. As they are tested in one fixed order, the chance that its risk is above the bound after all
is at most :data:`DELTA`, however many were tried. The search has several starts, which share that chance, so that one
error among the surest rows does not end it.

References:
    Angelopoulos et al. (2021), Learn then Test: Calibrating Predictive Algorithms to Achieve Risk Control.
    Geifman & El-Yaniv (2017), Selective Classification for Deep Neural Networks.
    Waudby-Smith & Ramdas (2024), Estimating Means of Bounded Random Variables by Betting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from models.errors import RiskError

DELTA = 0.05
"""Probability that the calibration rows were so lucky that the bound does not hold."""
_STEPS = 100
"""Thresholds that are tried."""
_STARTS = 5
"""Thresholds that the search starts from."""


@dataclass(frozen=True)
class Acceptance:
    """A threshold on doubt.

    Attributes:
        threshold: Largest doubt that is accepted.
        accepted: Share of the calibration rows that it accepts.
        risk: Mean loss of these rows.
    """

    threshold: float
    accepted: float
    risk: float


def accept_below(doubt: NDArray[np.float32], loss: NDArray[np.float32], bound: float) -> Acceptance:
    """Return the largest doubt up to which the mean loss is at most a bound, with 95 % confidence.

    Args:
        doubt: Doubt of each calibration row, ``(n,)``.
        loss: Its loss, ``(n,)``: 0 or 1, or any that is not negative. Of the latter it is assumed that none is larger
            than the largest that was seen.
        bound: Largest mean loss, above 0.

    Raises:
        RiskError: if no threshold is known to do so, with the number of rows that it takes.
    """
    order = np.argsort(doubt, kind="stable")
    doubts, losses = doubt[order].astype(np.float64), loss[order].astype(np.float64)
    is_error = bool(np.isin(losses, (0.0, 1.0)).all()) and bound < 1
    largest = 1.0 if is_error else max(float(losses.max(initial=0.0)), 1e-12)
    if bound >= largest:
        return Acceptance(float(doubts[-1]), 1.0, float(losses.mean()))
    share, p_value = bound / largest, _error_p_value if is_error else _mean_p_value
    fewest = math.ceil(math.log(DELTA / _STARTS) / math.log1p(-share))
    numbers = _numbers(fewest, doubts)
    last = 0
    for chain in range(_STARTS):
        for accepted in numbers[chain * len(numbers) // _STARTS :]:
            if p_value(losses[:accepted] / largest, share) > DELTA / _STARTS:
                break
            last = max(last, accepted)
    if not last:
        surest, what = losses[:fewest], "share of errors" if is_error else "mean loss"
        raise RiskError(
            f"a {what} of at most {bound:g} cannot be promised with 95 % confidence from {len(doubt)} calibration"
            f" rows that are accepted otherwise: the surest {len(surest)} have {surest.mean():.4g}, and it takes"
            f" {fewest} that have none{_rows_with_errors(float(surest.mean()), share) if is_error else ''}"
        )
    return Acceptance(float(doubts[last - 1]), last / len(doubt), float(losses[:last].mean()))


def _numbers(fewest: int, doubts: NDArray[np.float64]) -> list[int]:
    """Return how many rows each threshold accepts, rising, rows of equal doubt together."""
    if fewest > len(doubts):
        return []
    wanted = np.unique(np.linspace(fewest, len(doubts), _STEPS).astype(int))
    with_equals = np.searchsorted(doubts, doubts[wanted - 1], side="right")
    numbers: list[int] = np.unique(with_equals).tolist()
    return numbers


def _rows_with_errors(error: float, share: float) -> str:
    """Return how many rows it takes where as many are wrong as among the surest, for a message."""
    if not 0 < error < share:
        return ""
    rows = 1
    while bdtr(math.ceil(error * rows), rows, share) > DELTA / _STARTS:
        rows = math.ceil(rows * 1.05)
    return f", or about {rows} with as many errors as these"


def _error_p_value(errors: NDArray[np.float64], share: float) -> float:
    """Return the probability of so few errors if their true share were ``share``."""
    return float(bdtr(errors.sum(), len(errors), share))


def _mean_p_value(losses: NDArray[np.float64], mean: float) -> float:
    r"""Return a p-value of the hypothesis that losses in [0, 1] have a mean above ``mean``.

    It is one over a gambler's largest capital. The gambler bets on each loss being small, in a random order, with
    what the losses before it suggest; under the hypothesis the capital is a supermartingale (Waudby-Smith & Ramdas,
    2024, section 4.2).
    """
    shuffled = np.random.Generator(np.random.Philox(0)).permutation(losses)
    counts = np.arange(1, len(shuffled) + 1)
    centre = (0.5 + np.cumsum(shuffled)) / (counts + 1)
    spread = (0.25 + np.cumsum((shuffled - centre) ** 2)) / (counts + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    stake = np.sqrt(2 * math.log(_STARTS / DELTA) / (len(shuffled) * before))
    capital = np.log1p(np.minimum(stake, 0.75 / max(1 - mean, 1e-9)) * (mean - shuffled))
    return math.exp(-max(0.0, float(np.cumsum(capital).max())))
