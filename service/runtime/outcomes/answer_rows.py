"""Rows of answers as they are remembered: only what an outcome will be compared with."""

from __future__ import annotations

from typing import Any

import msgspec


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer for one row.

    Attributes:
        mean: Class probabilities, or expected targets in their units; of steps and pixels one for each.
        variance: Variance of each target: the total one, or of a single function that of the noise.
        skew: Quantile skewness of each target; ``None`` where mean and variance decide all.
        level: Probability with which the set or interval is to hold the outcome; ``None`` if there is none.
        method: Kind of set or interval, and the rows that its level is held for, as ``interval_method`` tells it.
        members: Names of the classes in the set.
        lower, upper: Ends of the interval, in target units.
        score: Out-of-distribution score.
        decision: ``accept`` or ``abstain``.
        groups: Category of the row in each column of categories.
        fitted_rows: Number of calibration rows that the set is made by; 0 without calibration.
        samples: Number of draws that answered.
        seed: Seed of these draws.
    """

    mean: Any
    variance: Any = None
    skew: Any = None
    level: float | None = None
    method: str | None = None
    members: Any = None
    lower: Any = None
    upper: Any = None
    score: float | None = None
    decision: str | None = None
    groups: dict[str, str] = {}
    fitted_rows: int = 0
    samples: int = 0
    seed: int = 0


class AnswerRow(msgspec.Struct, frozen=True):
    """A row of an answer, found again by its request and its number there.

    Attributes:
        request: Id of the request.
        row: Number of the row, from 0.
        model: Name of the model that answered.
        version: Version of that model.
        answered_at: Time of the answer in seconds since 1970.
        said: Answer for the row.
        inputs: Raw row; ``None`` unless the operator wants it kept.
        outcome: Outcome as it was reported; ``None`` until then.
    """

    request: str
    row: int
    model: str
    version: int
    answered_at: float
    said: Said
    inputs: Any = None
    outcome: Any = None


Key = tuple[str, int]
"""Request and number of a row."""
