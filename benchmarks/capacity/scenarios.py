"""Runs of the simulation: replicas under steady load, a replica that dies, and load that grows under an autoscaler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import simpy

from capacity.arrivals import Choose, at_random, draw_moments, less_busy_of_two, send
from capacity.autoscaler import Autoscaler, Rules
from capacity.cluster import Cluster
from capacity.record import Record
from capacity.times import ServiceTimes

WARM_UP = 0.1
"""Share of a run after which it is looked at."""
_LOADS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
BALANCERS: dict[str, tuple[Callable[[np.random.Generator], Choose], int]] = {
    "at random": (at_random, 1),
    "less busy of two": (less_busy_of_two, 32),
}
"""Each balancer with the replicas that are simulated for it.

Requests of a Poisson process that are sent anywhere at random reach each replica as a Poisson process of its own, by
itself: one replica stands for all, exactly. Under the other balancer replicas become independent of each other as their
number grows (Mitzenmacher, 2001); with 32 the figures no longer change.
"""


@dataclass(frozen=True)
class Point:
    """Replicas under a steady load.

    Attributes:
        load: Requests over those that all replicas could answer.
        p50: Median seconds of an answer.
        p99: Seconds that one answer of a hundred exceeds.
    """

    load: float
    p50: float
    p99: float


def run_steady(
    times: ServiceTimes, replicas: int, rate: float, requests: int, balancer: Callable[[np.random.Generator], Choose]
) -> Record:
    """Return what becomes of requests at a steady rate, without the first tenth of the time.

    Args:
        times: Times of each replica.
        replicas: Number of replicas.
        rate: Requests a second for all of them.
        requests: Number of requests.
        balancer: Function that makes the balancer from a source of chance.
    """
    env, random = simpy.Environment(), np.random.default_rng(0)
    cluster = Cluster(env, times, random, balancer(random), replicas)
    env.process(send(env, draw_moments([(requests / rate, rate)], random), cluster.ask))
    env.run()
    return cluster.record.after(WARM_UP * requests / rate)


def trace_loads(times: ServiceTimes, balancer: str, requests: int) -> list[Point]:
    """Return median and p99 at growing loads under a balancer of :data:`BALANCERS`."""
    make, replicas = BALANCERS[balancer]
    points = []
    for load in _LOADS:
        record = run_steady(times, replicas, load * replicas * times.capacity, requests, make)
        points.append(Point(load, record.percentile(50), record.percentile(99)))
    return points


def most_load(points: Sequence[Point], p99: float) -> float:
    """Return the greatest load whose p99 in seconds is no more than an aim, between two points on a straight line.

    Raises:
        ValueError: if even the smallest load exceeds it.
    """
    if points[0].p99 > p99:
        raise ValueError(f"p99 is {points[0].p99:.4f} s at a load of {points[0].load}, above the aim of {p99:g} s")
    for before, after in pairwise(points):
        if after.p99 > p99:
            return before.load + (after.load - before.load) * (p99 - before.p99) / (after.p99 - before.p99)
    return points[-1].load


def run_failure(
    times: ServiceTimes, replicas: int, load: float, start_seconds: float, seconds: float, died: float
) -> Cluster:
    """Return replicas at a load of which one dies, and is replaced.

    Args:
        times: Times of each replica.
        replicas: Number of replicas.
        load: Requests over those that all replicas could answer.
        start_seconds: Seconds from the start of its replacement until that is ready.
        seconds: Seconds of load.
        died: Time in seconds at which the replica dies.
    """
    env, random = simpy.Environment(), np.random.default_rng(0)
    cluster = Cluster(env, times, random, at_random(random), replicas, start_seconds)
    rate = load * replicas * times.capacity
    env.process(send(env, draw_moments([(seconds, rate)], random), cluster.ask))

    def die() -> simpy.events.ProcessGenerator:
        yield env.timeout(died)
        cluster.kill()

    env.process(die())
    env.run()
    return cluster


def run_growth(
    times: ServiceTimes, rules: Rules, parts: Sequence[tuple[float, float]], start_seconds: float
) -> Cluster:
    """Return replicas that follow an autoscaler while the load changes.

    Args:
        times: Times of each replica.
        rules: Rules of the autoscaler, whose least number of replicas is ready at the beginning.
        parts: Seconds of each part of the time, and its requests over those that one replica could answer.
        start_seconds: Seconds from the start of a replica until it is ready.
    """
    env, random = simpy.Environment(), np.random.default_rng(0)
    cluster = Cluster(env, times, random, at_random(random), rules.least, start_seconds)
    rates = [(seconds, load * times.capacity) for seconds, load in parts]
    env.process(send(env, draw_moments(rates, random), cluster.ask))
    env.process(cluster.follow(Autoscaler(rules)))
    env.run(sum(seconds for seconds, _ in parts))
    return cluster
