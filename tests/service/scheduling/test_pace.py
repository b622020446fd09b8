"""The pace follows what batches take."""

from __future__ import annotations

import pytest

from service.scheduling.pace import Pace


def test_estimates_hold_until_batches_take_longer_and_hold_again_afterwards() -> None:
    pace = Pace()
    assert pace.slowness == 1
    pace.add(0.0, 60.0)  # loading a model, of which nothing is estimated
    assert pace.slowness == 1
    for _ in range(30):
        pace.add(0.05, 0.15)
    assert pace.slowness == pytest.approx(3, rel=0.1)
    for _ in range(50):
        pace.add(0.05, 0.05)
    assert pace.slowness == pytest.approx(1, rel=0.1)


def test_a_long_batch_counts_more_than_a_short_one() -> None:
    pace = Pace()
    for _ in range(20):
        pace.add(1.0, 2.0)
        pace.add(0.001, 0.1)
    assert pace.slowness == pytest.approx(2, rel=0.1)


def test_nothing_makes_a_queue_shorter_than_a_quarter_or_longer_than_it_is_allowed() -> None:
    pace = Pace()
    for _ in range(50):
        pace.add(0.001, 1.0)
    assert pace.slowness == 4
    for _ in range(100):
        pace.add(1.0, 0.001)
    assert pace.slowness == 1
