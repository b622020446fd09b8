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
    assert coverage(0.99, 3.0, 1000)[6000:].mean() == pytest.approx(0.99, abs=0.01)
    assert adapt(0.99, 0.99, 1.0) - 0.99 < adapt(0.9, 0.9, 1.0) - 0.9


def test_scores_are_stretched_above_the_level_that_was_asked_for() -> None:
    assert reach(0.9, 0.9, 100) == (0.9, 1.0)
    assert reach(0.5, 0.9, 100) == (0.5, 1.0)
    assert adapted_score(np.ones(9, np.float32), 0.0, 0.9) == 0.0
    assert adapt(0.0005, 0.9, 0.0) == 0.0
    used = reach(0.95, 0.9, 100)
    assert used == (0.9, pytest.approx(math.exp(0.05 / (0.2 * math.log(10)))))
    assert used.stretch == pytest.approx(1.96 / 1.645, abs=0.1)  # as a Gaussian's quantiles of 95 and 90 % are
    scores = np.arange(1, 101, dtype=np.float32)
    assert adapted_score(scores, 0.95, 0.9) == pytest.approx(91 * used.stretch)
    assert adapted_score(scores[:5], 0.9, 0.9) > 5  # too few rows for the level: the largest score, stretched
