"""The simulated replica against the formulas of queueing theory, and against laws that hold for any load."""

from __future__ import annotations

import numpy as np
import pytest
import simpy
from capacity.arrivals import at_random, draw_moments, send
from capacity.replica import End, Replica, Request
from capacity.scenarios import run_steady
from capacity.times import ServiceTimes

SECONDS = 0.001
ONE_AT_A_TIME = ServiceTimes(0, 0, 0, SECONDS, 0)


def exponential(count: int = 5000) -> tuple[float, ...]:
    """Quantiles of an exponential distribution of mean 1."""
    quantiles = -np.log1p(-(np.arange(count) + 0.5) / count)
    return tuple((quantiles / quantiles.mean()).tolist())


def run(times: ServiceTimes, moments: list[float]) -> tuple[Replica, list[tuple[float, float, End]]]:
    """Send requests to one replica; return it, and when each was sent and ended, and how."""
    env, ends = simpy.Environment(), list[tuple[float, float, End]]()
    replica = Replica(env, times, np.random.default_rng(0))

    def ask(sent: float) -> None:
        replica.receive(Request(sent, lambda request, end: ends.append((request.sent, env.now, end))))

    env.process(send(env, np.array(moments), ask))
    env.run()
    return replica, ends


@pytest.mark.parametrize("load", [0.3, 0.7])
@pytest.mark.parametrize("spread", [(1.0,), (0.5, 1.5), exponential()], ids=["M/D/1", "M/G/1", "M/M/1"])
def test_requests_one_at_a_time_wait_as_pollaczek_and_khinchine_say(load: float, spread: tuple[float, ...]) -> None:
    times = ServiceTimes(0, 0, 0, SECONDS, 0, spread)
    record = run_steady(times, 1, load / SECONDS, 60_000, at_random)
    variance = float(np.var(spread))
    expected = SECONDS * (1 + load * (1 + variance) / (2 * (1 - load)))
    assert np.mean(record.seconds) == pytest.approx(expected, rel=0.06)


def test_the_percentiles_are_those_of_an_exponential_queue() -> None:
    record = run_steady(ServiceTimes(0, 0, 0, SECONDS, 0, exponential()), 1, 0.5 / SECONDS, 60_000, at_random)
    for percent in (50, 99):  # a request's time in M/M/1 is exponential
        expected = -SECONDS / (1 - 0.5) * np.log(1 - percent / 100)
        assert record.percentile(percent) == pytest.approx(expected, rel=0.08)


def test_what_comes_during_a_batch_runs_together_after_it() -> None:
    times = ServiceTimes(0.1, 0.2, 0.4, 1.0, 0.5, batch_rows=8)
    _, ends = run(times, [0.0, 1.0, 1.1])
    first = 0.1 + 0.4 + 1.0 + 0.5 + 0.2  # read, batch of one row, answer
    both = first + 2 * 0.1 + 0.4 + 1.0 + 2 * 0.5
    assert [end for _, end, _ in ends] == pytest.approx([first, both + 0.2, both + 2 * 0.2])


def test_a_batch_without_a_limit_lets_nobody_wait_for_more_than_two() -> None:
    times = ServiceTimes(0, 0, 0, 1.0, 0, batch_rows=10**6)
    _, ends = run(times, draw_moments([(50.0, 100.0)], np.random.default_rng(0)).tolist())
    assert max(end - sent for sent, end, _ in ends) <= 2.0 + 1e-9


def test_a_replica_gives_its_capacity_and_refuses_the_rest() -> None:
    times = ServiceTimes(0.0001, 0.0001, 0.0002, 0.001, 0.0005, batch_rows=10, queue_rows=100)
    seconds = 10.0
    moments = draw_moments([(seconds, 2 * times.capacity)], np.random.default_rng(0))
    _, ends = run(times, moments.tolist())
    answered = [end for _, end, how in ends if how is End.ANSWERED and end <= seconds]
    assert len(answered) / seconds < times.capacity
    # reading those that are refused takes its time too
    assert len(answered) / seconds > times.capacity * (1 - 2 * times.capacity * times.read)
    assert len(ends) == len(moments)
    assert max(end - sent for sent, end, how in ends if how is End.ANSWERED) < 1.0


def test_it_counts_the_seconds_in_the_queue_but_not_those_before_it_has_read() -> None:
    replica, ends = run(ServiceTimes(0.5, 0, 0, 1.0, 0), [0.0, 0.1, 0.2])
    assert [end for _, end, _ in ends] == pytest.approx([1.5, 3.5, 4.5])  # two are read together from 1.5 to 2.5
    assert replica.waited == pytest.approx(0.5 + 1.0)
    assert replica.computed == pytest.approx(3.0)


def test_a_replica_that_dies_loses_all_that_it_holds_and_answers_no_more() -> None:
    env, ends = simpy.Environment(), list[tuple[float, End]]()
    replica = Replica(env, ONE_AT_A_TIME, np.random.default_rng(0))
    requests = [Request(0.0, lambda _, end: ends.append((env.now, end))) for _ in range(5)]
    for request in requests[:4]:
        replica.receive(request)
    assert replica.load == 4
    env.run(2.5 * SECONDS)
    replica.die()
    replica.receive(requests[4])
    env.run()
    assert [end for _, end in ends] == [End.ANSWERED] * 2 + [End.LOST] * 3
    assert replica.load == 0
