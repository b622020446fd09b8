"""Times of a replica's work and of the machine around it: the numbers that the simulation is fed with."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ServiceTimes:
    """Times of one replica, which has one event loop on one core: it reads, computes and answers in turns.

    Attributes:
        read: Seconds from the first byte of a request until it waits in the queue.
        answer: Seconds from the end of its batch until its answer is written.
        turn: Seconds that a batch costs around its computation: waking up, waiting for sockets, choosing jobs.
        batch: Seconds that a batch computes however many rows it has.
        row: Seconds that it computes for each row.
        spread: Measured seconds of batches over those that ``batch`` and ``row`` tell, each as likely as the others.
            What a turn costs around its batch spreads with it: a slow moment of the machine does not choose.
        batch_rows: Most rows that share a batch.
        queue_rows: Number of waiting rows at which more are refused.
        wake: Seconds more that a turn costs which finds the loop idle: the process wakes up, and its caches are cold.
    """

    read: float
    answer: float
    turn: float
    batch: float
    row: float
    spread: tuple[float, ...] = (1.0,)
    batch_rows: int = 1
    queue_rows: int = 10**9
    wake: float = 0.0

    @property
    def capacity(self) -> float:
        """Rows a second that a replica can answer, which it does in full batches."""
        return 1 / (self.read + self.answer + self.row + (self.turn + self.batch) / self.batch_rows)

    def without_computation(self) -> ServiceTimes:
        """Return the times of a replica whose device computes in no time: no device of any price gives more."""
        return replace(self, batch=0.0, row=0.0)

    def slower(self, times: float) -> ServiceTimes:
        """Return the times of the same replica on a core that is so many times as slow."""
        parts = {name: times * getattr(self, name) for name in ("read", "answer", "turn", "batch", "row", "wake")}
        return replace(self, **parts)


@dataclass(frozen=True)
class Surroundings:
    """Times of what stands around the replicas on the machine where they were measured.

    Attributes:
        cores: Number of cores that all processes share.
        send: Seconds of the load generator's core for sending a request.
        receive: Seconds of it for reading an answer.
        slowdown: Seconds that work takes while all cores are busy, over those that it takes while one is.
    """

    cores: int
    send: float
    receive: float
    slowdown: float = 1.0
