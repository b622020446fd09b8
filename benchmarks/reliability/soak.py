"""Mixed traffic, good, hostile and of clients that leave, makes nothing grow: no memory, no descriptors, no threads."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import itertools
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import Gauge

from reliability.open_loop import request
from reliability.promise import NotRunError, Promise, Result, Trial, VoidError
from reliability.rows import body, digits
from reliability.service_process import Footprint, Service
from service.http.layers import Metrics
from service.telemetry import Telemetry

_AT_ONCE = 4
_LEAK = 1024
_MOST_PER_REQUEST = _LEAK / 2
"""Bytes of memory that a request may leave behind, by a slope over some thousands: half of the leak that is planted."""
_MOST_DESCRIPTORS, _MOST_THREADS = 4, 4
_ROUNDS = 12
_MALLINFO = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
_SMALL_BLOCK = 64
"""Bytes of a usual block of Python's own allocator, which C's knows nothing of."""
_MOST_GROWTH = 64 * 2**20
"""Bytes of resident memory that may come after the service is warm: the allocator's own holes."""
_WARM_ROUNDS = 3
"""Rounds in which what is made once is made; they are not looked at."""
_SETTLE_SECONDS = 0.3
"""Seconds after a round until those who left are forgotten."""
_FEWEST = 500
"""Requests that a slope takes at least."""


@dataclass(frozen=True)
class Look:
    """The service at one moment.

    Attributes:
        requests: Number of requests until then.
        allocated: Bytes in use, as the allocators of C and Python tell them.
    """

    requests: int
    allocated: float
    footprint: Footprint


class _Mallinfo(ctypes.Structure):
    """What glibc's ``mallinfo2`` returns."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _MALLINFO)


def tell_allocated() -> None:
    """The service tells how many bytes are allocated: resident memory hides a leak while freed memory is used again."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        raise NotRunError("the C library is not glibc, which tells how much is allocated")
    library.mallinfo2.restype = _Mallinfo
    original = Telemetry.__init__

    def allocated() -> float:
        gc.collect()
        told = library.mallinfo2()
        return float(told.uordblks + told.hblkhd + _SMALL_BLOCK * sys.getallocatedblocks())

    def __init__(self: Telemetry) -> None:  # noqa: N807 - it takes the place of the class's own
        original(self)
        Gauge("allocated_bytes", "Bytes in use.", registry=self.registry).set_function(allocated)

    Telemetry.__init__ = __init__  # type: ignore[method-assign]


def leak() -> None:
    """Every request leaves 1 KiB behind."""
    original, kept = Metrics.leave, list[bytes]()

    def leave(self: Metrics, scope: Any) -> None:
        kept.append(bytes(bytearray(_LEAK)))
        original(self, scope)

    Metrics.leave = leave  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Send mixed traffic for some seconds, and fit a line through what the process held meanwhile."""
    with trial.serve(tell_allocated) as service:
        looks, statuses = asyncio.run(_soak(service, trial.size))
        with service.client() as client:
            alive = client.post("/predict", json={"inputs": digits(1)}).status_code
    requests = looks[-1].requests - looks[0].requests
    if requests < _FEWEST:
        raise VoidError(f"{requests} requests are too few for a slope")
    slope = _slope([(look.requests, look.allocated) for look in looks])
    memory = _growth([look.footprint.memory for look in looks])
    descriptors = _growth([look.footprint.descriptors for look in looks])
    threads = _growth([look.footprint.threads for look in looks])
    failed = sum(count for status, count in statuses.items() if status >= 500 and status != 503)
    broken = [
        *([f"a request left {slope:.0f} bytes behind"] if slope > _MOST_PER_REQUEST else []),
        *([f"{memory / 2**20:.0f} MiB more of resident memory"] if memory > _MOST_GROWTH else []),
        *([f"{descriptors:.0f} descriptors more"] if descriptors > _MOST_DESCRIPTORS else []),
        *([f"{threads:.0f} threads more"] if threads > _MOST_THREADS else []),
        *([f"{failed} answers were 5xx: {dict(statuses)}"] if failed else []),
        *([f"a good request was answered by {alive}"] if alive != 200 else []),
    ]
    return Result(
        f"{trial.size} s, {requests} requests: predictions of 1 to 8 rows",
        "a third hostile, an eighth left at once",
        f"{slope:+.0f} bytes a request, {memory / 2**20:+.1f} MiB resident, {descriptors:+.0f} descriptors,"
        f" {threads:+.0f} threads",
        broken,
    )


async def _soak(service: Service, seconds: float) -> tuple[list[Look], Counter[int]]:
    """Return looks at the service between the rounds, once it is warm, and how many answers had each status."""
    looks, statuses, sent = list[Look](), Counter[int](), itertools.cycle(_traffic())

    async def ask(end: float) -> None:
        while time.monotonic() < end:
            content, leaves = next(sent)
            statuses[await _exchange(service.port, content, leaves=leaves)] += 1

    for i in range(_ROUNDS):
        end = time.monotonic() + seconds / _ROUNDS
        await asyncio.gather(*(ask(end) for _ in range(_AT_ONCE)))
        await asyncio.sleep(_SETTLE_SECONDS)
        if i >= _WARM_ROUNDS:
            looks.append(Look(statuses.total(), service.metric("allocated_bytes"), service.footprint()))
    return looks, statuses


def _traffic() -> Sequence[tuple[bytes, bool]]:
    """Return requests, and for each whether its client leaves at once."""
    row = digits(1)
    good = [request(body(digits(n, seed=n)), f"/predict?seed={n}&samples=20") for n in range(1, 9)]
    hostile = [
        request(b"[" * 5000),
        request(b'{"inputs": [[NaN]]}'),
        request(body([[1e308] * 64])),
        request(body(row), "/predict?samples=1000000000"),
        request(b'{"inputs": "\\ud800"}'),
        request(body([["x" * 10_000]])),
    ]
    leaving = [request(body(row), "/predict?samples=300"), request(body(row), "/predict?seed=5&samples=300")]
    return [*((content, False) for content in (*good, *hostile)), *((content, True) for content in leaving)]


async def _exchange(port: int, sent: bytes, *, leaves: bool) -> int:
    """Send a request on a connection of its own, and return the status; 0 if the client left or was cut off."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            await writer.drain()
            if not leaves:
                head = await reader.readuntil(b"\r\n\r\n")
                return int(head.split()[1])
        finally:
            writer.close()
    return 0


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median slope from each point to the next, which a few jumps do not move."""
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(points) if b[0] > a[0])


def _growth(values: Sequence[int]) -> float:
    """Return by how much the median of the last quarter exceeds that of the first."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-quarter:]) - statistics.median(values[:quarter])


PROMISE = Promise(
    "soak",
    "Mixed traffic, good, hostile and leaving, makes neither memory nor descriptors nor threads grow",
    "seconds",
    600,
    25,
    prove,
    (leak,),
)
