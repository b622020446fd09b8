"""The simulation held against the real service under load that does not wait for answers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import uvloop
from numpy.typing import NDArray
from reliability.open_loop import drive_at
from reliability.service_process import Service

from capacity.arrivals import draw_moments
from capacity.machine_model import simulate_machine
from capacity.record import Record
from capacity.times import ServiceTimes, Surroundings

LOADS = (0.3, 0.5, 0.7)
"""Loads of a trial, as shares of what the processes, the generator and the cores together can do."""
TOLERANCE = 0.15
"""Share by which a figure of the simulation may differ from the measured one."""
_OK = 200


@dataclass(frozen=True)
class Trial:
    """A stretch of load and what was measured of it.

    Attributes:
        processes: Number of processes of the service.
        load: Share of what they can do here.
        rate: Requests a second.
        seconds: Seconds of load.
        seed: Seed of the moments at which requests were sent.
        p50: Median seconds of an answer.
        p99: Seconds that one answer of a hundred exceeded.
        goodput: Answers a second that came in time.
    """

    processes: int
    load: float
    rate: float
    seconds: float
    seed: int
    p50: float
    p99: float
    goodput: float

    def moments(self) -> NDArray[np.float64]:
        """Return the seconds at which its requests were sent, ``(requests,)``."""
        return draw_moments([(self.seconds, self.rate)], np.random.default_rng(self.seed))


@dataclass(frozen=True)
class Agreement:
    """A figure as it was measured, and as the simulation has it; medians over the trials of one kind."""

    processes: int
    load: float
    rate: float
    figure: str
    measured: float
    simulated: float

    @property
    def difference(self) -> float:
        """Difference of the simulation from the measurement, as a share of the latter."""
        return self.simulated / self.measured - 1

    @property
    def holds(self) -> bool:
        """Whether they differ by no more than :data:`TOLERANCE`."""
        return abs(self.difference) <= TOLERANCE


def most_rate(times: ServiceTimes, surroundings: Surroundings, processes: int) -> float:
    """Return the requests a second that some processes can answer on the cores that they share with the generator."""
    core_seconds = surroundings.slowdown * (1 / times.capacity + surroundings.send + surroundings.receive)
    return min(processes * times.capacity, surroundings.cores / core_seconds)


def measure_trial(services: Sequence[Service], sent: bytes, trial: Trial, within: float) -> Trial:
    """Return a trial with its figures measured.

    Args:
        services: The processes.
        sent: The request.
        trial: Load, whose figures do not count.
        within: Seconds in which an answer is of use.

    Raises:
        RuntimeError: if an answer was not 200.
    """
    replies = uvloop.run(drive_at([service.port for service in services], sent, trial.moments().tolist()))
    if wrong := {reply.status for reply in replies} - {_OK}:
        raise RuntimeError(f"the service answered {wrong} at {trial.load:g} of what it can do")
    return _with_figures(trial, Record([0.0] * len(replies), [reply.seconds for reply in replies]), within)


def simulate_trial(trial: Trial, times: ServiceTimes, surroundings: Surroundings, within: float) -> Trial:
    """Return a trial with the figures of the simulation."""
    record = simulate_machine(times, surroundings, trial.processes, trial.moments(), trial.seed)
    return _with_figures(trial, record, within)


def compare(trials: Sequence[Trial], times: ServiceTimes, surroundings: Surroundings, within: float) -> list[Agreement]:
    """Return how measured trials agree with the simulation of the same requests."""
    pairs = [(trial, simulate_trial(trial, times, surroundings, within)) for trial in trials]
    found = []
    for processes, load in dict.fromkeys((trial.processes, trial.load) for trial in trials):
        alike = [pair for pair in pairs if (pair[0].processes, pair[0].load) == (processes, load)]
        rate = statistics.median(trial.rate for trial, _ in alike)
        for figure in ("p50", "p99", "goodput"):
            one, other = (statistics.median(getattr(pair[side], figure) for pair in alike) for side in (0, 1))
            found.append(Agreement(processes, load, rate, figure, one, other))
    return found


def _with_figures(trial: Trial, record: Record, within: float) -> Trial:
    figures = (record.percentile(50), record.percentile(99), record.goodput(within, trial.seconds))
    return Trial(trial.processes, trial.load, trial.rate, trial.seconds, trial.seed, *figures)
