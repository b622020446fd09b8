"""Processes that share cores take the times that arithmetic says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import simpy
from capacity.arrivals import at_random, draw_moments
from capacity.machine_model import Cores, simulate_machine
from capacity.scenarios import run_steady
from capacity.times import ServiceTimes, Surroundings

TIMES = ServiceTimes(0.0002, 0.0002, 0.0001, 0.001, 0.0005, (0.8, 1.2), 40, 1024)


def finish(cores: int, slowdown: float, *work: tuple[float, float, bool]) -> list[float]:
    """Begin pieces of work, each at a moment, with its seconds and whether it goes first; return when they ended."""
    env = simpy.Environment()
    machine = Cores(env, Surroundings(cores, 0, 0, slowdown))
    ends = [0.0] * len(work)

    def do(index: int, begin: float, seconds: float, first: bool) -> simpy.events.ProcessGenerator:
        yield env.timeout(begin)
        yield from machine.work(seconds, first=first)
        ends[index] = env.now

    for index, piece in enumerate(work):
        env.process(do(index, *piece))
    env.run()
    return ends


def test_work_beyond_the_cores_waits() -> None:
    assert finish(2, 1.0, (0, 3, False), (0, 4, False), (0, 1, False)) == [3, 4, 4]


def test_what_goes_first_takes_a_core_and_nothing_is_lost() -> None:
    assert finish(1, 1.0, (0, 3, False), (1, 1, True)) == [4, 2]


def test_who_loses_a_core_at_the_moment_of_getting_it_goes_on_later() -> None:
    assert finish(1, 1.0, (1, 3, False), (1, 1, True)) == [5, 2]


def test_no_request_is_lost_between_processes_that_begin_at_the_same_moments() -> None:
    moments = draw_moments([(5.0, 0.5 * TIMES.capacity)], np.random.default_rng(0))
    record = simulate_machine(replace(TIMES, wake=0.001), Surroundings(2, 0.0001, 0.0001), 2, moments, 0)
    assert len(record.seconds) == len(moments)


def test_work_is_slower_beside_other_work() -> None:
    assert finish(2, 1.5, (0, 2, False), (5, 2, False)) == [2, 7]
    assert finish(2, 1.5, (0, 2, False), (0.5, 2, False)) == pytest.approx([2, 3.5])


def test_a_process_on_a_core_of_its_own_is_a_replica() -> None:
    seconds, rate = 10.0, 0.6 * TIMES.capacity
    moments = draw_moments([(seconds, rate)], np.random.default_rng(0))
    machine = simulate_machine(TIMES, Surroundings(2, 0, 0), 1, moments, 0)
    alone = run_steady(TIMES, 1, rate, round(seconds * rate), at_random)
    assert len(machine.seconds) == len(moments)
    for percent in (50, 99):
        assert machine.percentile(percent) == pytest.approx(alone.percentile(percent), rel=0.15)


def test_the_generator_and_waking_up_add_their_seconds_to_a_request_that_comes_alone() -> None:
    times = replace(TIMES, spread=(1.0,), wake=0.005)
    record = simulate_machine(times, Surroundings(2, 0.001, 0.002), 2, np.array([1.0]), 0)
    own = times.read + times.answer + times.turn + times.batch + times.row
    assert record.seconds == pytest.approx([own + 0.008])


def test_two_processes_on_two_cores_wait_for_each_other_only_where_the_generator_needs_one() -> None:
    moments = draw_moments([(5.0, 1.2 * TIMES.capacity)], np.random.default_rng(0))
    free, taken = (
        simulate_machine(TIMES, Surroundings(2, part, part), 2, moments, 0).percentile(99) for part in (0, 0.0001)
    )
    assert taken > free
