"""Adapted levels hold their coverage under drift, also beyond all that calibration rows have shown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.guarantees.adaptive import adapt, reach


def coverage(level: float, scale: float, calibration: int) -> np.ndarray:
    """Whether each of 7000 outcomes is covered, whose scores grow by a factor at row 5000."""
    random, current = np.random.default_rng(0), level
    scores = np.sort(np.abs(random.normal(size=calibration)))
    live = np.abs(random.normal(size=7000)) * np.where(np.arange(7000) < 5000, 1, scale)
    covered = np.empty(7000, bool)
    for row, score in enumerate(live):
        used = reach(current, level, calibration)
        rank = math.ceil((calibration + 1) * used.level)
        covered[row] = score <= (scores[rank - 1] * used.stretch if rank else 0.0)
        current = adapt(current, level, float(not covered[row]))
    return covered


@pytest.mark.parametrize("scale", [0.5, 1.5, 3.0, 10.0])
@pytest.mark.parametrize("calibration", [100, 1000])
def test_intervals_recover_within_1000_rows(scale: float, calibration: int) -> None:
    covered = coverage(0.9, scale, calibration)
    assert covered[1000:5000].mean() == pytest.approx(0.9, abs=0.01)
    assert covered[5000:6000].mean() == pytest.approx(0.9, abs=0.02)
    assert covered[5500:6000].mean() == pytest.approx(0.9, abs=0.02)


def test_a_high_level_moves_in_smaller_steps() -> None:
    assert coverage(0.99, 3.0, 1000)[5500:].mean() == pytest.approx(0.99, abs=0.005)
    assert adapt(0.99, 0.99, 1.0) - 0.99 < adapt(0.9, 0.9, 1.0) - 0.9


def test_the_largest_score_is_stretched_where_no_calibration_row_reaches() -> None:
    assert reach(0.9, 0.9, 100) == (0.9, 1.0)
    assert reach(-0.1, 0.9, 100).level == 0.0
    used = reach(1.1, 0.9, 100)
    assert used.level == 100 / 101
    assert used.stretch == pytest.approx(math.exp((1.1 - 100 / 101) / 0.1))
