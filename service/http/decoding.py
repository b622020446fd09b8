"""Decoding of pictures in processes of their own, which are ended when a request's time is over.

Some kilobytes can hold millions of pixels, or the same pixels thousands of times. So the small pictures never wait for
large ones, and a client's next picture waits for one of every other client.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Hashable
from contextlib import suppress

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import PictureError
from service.errors import DrainingError
from service.http.picture_process import Order, Reply, pack
from service.http.picture_rows import Limits, PictureForm, TooManyTogetherError
from service.scheduling.round_robin import RoundRobin

_SMALL_BYTES = 512_000
"""Largest file that is tried as a small picture: it can be opened in a moment, whatever is in it."""
_SMALL_WORK = 1_000_000
"""Most pixels x scans of a small picture: some 20 ms."""
_PATIENCE_SECONDS = 0.5
"""Seconds for which a picture is still decoded that nobody waits for."""
_MOST_SECONDS = 10.0
"""Seconds after which decoding is given up: the largest picture takes one or two."""


class Decoder:
    """Two processes that decode pictures, one of them small ones alone; each starts when it is first needed.

    Attributes:
        small: Line of small pictures.
        large: Line of all others.
    """

    def __init__(self) -> None:
        self.small = Line(most_each=256, most=1024)
        self.large = Line(most_each=8, most=32)

    async def decode(
        self, body: bytes, form: PictureForm, max_pixels: int, left: int, client: Hashable
    ) -> tuple[NDArray[np.float32], int]:
        """Return a picture as one raw row ``(1, channels, height, width)``, and the number of its pixels.

        Args:
            body: Content of the file.
            form: Form of the row.
            max_pixels: Largest number of pixels.
            left: Largest number of pixels beside those of the request's other pictures.
            client: Id of the client that sends it.

        Raises:
            PictureError: if it cannot be read, or is beyond a limit.
            TooManyTogetherError: if it has too many pixels beside the others.
            OverloadedError: if too many pictures of the client wait.
        """
        reply, content = Reply(too_much=True), b""
        if len(body) <= _SMALL_BYTES:
            reply, content = await self.small.ask(Order(form, Limits(max_pixels, left, _SMALL_WORK)), body, client)
        if reply.too_much:
            reply, content = await self.large.ask(Order(form, Limits(max_pixels, left)), body, client)
        if reply.together:
            raise TooManyTogetherError
        if reply.fault is not None:
            raise PictureError(reply.fault)
        return np.frombuffer(content, np.float32).reshape(1, *form.shape), reply.pixels

    async def close(self) -> None:
        """End the processes, whatever they are about."""
        await self.small.close()
        await self.large.close()


class Line:
    """A process and those who wait for it.

    Args:
        most_each: Largest number of pictures of one client that wait.
        most: Largest number that wait in all.
    """

    def __init__(self, most_each: int, most: int) -> None:
        self._turns = RoundRobin(most_each, most, "pictures")
        self._process: Process | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Id of the process; ``None`` if there is none now."""
        return None if self._process is None else self._process.pid

    async def ask(self, order: Order, body: bytes, client: Hashable) -> tuple[Reply, bytes]:
        """Wait for a turn and the reply; once nobody waits for it any more, the process is ended."""
        await self._turns.acquire(client)
        work = asyncio.create_task(self._work(pack(order, body)))
        work.add_done_callback(self._release)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # Not at once: whoever sends pictures and leaves would keep everybody waiting for new processes.
            asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, work.cancel)
            raise

    def _release(self, work: asyncio.Task[tuple[Reply, bytes]]) -> None:
        self._turns.release()
        if not work.cancelled():
            work.exception()  # which nobody may be left to see

    async def _work(self, message: bytes) -> tuple[Reply, bytes]:
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                return await self._exchange(message)
        except TimeoutError as error:
            await self.end()
            raise PictureError(f"takes more than {_MOST_SECONDS:g} s to decode; save it anew") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:  # the process is gone
            await self.end()
            if self._closed:
                raise DrainingError("the service is about to stop") from error
            raise PictureError("is damaged: its decoder failed") from error
        except asyncio.CancelledError:
            await self.end()
            raise

    async def _exchange(self, message: bytes) -> tuple[Reply, bytes]:
        if self._closed:
            raise ConnectionAbortedError
        if self._process is None or self._process.returncode is not None:
            self._process = await _start()
        source, sink = self._process.stdout, self._process.stdin
        assert source is not None  # as both are pipes
        assert sink is not None
        sink.write(message)
        await sink.drain()
        lengths = await source.readexactly(8)
        text = await source.readexactly(int.from_bytes(lengths[:4], "big"))
        return msgspec.json.decode(text, type=Reply), await source.readexactly(int.from_bytes(lengths[4:], "big"))

    async def close(self) -> None:
        """End the process, and start no other."""
        self._closed = True
        await self.end()

    async def end(self) -> None:
        """End the process, if there is one; the next order starts another."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _start() -> Process:
    """Start a process that knows where modules are, and nothing else of this one."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = (sys.executable, "-W", "ignore", "-m", "service.http.picture_process")
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
    )
