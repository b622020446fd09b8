"""A replica in simulated time: one event loop that reads what has come, runs a batch, and answers, as the service does.

What is simulated is the order of ``service/scheduling/batching.py`` on the event loop (docs/decisions/0076): requests
that came during a batch are read together after its answers, and run together, up to what may share a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import simpy

from capacity.times import ServiceTimes

Steps = Generator[simpy.Event, Any, None]
"""A process in simulated time, or a part of one."""


class End(Enum):
    """The end of a request: it was answered, refused because too many wait, or lost with its replica."""

    ANSWERED = "answered"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(eq=False)
class Request:
    """A request for one row.

    Attributes:
        sent: Time at which the client sent it, in seconds.
        ended: Function that is told how it ended.
        queued: Time since which it waits in the queue.
    """

    sent: float
    ended: Callable[[Request, End], None]
    queued: float = 0.0


class Replica:
    """One process of the service.

    Args:
        env: Simulated time.
        times: Times of its work.
        random: Source of the spread of the batches' times.
        work: Function that keeps a core busy for some seconds; if ``None``, the replica has a core of its own.

    Attributes:
        waited: Seconds that requests have waited in the queue, all together, as ``credence_queue_seconds`` counts them.
        computed: Seconds that batches have run, as ``credence_compute_seconds`` counts them.
        worked: Seconds that the event loop has worked, as ``credence_loop_seconds_total`` counts them.
        is_dead: Whether the process has ended.
    """

    def __init__(
        self,
        env: simpy.Environment,
        times: ServiceTimes,
        random: np.random.Generator,
        work: Callable[[float], Steps] | None = None,
    ) -> None:
        self._env, self._times, self._random = env, times, random
        self._on_core = work or self._work_alone
        self._held: dict[Request, None] = {}  # all that have come and not ended, in order
        self._unread: list[Request] = []
        self._waiting: deque[Request] = deque()
        self._arrived = env.event()
        self.waited = self.computed = self.worked = 0.0
        self.is_dead = False
        self._process = env.process(self._serve())

    @property
    def load(self) -> int:
        """Number of requests that have come and not ended."""
        return len(self._held)

    def receive(self, request: Request) -> None:
        """Take a request; a dead replica loses it at once."""
        if self.is_dead:
            request.ended(request, End.LOST)
            return
        self._held[request] = None
        self._unread.append(request)
        if not self._arrived.triggered:
            self._arrived.succeed()

    def die(self) -> None:
        """End the process, and lose all that it holds."""
        self.is_dead = True
        self._process.interrupt()
        for request in list(self._held):
            self._end(request, End.LOST)

    def _serve(self) -> Steps:
        done: list[Request] = []
        try:
            while True:
                spread = self._times.spread[self._random.integers(len(self._times.spread))]
                if not (self._unread or self._waiting or done):
                    self._arrived = self._env.event()
                    yield self._arrived
                    yield from self._work(self._times.wake)
                new, self._unread = self._unread, []
                for request in done:
                    yield from self._work(self._times.answer * spread)
                    self._end(request, End.ANSWERED)
                for request in new:
                    yield from self._work(self._times.read * spread)
                    self._queue(request)
                done = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._times.batch_rows))]
                if done:
                    yield from self._run(done, spread)
        except simpy.Interrupt:
            return  # it has died

    def _queue(self, request: Request) -> None:
        if len(self._waiting) >= self._times.queue_rows:
            self._end(request, End.REFUSED)
            return
        request.queued = self._env.now
        self._waiting.append(request)

    def _run(self, batch: list[Request], spread: float) -> Steps:
        self.waited += sum(self._env.now - request.queued for request in batch)
        seconds = (self._times.batch + self._times.row * len(batch)) * spread
        yield from self._work(self._times.turn * spread + seconds)
        self.computed += seconds

    def _end(self, request: Request, end: End) -> None:
        del self._held[request]
        request.ended(request, end)

    def _work(self, seconds: float) -> Steps:
        yield from self._on_core(seconds)
        self.worked += seconds

    def _work_alone(self, seconds: float) -> Steps:
        yield self._env.timeout(seconds)
