"""The plan: how many replicas a rate takes, what they cost, how they grow and fail, and where growth ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from capacity.autoscaler import MANIFEST, Rules
from capacity.cluster import Cluster
from capacity.limits import Allowances, Limit, find_limits
from capacity.measured import Measured
from capacity.prices import Prices
from capacity.scenarios import BALANCERS, Point, most_load, run_failure, run_growth, trace_loads
from capacity.validation import Agreement, compare

RATES = (1_000.0, 10_000.0, 100_000.0, 1_000_000.0)
FAILURE_LOAD, FAILURE_SECONDS, DEATH = 0.7, 30.0, 10.0
"""Load, seconds of the run, and the second at which a replica dies: the load is that of the issue's own test."""
FEW, MANY = 2, 24
GROWTH = ((60.0, 1.0), (60.0, 2.0), (60.0, 4.0), (60.0, 8.0), (240.0, 12.0))
"""Seconds and load, in replicas that it would keep busy: it doubles every minute."""
MOST_REPLICAS = 40
"""Limit of the autoscaler while the load grows, in place of the manifest's, which that load would exceed."""

_QUICK_TIMES = 30.0
"""Factor on a replica's times in a quick run, so that there are fewer requests."""


@dataclass(frozen=True)
class Assumptions:
    """What is not measured.

    Attributes:
        prices: Prices of an hour.
        allowed: What the engines around replicas bear.
        pod_seconds: Seconds until a new pod's process starts, and until it is noticed that it is ready.
    """

    prices: Prices
    allowed: Allowances
    pod_seconds: float


@dataclass(frozen=True)
class Plan:
    """All that the simulation has told.

    Attributes:
        measured: What it was fed with.
        assumptions: What else.
        agreements: Its figures beside measured ones.
        curves: Median and p99 by load, by the balancer.
        floor: The same of a device that computes in no time, behind the balancer that looks at nothing.
        failures: Runs in which a replica dies, by the number of replicas.
        rules: Rules of the autoscaler in the manifest.
        growth: Run in which the load grows.
        limits: Where growth ends.
        quick: Whether runs were short.
    """

    measured: Measured
    assumptions: Assumptions
    agreements: Sequence[Agreement]
    curves: Mapping[str, Sequence[Point]]
    floor: Sequence[Point]
    failures: dict[int, Cluster]
    rules: Rules
    growth: Cluster
    limits: Sequence[Limit]
    quick: bool

    def rate_of_one(self, balancer: str) -> float:
        """Return the requests a second of one replica whose p99 is still in time."""
        return most_load(self.curves[balancer], self.measured.within) * self.measured.times.capacity

    def rate_of_floor(self) -> float:
        """Return the same for a replica whose device computes in no time."""
        return most_load(self.floor, self.measured.within) * self.measured.times.without_computation().capacity


def make_plan(measured: Measured, assumptions: Assumptions, *, quick: bool, say: Callable[[str], None]) -> Plan:
    """Return the plan that follows from what was measured.

    Args:
        measured: What was measured.
        assumptions: What was not.
        quick: Whether runs are short, to see that it works.
        say: Function that tells what goes on.
    """
    times, within, requests = measured.times, measured.within, 4_000 if quick else 100_000
    say("simulating what was measured")
    agreements = compare(measured.trials, times, measured.surroundings, within)
    say("simulating steady loads")
    curves = {name: trace_loads(times, name, requests) for name in BALANCERS}
    blind = next(iter(BALANCERS))
    floor = trace_loads(times.without_computation(), blind, requests)
    start = measured.facts.start_seconds + assumptions.pod_seconds
    some = times.slower(_QUICK_TIMES) if quick else times
    say("simulating replicas that die")
    failures = {count: run_failure(some, count, FAILURE_LOAD, start, FAILURE_SECONDS, DEATH) for count in (FEW, MANY)}
    say("simulating load that grows")
    rules = Rules.read(MANIFEST)
    growth = run_growth(some, replace(rules, most=MOST_REPLICAS), GROWTH, start)
    each = most_load(curves[blind], within) * times.capacity
    limits = find_limits(measured.facts, each, rules, assumptions.allowed)
    return Plan(measured, assumptions, agreements, curves, floor, failures, rules, growth, limits, quick)
