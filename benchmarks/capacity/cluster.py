"""Replicas behind a balancer in simulated time: they start, die and are drained, and clients try again."""

from __future__ import annotations

from collections import deque

import numpy as np
import simpy

from capacity.arrivals import Choose
from capacity.autoscaler import SYNC_SECONDS, WINDOW_SECONDS, Autoscaler
from capacity.record import Record
from capacity.replica import End, Replica, Request, Steps
from capacity.times import ServiceTimes

_LOOK_SECONDS = 5.0
"""Seconds between two scrapes of the metrics, as in ``monitoring/service-monitor.yaml``."""
RETRY_SECONDS = 0.1
"""Pause of the client before it sends again what was lost (``service/client/retries.py``)."""
NOTICE_SECONDS = 1.0
"""Seconds for which requests are still sent to a replica that has died."""

_Counters = tuple[float, ...]


class Cluster:
    """Replicas that get the requests of clients who send again what a dead replica lost.

    Args:
        env: Simulated time.
        times: Times of each replica.
        random: Source of chance.
        choose: Balancer.
        count: Number of replicas that are ready at the beginning.
        start_seconds: Seconds from the order to start a replica until it is ready.

    Attributes:
        record: What became of the requests.
        history: Time, replicas that are ready, and those that start, after every change.
    """

    def __init__(
        self,
        env: simpy.Environment,
        times: ServiceTimes,
        random: np.random.Generator,
        choose: Choose,
        count: int,
        start_seconds: float = 0.0,
    ) -> None:
        self._env, self._times, self._random, self._choose = env, times, random, choose
        self._start_seconds = start_seconds
        self._ready = [Replica(env, times, random) for _ in range(count)]
        self._starting = 0
        self.record = Record()
        self.history = [(0.0, count, 0)]

    def ask(self, sent: float) -> None:
        """Send a request to a replica; if none is ready, it is lost for now."""
        request = Request(sent, self._ended)
        if self._ready:
            self._choose(self._ready).receive(request)
        else:
            self._ended(request, End.LOST)

    def kill(self) -> None:
        """End a replica without warning; another one starts at once in its place."""
        victim = self._ready[0]
        victim.die()
        self._env.process(self._notice(victim))
        self._env.process(self._start())

    def scale(self, number: int) -> None:
        """Start replicas, or send nothing more to some, so that there will be this many."""
        for _ in range(number - len(self._ready) - self._starting):
            self._env.process(self._start())
        surplus = max(0, len(self._ready) + self._starting - number)
        for _ in range(min(surplus, len(self._ready) - 1)):
            self._ready.pop()
            self._note()

    def follow(self, autoscaler: Autoscaler) -> Steps:
        """Look at the replicas' counters, and do what an autoscaler decides."""
        looks: dict[Replica, deque[_Counters]] = {}
        every = round(SYNC_SECONDS / _LOOK_SECONDS)
        turn = 0
        while True:
            now = self._env.now
            looks = {one: looks.get(one, deque([(now, 0.0, 0.0, 0.0)])) for one in self._ready}
            for one, seen in looks.items():
                seen.append((now, one.waited, one.computed, one.worked))
                while seen[0][0] < now - WINDOW_SECONDS:
                    seen.popleft()
            if turn and turn % every == 0:
                rates = [_rates(seen) for seen in looks.values()]
                names = "credence_requests_waiting", "credence_device_busy", "credence_loop_busy"
                metrics = dict(zip(names, zip(*rates, strict=True), strict=True))
                self.scale(autoscaler.decide(now, metrics, self._starting))
            turn += 1
            yield self._env.timeout(_LOOK_SECONDS)

    def _start(self) -> Steps:
        self._starting += 1
        self._note()
        yield self._env.timeout(self._start_seconds)
        self._starting -= 1
        self._ready.append(Replica(self._env, self._times, self._random))
        self._note()

    def _notice(self, victim: Replica) -> Steps:
        yield self._env.timeout(NOTICE_SECONDS)
        self._ready.remove(victim)
        self._note()

    def _note(self) -> None:
        self.history.append((self._env.now, len(self._ready), self._starting))

    def _ended(self, request: Request, end: End) -> None:
        if end is End.ANSWERED:
            self.record.add(request.sent, self._env.now - request.sent)
        elif end is End.REFUSED:
            self.record.refused += 1
        else:
            self.record.lost += 1
            self._env.process(self._ask_again(request.sent))

    def _ask_again(self, sent: float) -> Steps:
        yield self._env.timeout(RETRY_SECONDS)
        self.ask(sent)


def _rates(seen: deque[_Counters]) -> tuple[float, ...]:
    """Return the seconds waited, computed and worked for each second of the window."""
    (begin, *before), (end, *now) = seen[0], seen[-1]
    seconds = max(end - begin, _LOOK_SECONDS)
    return tuple((last - first) / seconds for first, last in zip(before, now, strict=True))
