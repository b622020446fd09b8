"""The numbers that the simulation is fed with, measured on the real service: load that waits for its answers."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import uvloop
from numpy.typing import NDArray
from reliability.open_loop import Connections, Reply, drive_at
from reliability.service_process import Service
from scipy.optimize import nnls

from capacity.arrivals import draw_moments
from capacity.quiet import busy_seconds
from capacity.times import ServiceTimes, Surroundings
from service.scheduling.terms import LONG_SECONDS

CONNECTIONS = (1, 2, 4, 8, 16, 32)
"""Connections of each stretch: the more wait, the more rows share a batch."""
_OK = 200
_QUANTILES = 500


@dataclass(frozen=True)
class Stretch:
    """What one stretch of load told of one process or of several.

    Attributes:
        requests: Number of answers.
        batches: Number of batches.
        computed: Seconds that these ran, as the service counts them.
        busy: Seconds that the service's processes kept a core busy.
        sizes: Number of rows of each batch that can be told by the answers, and the seconds that it ran.
    """

    requests: int
    batches: float
    computed: float
    busy: float
    sizes: Sequence[tuple[int, float]]

    @property
    def rows(self) -> float:
        """Mean number of rows of a batch."""
        return self.requests / self.batches


def measure_stretch(services: Sequence[Service], sent: bytes, connections: int, seconds: float) -> Stretch:
    """Send one request after the other on some connections to each process, and look at what it cost.

    Raises:
        RuntimeError: if an answer was not 200.
    """
    before, busy = _counters(services), busy_seconds(services)
    replies = uvloop.run(_ask_in_turn([service.port for service in services], sent, connections, seconds))
    busy = busy_seconds(services) - busy
    batches, computed = _counters(services) - before
    if wrong := {reply.status for reply in replies} - {_OK}:
        raise RuntimeError(f"the service answered {wrong} under load that waits for its answers")
    sizes = group_batches([reply.compute for reply in replies], connections) if len(services) == 1 else []
    return Stretch(len(replies), float(batches), float(computed), busy, sizes)


async def _ask_in_turn(ports: Sequence[int], sent: bytes, connections: int, seconds: float) -> list[Reply]:
    services, replies, end = [Connections(port) for port in ports], list[Reply](), time.monotonic() + seconds

    async def ask(service: Connections) -> None:
        while time.monotonic() < end:
            replies.append(await service.ask(sent))

    await asyncio.gather(*(ask(service) for service in services for _ in range(connections)))
    for service in services:
        service.close()
    return replies


def group_batches(computed: Sequence[float], most: int) -> list[tuple[int, float]]:
    """Return rows and seconds of each batch: answers of one batch come together, and tell the same seconds.

    Args:
        computed: Seconds that the answers tell, in the order in which they came.
        most: Most rows of a batch, as so many requests are under way.
    """
    sizes = []
    for seconds, group in groupby(computed):
        whole, rest = divmod(len(list(group)), most)
        sizes += [(most, seconds)] * whole + [(rest, seconds)] * (rest > 0)
    return sizes


def _counters(services: Sequence[Service]) -> NDArray[np.float64]:
    """Return the number of batches and the seconds that they ran, ``(2,)``, of all processes so far."""
    names = ("credence_batch_rows_count", "credence_compute_seconds_sum")
    return np.array([sum(service.metric(name) for service in services) for name in names])


@dataclass(frozen=True)
class Sparse:
    """What load told that waits for no answer, and is so little that most requests come alone.

    Attributes:
        generator: Seconds of a core that the generator needed for each request.
        median: Median seconds of an answer, from the moment at which its request was to be sent.
    """

    generator: float
    median: float


def measure_sparse(service: Service, sent: bytes, rate: float, seconds: float) -> Sparse:
    """Send so many requests a second, at the moments of a Poisson process."""
    moments = draw_moments([(seconds, rate)], np.random.default_rng(0)).tolist()
    before = time.process_time()
    replies = uvloop.run(drive_at([service.port], sent, moments))
    generator = (time.process_time() - before) / len(replies)
    return Sparse(generator, statistics.median(reply.seconds for reply in replies))


def fit_times(
    alone: Sequence[Stretch],
    together: Sequence[Stretch],
    sparse: Sparse,
    cores: int,
    row_seconds: float,
    queue_rows: int,
) -> tuple[ServiceTimes, Surroundings]:
    """Return the times that explain what stretches of load cost.

    What a batch computes, and what the loop does around it, are straight lines in its rows. Of the seconds that each
    request costs around its batch one half is taken to come before the batch, the other after it.

    Args:
        alone: Stretches of one process.
        together: Stretches of as many processes as there are cores.
        sparse: Little load of one process, which finds it idle.
        cores: Number of cores.
        row_seconds: Seconds of a row as the service estimates them, by which it bounds a batch.
        queue_rows: Number of waiting requests at which the service refuses more.
    """
    rows = np.array([stretch.rows for stretch in alone])
    batch, row = _line(rows, np.array([one.computed / one.batches for one in alone]))
    turn, each = _line(rows, np.array([(one.busy - one.computed) / one.batches for one in alone]))
    sizes = [size for stretch in alone for size in stretch.sizes]
    spread = np.array([seconds / (batch + row * size) for size, seconds in sizes])
    ranks = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    kept = tuple(float(f"{value:.4g}") for value in np.quantile(spread, ranks))
    from_estimate = max(1, int(LONG_SECONDS / row_seconds))
    usual = (each + turn + batch + row) * float(np.median(kept))
    wake = max(0.0, sparse.median - sparse.generator - usual)
    times = ServiceTimes(each / 2, each / 2, turn, batch, row, kept, from_estimate, queue_rows, wake)
    slowdown = statistics.median(one.busy / _seconds(times, one) for one in together)
    return times, Surroundings(cores, sparse.generator / 2, sparse.generator / 2, max(1.0, slowdown))


def _seconds(times: ServiceTimes, stretch: Stretch) -> float:
    """Return the seconds that a stretch would have cost at the times of one process."""
    each = times.read + times.answer + times.row
    return stretch.batches * (times.turn + times.batch) + stretch.requests * each


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return the constant and the slope, neither below 0, of the line with the least relative errors."""
    solution, _ = nnls(np.stack([1 / y, x / y], 1), np.ones_like(y))
    return float(solution[0]), float(solution[1])
