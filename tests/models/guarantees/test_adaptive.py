"""Adapted levels hold their coverage under drift, also beyond all that calibration rows have shown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.guarantees.adaptive import adapt, adapted_score, reach


def coverage(level: float, scale: float, calibration: int) -> np.ndarray:
    """Whether each of 7000 outcomes is covered, whose scores grow by a factor at row 5000."""
    random, current = np.random.default_rng(0), level
    scores = np.abs(random.normal(size=calibration)).astype(np.float32)
    live = np.abs(random.normal(size=7000)) * np.where(np.arange(7000) < 5000, 1, scale)
    covered = np.empty(7000, bool)
    for row, score in enumerate(live):
        covered[row] = score <= adapted_score(scores, current, level)
        current = adapt(current, level, float(not covered[row]))
    return covered


@pytest.mark.parametrize("scale", [0.5, 1.5, 3.0, 10.0])
@pytest.mark.parametrize("calibration", [100, 1000])
def test_intervals_recover_within_1000_rows(scale: float, calibration: int) -> None:
    covered = coverage(0.9, scale, calibration)
    assert covered[1000:5000].mean() == pytest.approx(0.9, abs=0.01)
    assert covered[5500:6000].mean() == pytest.approx(0.9, abs=0.02)
    assert covered[6000:].mean() == pytest.approx(0.9, abs=0.01)


def test_a_high_level_moves_in_smaller_steps() -> None:
    assert coverage(0.99, 3.0, 1000)[5500:].mean() == pytest.approx(0.99, abs=0.005)
    assert adapt(0.99, 0.99, 1.0) - 0.99 < adapt(0.9, 0.9, 1.0) - 0.9


def test_the_largest_score_is_stretched_where_no_calibration_row_reaches() -> None:
    assert reach(0.9, 0.9, 100) == (0.9, 1.0)
    assert adapted_score(np.ones(9, np.float32), 0.0, 0.9) == 0.0
    assert adapt(0.0005, 0.9, 0.0) == 0.0
    used = reach(1.1, 0.9, 100)
    assert used.level == pytest.approx(100 / 101)
    assert used.stretch == pytest.approx(math.exp((1.1 - 100 / 101) / 0.1))
    scores = np.arange(1, 101, dtype=np.float32)
    assert adapted_score(scores, 1.1, 0.9) == pytest.approx(100 * used.stretch)
