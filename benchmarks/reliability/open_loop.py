"""Load that does not wait for answers: so many requests a second, whatever becomes of those before."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

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
    """

    status: int
    is_first: bool
    seconds: float
    retry_after: bool


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
        status, retry_after = await self._ask(sent)
        return Reply(status, is_first, time.monotonic() - start, retry_after)

    async def _ask(self, sent: bytes) -> tuple[int, bool]:
        try:
            streams = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return REFUSED, False
        reader, writer = streams
        try:
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return LOST, False
        if b"connection: close" in lines:
            writer.close()
        else:
            self._idle.append(streams)
        return int(lines[0].split()[1]), any(line.startswith(b"retry-after:") for line in lines)

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
    connections, replies = Connections(port), list[Reply]()

    async def ask(at: float) -> None:
        late = time.monotonic() - at
        reply = await connections.ask(sent)
        replies.append(replace(reply, seconds=reply.seconds + late))

    start, tasks = time.monotonic(), set[asyncio.Task[None]]()
    for i in range(round(rate * seconds)):
        due = start + i / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        if is_over():
            break
        task = asyncio.create_task(ask(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    while tasks:
        await asyncio.wait(set(tasks))
    connections.close()
    return replies


async def measure_capacity(port: int, sent: bytes, seconds: float, connections: int = 8) -> float:
    """Return the requests that are answered a second if each connection waits for its answer."""
    shared, answered, end = Connections(port), 0, time.monotonic() + seconds

    async def ask() -> None:
        nonlocal answered
        while time.monotonic() < end:
            status = (await shared.ask(sent)).status  # within the sum, what others add meanwhile would be lost
            answered += status == 200

    await asyncio.gather(*(ask() for _ in range(connections)))
    shared.close()
    return answered / seconds
