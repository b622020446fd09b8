"""Times are found again in load of which they are known, and the real service tells what is asked of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from capacity.facts import measure_facts
from capacity.measuring import Sparse, Stretch, fit_times, group_batches, measure_stretch
from capacity.times import ServiceTimes
from capacity.validation import Trial, measure_trial
from reliability.open_loop import request
from reliability.rows import DIGITS, body, digits
from reliability.service_process import Service
from starter_store import trained_store

TIMES = ServiceTimes(0.0002, 0.0002, 0.0001, 0.001, 0.0005)
GENERATOR, WAKE = 0.0003, 0.0004
ALONE = TIMES.read + TIMES.answer + TIMES.turn + TIMES.batch + TIMES.row


def stretch(connections: int, slowdown: float = 1.0) -> Stretch:
    """A stretch of batches of as many rows as there are connections."""
    batches, rows = 100, connections
    computed = batches * (TIMES.batch + TIMES.row * rows)
    around = batches * (TIMES.turn + (TIMES.read + TIMES.answer) * rows)
    sizes = [(rows, factor * computed / batches) for factor in (0.9, 1.1)]
    busy = slowdown * (computed + around)
    return Stretch(batches * rows, batches, computed, busy, sizes)


def test_known_times_are_found_again() -> None:
    stretches = [stretch(connections) for connections in (1, 2, 8, 32)]
    times, around = fit_times(
        stretches, [stretch(8, slowdown=1.3)], Sparse(GENERATOR, GENERATOR + ALONE + WAKE), 2, 0.0005, 1024
    )
    for name in ("read", "answer", "turn", "batch", "row"):
        assert getattr(times, name) == pytest.approx(getattr(TIMES, name), rel=1e-6)
    assert np.unique(np.round(times.spread, 3)).tolist()[:: len(set(np.round(times.spread, 3))) - 1] == [0.9, 1.1]
    assert times.batch_rows == 40
    assert (around.send + around.receive, around.slowdown) == pytest.approx((GENERATOR, 1.3))
    assert times.wake == pytest.approx(WAKE, rel=0.01)  # of two factors the median is one of the quantiles between


def test_answers_that_tell_the_same_seconds_were_one_batch() -> None:
    assert group_batches([0.1, 0.2, 0.2, 0.2, 0.1], 4) == [(1, 0.1), (3, 0.2), (1, 0.1)]
    assert group_batches([0.1, 0.1, 0.1], 1) == [(1, 0.1)] * 3


def test_the_real_service_is_measured_under_both_kinds_of_load(tmp_path: Path) -> None:
    sent = request(body(digits(1)), "/predict?samples=10")
    settings = {"required_models": DIGITS, "outcomes": "all", "database_url": f"sqlite:///{tmp_path}/outcomes.sqlite"}
    with Service(trained_store(), tmp_path, (), settings) as service:
        told = measure_stretch([service], sent, 4, 0.5)
        assert told.requests > 0
        assert told.batches <= told.requests
        assert 1 <= told.rows <= 4
        assert sum(rows for rows, _ in told.sizes) == told.requests
        assert told.computed > 0
        assert told.busy > 0
        trial = measure_trial([service], sent, Trial(1, 0.1, 50.0, 1.0, 0, 0, 0, 0), within=10.0)
        facts = measure_facts(service, 5.0, sent, trained_store(), service)
    assert 0 < trial.p50 <= trial.p99
    assert trial.goodput == pytest.approx(len(trial.moments()))
    assert facts.request_bytes == len(sent)
    assert facts.series > 100
    assert facts.store_looks > len(list(trained_store().glob("*/*")))
    assert facts.store_bytes > facts.answer_bytes > 0
    assert 0 < facts.remembered <= facts.remembering
