r"""A test of live coverage that may be looked at after every outcome: a betting martingale.

Somebody who does not believe that sets of level :math:`1 - \alpha` still hold their outcomes bets on every outcome
being missed, at odds that are fair if all is well. Wealth that multiplies is evidence; Ville's inequality bounds the
probability that a fair game ever multiplies the stake by 100: one percent, however often one looks.

*The odds* are :math:`p_t = \max(\alpha, \hat p_t)`, where :math:`\hat p_t` is the exact probability that the next
outcome is missed if live rows and calibration rows are exchangeable: a Pólya urn that begins with the calibration rows
and goes on with the live ones. A model whose calibration rows were a little lucky is therefore not accused.

*The bets* :math:`q` are a mixture of four sizes of drift, and of the rows at which it began: the stake is spent little
by little, on :math:`1 / (k \ln^2 k)` of it every 50 rows, so that the game has no end and needs no restart.

References:
    Ville (1939), Étude critique de la notion de collectif.
    Shin, Ramdas & Rinaldo (2023), E-detectors: a nonparametric framework for sequential change detection.
    Waudby-Smith & Ramdas (2023), Estimating means of bounded random variables by betting.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import betaincinv, betaln

Floats = NDArray[np.float64]

FALSE_ALARM = 0.01
"""Largest probability that the alarm is ever raised though nothing has changed."""

_STAKE, _LUCK = 0.9, 0.0005
"""Stake of the game, and the probability that calibration rows are luckier than the odds allow for."""
_SHIFTS = np.array([0.05, 0.1, 0.2, 0.4])
"""Sizes of drift that are bet on: shares of the covered outcomes that are no longer covered."""
_EVERY = 50
"""Rows from one start of bets to the next."""
_WEIGHTS = 2.11
r"""The sum of :math:`1 / (k \ln^2 k)` over all :math:`k \ge 2`."""
_MOST = 1e4
"""Wealth that is kept: what is thrown away is no evidence, but an alarm ends soon after its cause has."""


class CoverageTest(msgspec.Struct):
    """The game about the sets of one level; of several streams at once, where arrays have them as axes.

    Attributes:
        level: Probability with which the sets are to hold the outcome.
        calibration_rows: Number of rows that the sets were calibrated on; 0 if there is no calibration.
        rows: Number of outcomes so far.
        misses: Number of outcomes that were missed, a number for each stream.
        cash: Part of the stake that is not yet bet.
        wealth: Wealth of the bets by size of drift, ``(..., 4)``.
    """

    level: float
    calibration_rows: int
    rows: int = 0
    misses: Any = 0.0
    cash: float = _STAKE
    wealth: Any = msgspec.field(default_factory=lambda: [0.0] * len(_SHIFTS))

    def update(self, missed: ArrayLike) -> None:
        """Play on with the next outcome of every stream.

        Args:
            missed: 1 if the set missed it, 0 if it held it; the share that was missed of an outcome of several parts.
        """
        missed = np.asarray(missed, np.float64)
        if self.rows % _EVERY == 0:
            self._place_bets()
        odds = np.asarray(self.odds())[..., None]
        # A bet on q = p + shift (1 - p) pays q / p for a miss, (1 - q) / (1 - p) otherwise, and a part in proportion.
        pays = 1 + _SHIFTS * (missed[..., None] / odds - 1)
        self.wealth = np.minimum(np.asarray(self.wealth) * pays, _MOST)
        self.misses = self.misses + missed
        self.rows += 1

    def odds(self) -> Floats:
        """Return the probability of a miss that the next bets are fair at, one number a stream."""
        error, n = 1 - self.level, self.calibration_rows
        if not n:
            return np.full(np.shape(self.misses), error)
        above = n + 1 - math.ceil((n + 1) * self.level)
        urn = (above + np.asarray(self.misses)) / (n + 1 + self.rows)
        return np.maximum(error, np.minimum(urn, _unluckiest(n, above)))

    @property
    def evidence(self) -> Floats:
        """Base-10 logarithm of the wealth, one number a stream; an alarm from 2 on."""
        evidence: Floats = np.log10(np.sum(self.wealth, -1) + self.cash)
        return evidence

    @property
    def alarm(self) -> NDArray[np.bool_]:
        """``True`` while the coverage is too low beyond what chance explains, one entry a stream."""
        return np.asarray(self.evidence >= -math.log10(FALSE_ALARM))

    def _place_bets(self) -> None:
        start = self.rows // _EVERY + 2
        bet = _STAKE / (start * math.log(start) ** 2 * _WEIGHTS)
        self.cash -= bet
        self.wealth = np.asarray(self.wealth) + bet / len(_SHIFTS)


def coverage_band(covered: float, rows: int) -> tuple[float, float]:
    """Return the ends of an interval of coverages that holds the true one at all times, with probability 99 %.

    It is the coverages that a bettor with Jeffreys' mixture of all others cannot reject, and may be looked at after
    every row, as long as the true coverage stays what it is.

    Args:
        covered: Number of outcomes that were covered, parts of one counted as such.
        rows: Number of all outcomes.
    """
    if not rows:
        return 0.0, 1.0
    missed, centre = rows - covered, covered / rows
    mixture = float(betaln(0.5 + covered, 0.5 + missed) - betaln(0.5, 0.5))

    def evidence_against(coverage: float) -> float:
        likelihood = (covered * math.log(coverage) if covered else 0.0) + (
            missed * math.log1p(-coverage) if missed else 0.0
        )
        return mixture - likelihood + math.log(FALSE_ALARM)

    tiny = 1e-12
    low = brentq(evidence_against, tiny, centre) if covered else 0.0
    high = brentq(evidence_against, centre, 1 - tiny) if missed else 1.0
    return float(low), float(high)


@functools.cache
def _unluckiest(rows: int, above: int) -> float:
    """Return the rate of misses that calibration rows hide with a probability of :data:`_LUCK` alone."""
    return float(betaincinv(above, rows + 1 - above, 1 - _LUCK)) if 0 < above <= rows else 1.0
