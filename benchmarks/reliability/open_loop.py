"""Load that does not wait for answers: so many requests a second, whatever becomes of those before."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

REFUSED, LOST = 0, -1
"""Stand in place of a status: the connection was refused; it was accepted and closed without an answer."""


@dataclass(frozen=True)
class Reply:
    """What became of a request.

    Attributes:
        status: Status of the answer, :data:`REFUSED` or :data:`LOST`.
        is_first: ``True`` if no other request came before it on its connection.
        seconds: Seconds from the moment at which it was to be sent.
        retry_after: ``True`` if the answer says when to try again.
        compute: Seconds that its batch took, as the answer says; 0 if it does not.
    """

    status: int
    is_first: bool
    seconds: float
    retry_after: bool
    compute: float = 0.0


def request(content: bytes, path: str = "/predict") -> bytes:
    """Return a POST request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Connections:
    """Connections to a service that are used again, and opened where all are in use.

    Args:
        port: Port of the service on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, sent: bytes) -> Reply:
        """Send a request, and return what became of it."""
        start, is_first = time.monotonic(), not self._idle
        status, lines = await self._ask(sent)
        seconds = time.monotonic() - start
        retry_after = any(line.startswith(b"retry-after:") for line in lines)
        compute = next((float(line[18:]) / 1000 for line in lines if line.startswith(b"x-compute-time-ms:")), 0.0)
        return Reply(status, is_first, seconds, retry_after, compute)

    async def _ask(self, sent: bytes) -> tuple[int, Sequence[bytes]]:
        """Return the status of an answer, and the lines of its head in small letters."""
        try:
            streams = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return REFUSED, ()
        reader, writer = streams
        try:
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return LOST, ()
        if b"connection: close" in lines:
            writer.close()
        else:
            self._idle.append(streams)
        return int(lines[0].split()[1]), lines

    def close(self) -> None:
        """Close those that are idle."""
        for _, writer in self._idle:
            with contextlib.suppress(OSError):
                writer.close()


async def drive(
    port: int, sent: bytes, rate: float, seconds: float, is_over: Callable[[], bool] = lambda: False
) -> list[Reply]:
    """Send a request again and again, at a rate, until the time is over, and wait for all answers.

    Args:
        port: Port of the service on this machine.
        sent: The request.
        rate: Requests a second.
        seconds: Seconds of load.
        is_over: Function that tells whether to end before.
    """
    moments = [i / rate for i in range(round(rate * seconds))]
    return await _drive([port], sent, moments, asyncio.sleep, is_over)


async def drive_at(ports: Sequence[int], sent: bytes, moments: Sequence[float]) -> list[Reply]:
    """Send a request at given moments, exact to some microseconds, to several services in turn; wait for all answers.

    Args:
        ports: Ports of the services on this machine.
        sent: The request.
        moments: Seconds from now, in order.
    """
    with Alarm() as alarm:
        return await _drive(ports, sent, moments, alarm.sleep)


class Alarm:
    """A clock that wakes by a signal, as the sleep of an event loop is exact to a millisecond alone.

    For one coroutine of the main thread, within which nothing else uses ``SIGALRM``.
    """

    def __enter__(self) -> Alarm:
        self._rung = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, self._rung.set)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGALRM)

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        self._rung.clear()
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))  # 0 would mean never
        await self._rung.wait()


async def _drive(
    ports: Sequence[int],
    sent: bytes,
    moments: Sequence[float],
    sleep: Callable[[float], Awaitable[None]],
    is_over: Callable[[], bool] = lambda: False,
) -> list[Reply]:
    services, replies = [Connections(port) for port in ports], list[Reply]()

    async def ask(connections: Connections, at: float) -> None:
        late = time.monotonic() - at
        reply = await connections.ask(sent)
        replies.append(replace(reply, seconds=reply.seconds + late))

    start, tasks = time.monotonic(), set[asyncio.Task[None]]()
    for moment, connections in zip(moments, cycle(services), strict=False):
        due = start + moment
        if (wait := due - time.monotonic()) > 0:
            await sleep(wait)
        if is_over():
            break
        task = asyncio.create_task(ask(connections, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    while tasks:
        await asyncio.wait(set(tasks))
    for connections in services:
        connections.close()
    return replies


async def measure_capacity(port: int, sent: bytes, seconds: float, connections: int = 8) -> float:
    """Return the requests that are answered a second if each connection waits for its answer."""
    shared, answered, begun = Connections(port), 0, time.monotonic()

    async def ask() -> None:
        nonlocal answered
        while time.monotonic() < begun + seconds:
            status = (await shared.ask(sent)).status  # within the sum, what others add meanwhile would be lost
            answered += status == 200

    await asyncio.gather(*(ask() for _ in range(connections)))
    shared.close()
    return answered / (time.monotonic() - begun)  # the last answers come after the time for questions is over
