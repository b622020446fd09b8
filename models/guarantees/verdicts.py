r"""Verdicts: is a row unlike those that the model was fitted to, by any kind of evidence, at a stated false-alarm rate?

Each kind of evidence becomes a *surprise*, minus the logarithm of the share of calibration rows that have as much of
it. Beyond nine tenths of them the share falls exponentially, so that rows far out still differ from each other. A
row's score is the largest of its surprises, and the threshold is the conformal quantile of the calibration rows'
scores: a row of their kind exceeds it with at most the stated probability, whatever the evidence is worth.

References:
    Bates et al. (2023), Testing for Outliers with Conformal p-values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.guarantees.calibration import FALSE_ALARM_RATE, SEED, CalibrationRows
from models.guarantees.selective import Acceptance, accept_below

Float64Array = NDArray[np.float64]
_TAIL = 0.9
"""Share of the calibration rows below the fitted tail."""
_FEW_ROWS = 60
"""Number of calibration rows below which each is scored by tails without it. A row is less surprising than a new one to
tails that were fitted to it: of 22 rows, 15 % of new ones exceeded the threshold in place of 5."""


@dataclass(frozen=True)
class Tail:
    """The distribution of one kind of evidence among calibration rows.

    Attributes:
        ranked: Evidence of the rows, rising, ``(n,)``.
        start: Evidence from which the share of rows falls exponentially.
        scale: Mean excess of the rows beyond the start.
    """

    ranked: Float64Array
    start: float
    scale: float

    @classmethod
    def fit(cls, evidence: NDArray[np.float32]) -> Tail:
        """Return the distribution of evidence ``(n,)``."""
        ranked = np.sort(evidence.astype(np.float64))
        start = float(ranked[min(len(ranked) - 1, int(_TAIL * len(ranked)))])
        beyond = ranked[ranked > start]
        least = 1e-6 * max(abs(start), 1e-6)  # rows that are all alike have no spread
        return cls(ranked, start, max(float((beyond - start).mean()) if len(beyond) else 0.0, least))

    def p_values(self, evidence: Float64Array) -> Float64Array:
        """Return the conformal p-value of each row: the share of rows, itself included, with as much evidence."""
        as_much = len(self.ranked) - np.searchsorted(self.ranked, evidence)
        p_values: Float64Array = (as_much + 1) / (len(self.ranked) + 1)
        return p_values

    def surprise(self, evidence: Float64Array) -> Float64Array:
        """Return the surprise of each row in nats, with an exponential tail."""
        beyond = -math.log(1 - _TAIL) + (evidence - self.start) / self.scale
        surprise: Float64Array = np.where(evidence > self.start, beyond, np.abs(np.log(self.p_values(evidence))))
        return surprise


class Detector:
    """Evidence of rows against that of calibration rows, after one number of draws.

    Args:
        rows: The calibration rows.
        position: Position of the number of draws among those that were calibrated.

    Attributes:
        tails: Distribution of each kind of evidence.
        threshold: Score beyond which a row is abstained from.
        accepted: Which calibration rows are not, ``(n,)``.
    """

    def __init__(self, rows: CalibrationRows, position: int) -> None:
        own = rows.evidence_at(position)
        self.tails = {name: Tail.fit(values) for name, values in own.items() if not np.isnan(values).any()}
        scores = self.surprises(own).max(0) if len(rows) >= _FEW_ROWS else self._scores_left_out(own, len(rows))
        self._ranked = np.sort(scores)
        rank = math.ceil((len(rows) + 1) * (1 - FALSE_ALARM_RATE))
        self.threshold = float(self._ranked[min(rank, len(rows)) - 1])
        self.accepted: NDArray[np.bool_] = scores <= self.threshold

    def surprises(self, evidence: Mapping[str, NDArray[np.floating]]) -> Float64Array:
        """Return the surprise of each row by each kind of evidence in nats, ``(kinds, B)`` in the order of the tails.

        The score of a row is the largest; the row is abstained from if that is above the threshold.

        Args:
            evidence: Evidence of the rows by its kind, ``(B,)``.
        """
        return np.stack([tail.surprise(evidence[name].astype(np.float64)) for name, tail in self.tails.items()])

    def _scores_left_out(self, own: Mapping[str, NDArray[np.float32]], rows: int) -> Float64Array:
        """Return the score of each calibration row by the tails of all others, ``(n,)``: as of a new row."""
        scores = np.zeros(rows)
        for name in self.tails if rows > 1 else ():
            values = own[name]
            left_out = [Tail.fit(np.delete(values, row)).surprise(values[row]) for row in range(rows)]
            scores = np.maximum(scores, np.array(left_out, np.float64))
        return scores

    def name_alarms(self, surprises: Float64Array) -> list[list[str]]:
        """Return the kinds of evidence that are above the threshold, for each row of surprises ``(kinds, B)``."""
        over = (surprises > self.threshold).T.tolist()
        return [[name for name, spoke in zip(self.tails, row, strict=True) if spoke] for row in over]

    def p_values(self, evidence: Mapping[str, Float64Array], scores: Float64Array) -> dict[str, Float64Array]:
        """Return conformal p-values of rows, ``(B,)`` by the kind of evidence, and of their scores as ``joint``."""
        joint = (len(self._ranked) - np.searchsorted(self._ranked, scores) + 1) / (len(self._ranked) + 1)
        return {"joint": joint} | {name: tail.p_values(evidence[name]) for name, tail in self.tails.items()}


class Detectors:
    """A detector for every number of draws, made when it is first needed.

    Attributes:
        accept_below: Function of a number of draws, a bound on the loss and a seed; see :func:`selective.accept_below`.
    """

    def __init__(self, rows: CalibrationRows) -> None:
        self.rows = rows
        self._made: dict[int, Detector] = {}
        self.accept_below = lru_cache(maxsize=64)(self._accept_below)

    def find(self, samples: int, seed: int = SEED) -> Detector | None:
        """Return the detector for an answer of so many draws; ``None`` where one function alone answers for several."""
        if samples < 2 and self.rows.draws[-1] > 1:
            return None
        position = self.rows.position(samples, seed)
        if position not in self._made:
            self._made[position] = Detector(self.rows, position)
        return self._made[position]

    def _accept_below(self, samples: int, bound: float, seed: int = SEED) -> Acceptance:
        """Return up to which doubt to accept those rows that no evidence speaks against, for a bound on their loss.

        Raises:
            RiskError: if the calibration rows cannot promise it.
        """
        detector, position = self.find(samples, seed), self.rows.position(samples, seed)
        assert detector is not None  # callers have checked
        assert self.rows.doubt is not None  # of a task with one outcome a row
        assert self.rows.loss is not None
        doubt, loss = self.rows.doubt[position], self.rows.loss[position]
        return accept_below(doubt[detector.accepted], loss[detector.accepted], bound)
