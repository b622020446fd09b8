"""Replicas behind a balancer: no request is forgotten, a balancer that looks is better, replicas follow the load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from capacity.arrivals import at_random, draw_moments, less_busy_of_two
from capacity.autoscaler import MANIFEST, Rules
from capacity.scenarios import Point, most_load, run_failure, run_growth, run_steady
from capacity.times import ServiceTimes

TIMES = ServiceTimes(0.002, 0.002, 0.001, 0.01, 0.005, (0.8, 1.2), 40, 1024)


def test_moments_come_at_the_rate_of_each_part() -> None:
    moments = draw_moments([(10.0, 1000.0), (10.0, 100.0)], np.random.default_rng(0))
    assert (np.diff(moments) >= 0).all()
    counts = np.histogram(moments, [0, 10, 20])[0]
    assert counts == pytest.approx([10_000, 1000], rel=0.1)
    gaps = np.diff(moments[moments < 10])
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # those of an exponential distribution


def test_one_replica_stands_for_all_that_get_requests_at_random() -> None:
    one, many = (
        run_steady(TIMES, count, 0.6 * count * TIMES.capacity, 20_000, at_random).percentile(50) for count in (1, 8)
    )
    assert one == pytest.approx(many, rel=0.05)


def test_a_balancer_that_looks_at_two_replicas_is_better_than_chance() -> None:
    rate = 0.8 * 16 * TIMES.capacity
    chance, looking = (
        run_steady(TIMES, 16, rate, 20_000, make).percentile(99) for make in (at_random, less_busy_of_two)
    )
    assert looking < chance


def test_the_load_for_an_aim_lies_between_two_points() -> None:
    points = [Point(0.5, 1.0, 2.0), Point(0.6, 1.0, 3.0), Point(0.7, 1.0, 7.0)]
    assert most_load(points, 5.0) == pytest.approx(0.65)
    assert most_load(points, 9.0) == 0.7
    with pytest.raises(ValueError, match="above the aim"):
        most_load(points, 1.0)


def test_every_request_of_a_replica_that_dies_is_answered_by_another() -> None:
    cluster = run_failure(TIMES, 4, 0.5, start_seconds=5.0, seconds=20.0, died=5.0)
    record = cluster.record
    assert record.lost > 0
    assert record.refused == 0
    asked = 20.0 * 0.5 * 4 * TIMES.capacity
    assert len(record.seconds) == pytest.approx(asked, rel=0.1)
    assert len(set(record.sent)) == len(record.sent)
    assert [state[1:] for state in cluster.history] == [(4, 0), (4, 1), (3, 1), (4, 0)]
    moments, p99 = record.by_second(99)
    assert p99[moments == 5.0] > 0.1  # the pause before it is sent again
    assert p99[moments >= 12.0].max() < 2 * p99[moments < 5.0].max()


def test_replicas_follow_a_load_that_grows_and_go_when_it_has_gone() -> None:
    rules = replace(Rules.read(MANIFEST), stable_seconds=60)
    cluster = run_growth(TIMES, rules, [(120.0, 0.5), (240.0, 4.0), (400.0, 0.2)], start_seconds=10.0)
    ready = np.array([(at, count) for at, count, _ in cluster.history])
    assert ready[ready[:, 0] <= 120, 1].max() == rules.least
    assert ready[:, 1].max() >= 4
    assert ready[-1, 1] < ready[:, 1].max()
