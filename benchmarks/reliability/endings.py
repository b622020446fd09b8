"""Every connection has an end: slow heads, slow bodies, second heads, and answers that nobody reads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import httpx

from reliability.open_loop import request
from reliability.promise import Promise, Result, Trial, VoidError
from reliability.rows import body, digits
from reliability.service_process import Service
from service.http.pace import Pace

_STALL_SECONDS, _TRANSFER_SECONDS = 2.0, 6.0
_MOST_SECONDS = _TRANSFER_SECONDS + 6
_BYTE_SECONDS = 0.2
_FEW = 3
"""Descriptors that may be there besides those of before: the one that looks, and what the service opened itself."""
_UNREAD = 8
_MOST_GROWTH = 64 * 2**20
_HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_KINDS = {
    "a head a byte at a time": (b"", _HEAD + b"X: " + b"x" * 10_000),
    "a body a byte at a time": (
        _HEAD + b"Content-Type: application/json\r\nContent-Length: 10000\r\n\r\n",
        b" " * 10_000,
    ),
    "chunks a byte at a time": (
        _HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n" * 2000,
    ),
    "a second head a byte at a time": (request(body(digits(1))), _HEAD + b"X: " + b"x" * 10_000),
    "a head that stops": (_HEAD, b""),
}


def wait_for_ever() -> None:
    """Nobody is too slow."""
    Pace.is_late = lambda *_, **__: False  # type: ignore[method-assign]
    Pace.leaves_unread = lambda *_, **__: False  # type: ignore[method-assign]


def prove(trial: Trial) -> Result:
    """Open slow connections of every kind, and look when all are closed; others are served meanwhile."""
    settings = {"stall_seconds": str(_STALL_SECONDS), "transfer_seconds": str(_TRANSFER_SECONDS)}
    with trial.serve(max_queue_seconds="60", **settings) as service:
        with ThreadPoolExecutor(_UNREAD) as readers:  # so that the memory of as many answers has been there before
            deque(readers.map(_read_long_answer, [service] * _UNREAD), maxlen=0)
        before = service.footprint()
        seconds, opened, statuses = asyncio.run(_attack(service, trial.size, before.descriptors))
        growth = service.footprint().memory - before.memory
    if opened < trial.size:
        raise VoidError(f"the service had {opened} connections at most")
    failed = sum(status != 200 for status in statuses)
    count = trial.size * len(_KINDS) + _UNREAD
    broken = [
        *([f"connections were there after {seconds:.0f} s"] if seconds > _MOST_SECONDS else []),
        *([f"{failed} of {len(statuses)} good requests failed"] if failed or not statuses else []),
        *([f"memory grew by {growth / 2**20:.0f} MiB"] if growth > _MOST_GROWTH else []),
    ]
    return Result(
        f"{count} connections, limits of {_STALL_SECONDS:g} s and {_TRANSFER_SECONDS:g} s",
        f"{', '.join(_KINDS)}, {_UNREAD} long answers unread",
        f"closed after {seconds:.1f} s; {failed} others failed; memory {growth / 2**20:+.0f} MiB",
        broken,
    )


async def _attack(service: Service, size: int, before: int) -> tuple[float, int, list[int]]:
    """Return the seconds until all are closed, the most connections, and the statuses of good requests meanwhile."""
    start, statuses, most = time.monotonic(), list[int](), 0
    attackers = [asyncio.create_task(_trickle(service.port, *kind)) for kind in _KINDS.values() for _ in range(size)]
    unread = [_ask_long(service) for _ in range(_UNREAD)]
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
        await asyncio.sleep(1.0)
        while time.monotonic() < start + 2 * _MOST_SECONDS:
            statuses.append((await client.post("/predict", json={"inputs": digits(1)})).status_code)
            most = max(most, open_now := service.footprint().descriptors - before)
            if open_now <= _FEW:
                break
            await asyncio.sleep(0.2)
    seconds = time.monotonic() - start
    for task in attackers:
        task.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)
    for connection in unread:
        connection.close()
    return seconds, most, statuses


async def _trickle(port: int, first: bytes, slow: bytes) -> None:
    """Send the first bytes at once and the others one by one, until the connection is closed; read what comes."""
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reading = asyncio.create_task(reader.read())
        writer.write(first)
        for byte in slow:
            if reading.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(_BYTE_SECONDS)
        await reading
        writer.close()


def _long_request() -> bytes:
    return request(body(digits(40)), "/predict?samples=1000&draws=true&outputs=mean")


def _ask_long(service: Service) -> socket.socket:
    """Ask for an answer of megabytes, and leave it unread."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", service.port))
    connection.sendall(_long_request())
    return connection


def _read_long_answer(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.sendall(_long_request().replace(b"Host:", b"Connection: close\r\nHost:", 1))
        while connection.recv(2**20):
            pass


PROMISE = Promise(
    "endings",
    "Every connection has an end: slow heads and bodies, and answers that nobody reads",
    "connections of each kind",
    150,
    20,
    prove,
    (wait_for_ever,),
)
