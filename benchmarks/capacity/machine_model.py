"""The machine of the measurement in simulated time: some processes of the service, and the generator, on its cores."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import simpy
from numpy.typing import NDArray
from simpy.resources.resource import Preempted

from capacity.arrivals import send
from capacity.record import Record
from capacity.replica import End, Replica, Request, Steps
from capacity.times import ServiceTimes, Surroundings


class Cores:
    """Cores that processes share. Whoever needs little goes first, as Linux has it: a process that wakes up takes the
    core of one that has computed for long, which goes on when a core is free.

    Args:
        env: Simulated time.
        surroundings: Number of cores, and how much slower they are together.
    """

    def __init__(self, env: simpy.Environment, surroundings: Surroundings) -> None:
        self._env, self._slowdown = env, surroundings.slowdown
        self._cores = simpy.PreemptiveResource(env, surroundings.cores)

    def work(self, seconds: float, *, first: bool = False) -> Steps:
        """Keep a core busy for some seconds of work.

        Args:
            seconds: Seconds that it takes while no other core is busy.
            first: Whether it takes the core of work that is not ``first``.
        """
        left = seconds
        while left > 0:
            with self._cores.request(priority=0 if first else 1, preempt=first) as core:
                begun, slowdown = self._env.now, 1.0
                try:
                    yield core
                    begun = self._env.now
                    slowdown = self._slowdown if self._cores.count > 1 else 1.0
                    yield self._env.timeout(left * slowdown)
                    left = 0.0
                except simpy.Interrupt as interrupt:
                    if not isinstance(interrupt.cause, Preempted):
                        raise
                    left -= (self._env.now - begun) / slowdown


class Generator:
    """The process that sends load and reads answers, one thing at a time, to each replica in turn.

    Args:
        env: Simulated time.
        cores: Cores that it shares.
        surroundings: Seconds of its work.
        replicas: Processes of the service.
    """

    def __init__(
        self, env: simpy.Environment, cores: Cores, surroundings: Surroundings, replicas: list[Replica]
    ) -> None:
        self._env, self._cores, self._surroundings = env, cores, surroundings
        self._replicas = cycle(replicas)
        self._thread = simpy.Resource(env)
        self.record = Record()

    def ask(self, sent: float) -> None:
        """Send a request that is due."""
        self._env.process(self._ask(sent, next(self._replicas)))

    def _ask(self, sent: float, replica: Replica) -> Steps:
        yield from self._work(self._surroundings.send)
        replica.receive(Request(sent, lambda request, end: self._ended(request, end)))

    def _ended(self, request: Request, end: End) -> None:
        self._env.process(self._read(request, end))

    def _read(self, request: Request, end: End) -> Steps:
        yield from self._work(self._surroundings.receive)
        if end is End.ANSWERED:
            self.record.add(request.sent, self._env.now - request.sent)
        else:
            self.record.refused += 1

    def _work(self, seconds: float) -> Steps:
        with self._thread.request() as turn:
            yield turn
            yield from self._cores.work(seconds, first=True)


def simulate_machine(
    times: ServiceTimes, surroundings: Surroundings, processes: int, moments: NDArray[np.float64], seed: int
) -> Record:
    """Return what becomes of requests that are sent to some processes in turn, on the cores that all share.

    Args:
        times: Times of each process.
        surroundings: The machine and the generator.
        processes: Number of processes of the service.
        moments: Seconds at which requests are sent, ``(requests,)``.
        seed: Seed of the spread of the batches' times.
    """
    env, random = simpy.Environment(), np.random.default_rng(seed)
    cores = Cores(env, surroundings)
    generator = Generator(env, cores, surroundings, [Replica(env, times, random, cores.work) for _ in range(processes)])
    env.process(send(env, moments, generator.ask))
    env.run()
    return generator.record
