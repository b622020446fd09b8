"""Requests of many clients who know nothing of each other: a Poisson process, and the replica that each is sent to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import simpy
from numpy.typing import NDArray

from capacity.replica import Replica, Steps

Choose = Callable[[Sequence[Replica]], Replica]
"""A load balancer: which replica gets the next request."""


def draw_moments(parts: Sequence[tuple[float, float]], random: np.random.Generator) -> NDArray[np.float64]:
    """Return the moments of a Poisson process in seconds, ``(requests,)``, whose rate is constant in each part.

    Args:
        parts: Seconds, and requests a second, of each part.
        random: Source of chance.
    """
    begin, moments = 0.0, list[NDArray[np.float64]]()
    for seconds, rate in parts:
        moments.append(begin + np.sort(random.uniform(0, seconds, random.poisson(rate * seconds))))
        begin += seconds
    return np.concatenate(moments)


def send(env: simpy.Environment, moments: NDArray[np.float64], ask: Callable[[float], object]) -> Steps:
    """Call a function at each of some moments."""
    for moment in moments.tolist():
        yield env.timeout(moment - env.now)
        ask(moment)


def at_random(random: np.random.Generator) -> Choose:
    """Return a balancer that looks at nothing, as kube-proxy does."""
    return lambda replicas: replicas[int(random.random() * len(replicas))]


def less_busy_of_two(random: np.random.Generator) -> Choose:
    """Return a balancer that sends to the one of two replicas, chosen at random, which has fewer requests.

    References:
        Mitzenmacher (2001), The Power of Two Choices in Randomized Load Balancing. Envoy calls it LEAST_REQUEST, nginx
        ``random two least_conn``.
    """

    def choose(replicas: Sequence[Replica]) -> Replica:
        one, other = (replicas[int(random.random() * len(replicas))] for _ in range(2))
        return one if one.load <= other.load else other

    return choose
