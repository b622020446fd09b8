"""What Ray Serve costs, and what a killed node and an update under load do: ``docs/ray.md``.

Run from the repository's root: ``python benchmarks/ray_serve.py --store store [--write docs/ray.md]`` (5 minutes). One
process and Ray Serve with one and two replicas are asked the same, by connections that wait for their answers; then
two replicas on two nodes bear a constant load while one node is killed and comes back, and while all are replaced.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import machine
from page import number, table, write
from ray_nodes import Cluster, cluster
from reliability.open_loop import Reply, drive, measure_capacity, request
from reliability.rows import DIGITS, body, digits
from reliability.service_process import Service

MARK = "benchmarks/ray_serve.py"
_REQUEST = request(body(digits(1)), "/predict?samples=50")
_OK = 200
_SETTINGS = {"threads": "1", "outcomes": "off"}
_MANY = 32
_ROUNDS, _ROUND_SECONDS = 3, 4.0
_SHARE, _LOAD_SECONDS, _KILL_AT, _BACK_AT, _CHUNK = 0.7, 60, 20, 30, 2
_NORMAL = 2.0
"""Factor on the median p99 before the kill up to which a p99 counts as normal."""


@dataclass(frozen=True)
class Pace:
    """What one way of serving answers.

    Attributes:
        alone: Median seconds of a request on one connection.
        rate: Requests a second on many connections.
    """

    alone: float
    rate: float


def main() -> None:
    """Measure, and print the tables or write them into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help="store with the starter models")
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ray-") as name:
        folder = Path(name)
        shutil.copytree(options.store / DIGITS, folder / "store" / DIGITS)
        text = _report(folder, folder / "store")
    if options.write:
        write(options.write, text, MARK)
    sys.stdout.write(f"{text}\n")


def _report(folder: Path, store: Path) -> str:
    with Service(store, folder, [], {"threads": "1"}) as service:
        paces = {"one process": _measure(service.port)}
    with cluster(folder, store, 1, **_SETTINGS) as one:
        paces["Ray Serve, one replica"] = _measure(one.port)
    with cluster(folder, store, 2, **_SETTINGS) as two:
        paces["Ray Serve, two replicas on two nodes"] = _measure(two.port)
        rate = _SHARE * paces["Ray Serve, two replicas on two nodes"].rate
        killed, chunks = _bear_a_kill(two, rate)
        updated, seconds = _bear_an_update(two, rate / 2)
    base = paces["one process"]
    costs = [
        [name, number(1000 * pace.alone), number(1000 * (pace.alone - base.alone)), number(pace.rate),
         number(pace.rate / base.rate)]
        for name, pace in paces.items()
    ]  # fmt: skip
    before = statistics.median(chunks[: _KILL_AT // _CHUNK])
    slow = [(at + 1) * _CHUNK for at, p99 in enumerate(chunks) if p99 > _NORMAL * before and at * _CHUNK >= _KILL_AT]
    return "\n\n".join([
        f"Ray {version('ray')}, {machine.description()}, {machine.versions()}, {time.strftime('%-d %B %Y')}. "
        f"One row of 64 numbers as JSON, 50 draws of `{DIGITS}`, a thread a replica; the load is made here, too.",
        table(["served by", "ms, 1 connection", "more", f"requests/s, {_MANY} connections", "times"], costs),
        table(["two replicas on two nodes under load", "requests", "not answered by 200", "p99 in ms"], [
            [f"{rate:.0f} requests/s for {_LOAD_SECONDS} s, one node killed at {_KILL_AT} s, back at {_BACK_AT} s",
             str(len(killed)), str(_count_failed(killed)),
             f"before {number(1000 * before)}, worst {number(1000 * max(chunks))}, above"
             f" {_NORMAL:g} x before {f'until {slow[-1]} s' if slow else 'never'}"],
            [f"{rate / 2:.0f} requests/s while all replicas are replaced, {seconds:.0f} s",
             str(len(updated)), str(_count_failed(updated)), number(1000 * _p99(updated))],
        ]),
    ])  # fmt: skip


def _measure(port: int) -> Pace:
    """Return the medians of some rounds."""
    asyncio.run(measure_capacity(port, _REQUEST, 2.0, _MANY))
    alone = [1 / asyncio.run(measure_capacity(port, _REQUEST, _ROUND_SECONDS, 1)) for _ in range(_ROUNDS)]
    rates = [asyncio.run(measure_capacity(port, _REQUEST, _ROUND_SECONDS, _MANY)) for _ in range(_ROUNDS)]
    return Pace(statistics.median(alone), statistics.median(rates))


def _bear_a_kill(two: Cluster, rate: float) -> tuple[list[Reply], list[float]]:
    """Return all replies, and the p99 of every two seconds, while a node is killed and comes back."""

    def act() -> None:
        for at, order in ((_KILL_AT, "kill"), (_BACK_AT, "add")):
            time.sleep(max(0.0, begun + at - time.monotonic()))
            two.order(order)

    begun = time.monotonic()
    with _beside(act):
        chunks = asyncio.run(_load(two.port, rate, begun, lambda: time.monotonic() > begun + _LOAD_SECONDS))
    two.wait_ready(2)
    return [reply for chunk in chunks for reply in chunk], [_p99(chunk) for chunk in chunks]


def _bear_an_update(two: Cluster, rate: float) -> tuple[list[Reply], float]:
    """Return all replies while every replica is replaced, and how long that took."""
    over = threading.Event()

    def act() -> None:
        time.sleep(2)
        two.order("update")
        time.sleep(2)
        over.set()

    begun = time.monotonic()
    with _beside(act):
        chunks = asyncio.run(_load(two.port, rate, begun, over.is_set))
    return [reply for chunk in chunks for reply in chunk], time.monotonic() - begun


@contextlib.contextmanager
def _beside(act: Callable[[], None]) -> Iterator[None]:
    """Run a function on a thread of its own meanwhile, and wait for it in the end."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


async def _load(port: int, rate: float, begun: float, is_over: Callable[[], bool]) -> Sequence[list[Reply]]:
    """Send requests at a rate whatever becomes of them, and return the replies by the stretch they were sent in."""
    stretches: list[asyncio.Task[list[Reply]]] = []
    while not is_over():
        stretches.append(asyncio.create_task(drive(port, _REQUEST, rate, _CHUNK)))
        await asyncio.sleep(max(0.0, begun + len(stretches) * _CHUNK - time.monotonic()))
    return await asyncio.gather(*stretches)


def _count_failed(replies: Sequence[Reply]) -> int:
    return sum(reply.status != _OK for reply in replies)


def _p99(replies: Sequence[Reply]) -> float:
    return statistics.quantiles([reply.seconds for reply in replies], n=100)[98]


if __name__ == "__main__":
    main()
