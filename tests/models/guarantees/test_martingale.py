"""The test of coverage accuses nobody who is innocent more often than stated, and finds drift soon."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.guarantees.martingale import CoverageTest, coverage_band

LEVEL = 0.9


def first_alarms(calibration: int, drifted: float, begins: int, rows: int, streams: int, seed: int) -> np.ndarray:
    """Row of the first alarm of each stream, ``rows`` if there is none.

    Each stream has calibration rows of its own, as lucky as they may be, and a rate of misses that follows from them;
    from row ``begins`` on that rate is ``drifted``.
    """
    random = np.random.default_rng(seed)
    rank = math.ceil((calibration + 1) * LEVEL)
    rates = random.beta(calibration + 1 - rank, rank, streams) if calibration else np.full(streams, 1 - LEVEL)
    test, first = CoverageTest(LEVEL, calibration), np.full(streams, rows)
    for row in range(rows):
        test.update(random.random(streams) < (rates if row < begins else drifted))
        first = np.where(test.alarm & (first == rows), row, first)
    return first


@pytest.mark.parametrize("calibration", [0, 100, 1000])
def test_false_alarms_in_fifty_thousand_rows_are_rarer_than_one_in_a_hundred(calibration: int) -> None:
    first = first_alarms(calibration, 1.0, 50_000, 50_000, 400, seed=calibration)
    assert (first < 50_000).sum() <= 10  # of 400: P(more) < 0.3 % if the probability were 1 %


@pytest.mark.parametrize(("drifted", "found", "usual"), [(0.3, 0.98, 130), (0.2, 0.8, 400), (0.5, 0.98, 50)])
def test_a_drift_at_row_5000_is_found_within_500_rows(drifted: float, found: float, usual: int) -> None:
    first = first_alarms(1000, drifted, 5000, 5500, 400, seed=1)
    delays = first[first >= 5000] - 5000
    assert (delays < 500).sum() >= found * 400
    assert np.median(delays) < usual


def test_an_alarm_stays_while_its_cause_does_and_ends_soon_after() -> None:
    random, test = np.random.default_rng(0), CoverageTest(LEVEL, 1000)
    for missed in random.random(5000) < 0.3:
        test.update(missed)
    assert test.alarm
    for missed in random.random(500) < 0.1:
        test.update(missed)
    assert not test.alarm


def test_parts_of_outcomes_count_as_parts() -> None:
    """A share that is always the allowed one is no evidence; one that is always thrice that is."""
    innocent, guilty = CoverageTest(LEVEL, 0), CoverageTest(LEVEL, 0)
    for _ in range(500):
        innocent.update(0.1)
        guilty.update(0.3)
    assert innocent.evidence <= 0 < 2 < guilty.evidence


def test_the_wealth_of_a_fair_game_is_a_martingale() -> None:
    """Its mean over all outcomes of the next row, each with its probability, is what it was."""
    test = CoverageTest(LEVEL, 50, rows=7, misses=np.array(3.0), wealth=np.array([0.1, 0.2, 0.3, 0.4]))
    odds, before = float(test.odds()), float(10**test.evidence)
    after = 0.0
    for missed, probability in ((1.0, odds), (0.0, 1 - odds)):
        one = CoverageTest(LEVEL, 50, rows=7, misses=np.array(3.0), wealth=np.array([0.1, 0.2, 0.3, 0.4]))
        one.update(missed)
        after += probability * float(10**one.evidence)
    assert after == pytest.approx(before)
    assert odds == pytest.approx((5 + 3) / (51 + 7))  # Pólya's urn: 5 of 50 calibration rows score higher


def test_the_band_holds_the_coverage_at_all_times() -> None:
    random, outside = np.random.default_rng(0), 0
    for _ in range(100):
        covered = np.cumsum(random.random(1000) < LEVEL)
        bands = [coverage_band(float(covered[n - 1]), n) for n in range(10, 1000, 30)]
        outside += any(not low <= LEVEL <= high for low, high in bands)
    assert outside <= 3
    assert coverage_band(0.0, 0) == (0.0, 1.0)
    low, high = coverage_band(1000.0, 1000)
    assert 0.98 < low < high == 1.0
    low, high = coverage_band(9000.0, 10_000)
    assert 0.88 < low < 0.9 < high < 0.92
    assert coverage_band(0.0, 1000)[0] == 0.0
