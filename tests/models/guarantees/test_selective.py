"""Acceptance at a chosen risk: the bound holds for nearly all calibrations, and what cannot be promised is refused."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import RiskError
from models.guarantees.selective import accept_below

DOUBTS = np.linspace(0, 1, 200_001)


def errors(stream: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose probability of an error is a fifth of their doubt, to the power of three."""
    doubt = stream.uniform(size=rows)
    return doubt.astype(np.float32), (stream.uniform(size=rows) < 0.2 * doubt**3).astype(np.float32)


def true_error(threshold: float) -> float:
    return float((0.2 * DOUBTS[threshold >= DOUBTS] ** 3).mean())


@pytest.mark.parametrize("bound", [0.02, 0.03])
def test_the_error_among_accepted_rows_is_below_the_bound(bound: float) -> None:
    stream = np.random.default_rng(0)
    thresholds = [accept_below(*errors(stream, 2000), bound).threshold for _ in range(200)]
    broken = sum(true_error(threshold) > bound for threshold in thresholds)
    assert broken <= 14  # 5 % of 200, and two deviations
    assert float(np.mean(thresholds)) > 0.5  # the truth is .74 and .84


def test_losses_in_units_are_bounded_too() -> None:
    stream = np.random.default_rng(1)
    broken, accepted = 0, []
    for _ in range(100):
        doubt = stream.uniform(size=3000)
        loss = np.abs(stream.normal(size=3000)) * 40 * doubt
        found = accept_below(doubt.astype(np.float32), loss.astype(np.float32), 12.0)
        truth = 40 * np.sqrt(2 / np.pi) * found.threshold / 2
        broken += truth > 12.0
        accepted.append(found.accepted)
    assert broken <= 9
    assert float(np.mean(accepted)) > 0.55  # the truth is .75


def test_what_cannot_be_promised_is_refused_with_the_rows_that_it_takes() -> None:
    stream = np.random.default_rng(2)
    with pytest.raises(RiskError, match=r"cannot be promised .* from 100 calibration rows.* takes 228 that have none"):
        accept_below(*errors(stream, 100), 0.02)
    one_wrong = np.zeros(300, np.float32)
    one_wrong[[3, 80, 150, 250]] = 1
    with pytest.raises(RiskError, match=r"a share of errors .* or about \d{4,5} with as many errors as these"):
        accept_below(np.linspace(0, 1, 300, dtype=np.float32), one_wrong, 0.02)
    with pytest.raises(RiskError, match="surest 228 have 1,"):
        accept_below(np.zeros(400, np.float32), np.ones(400, np.float32), 0.02)


def test_a_model_that_is_always_right_is_always_accepted() -> None:
    found = accept_below(np.linspace(0, 1, 400, dtype=np.float32), np.zeros(400, np.float32), 0.02)
    assert (found.threshold, found.accepted, found.risk) == (1.0, 1.0, 0.0)


def test_rows_of_equal_doubt_are_accepted_together() -> None:
    doubt = np.repeat(np.array([0.0, 0.5], np.float32), 300)
    loss = np.concatenate([np.zeros(300), np.tile([0.0, 1.0], 150)]).astype(np.float32)
    found = accept_below(doubt, loss, 0.05)
    assert (found.threshold, found.accepted) == (0.0, 0.5)
