"""The server's end: it says first that it is not ready, then accepts no more, and loses no request that it accepted.

A connection is the client's as soon as the kernel has shaken hands, be it that nobody here has looked at it yet. A
socket that is closed resets those that still wait, so the handshakes are stopped first, and the rest is taken in.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import logging
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import FrameType

import uvicorn

from service.http.handshake import Handshake
from service.http.protocol import ProblemProtocol
from service.runtime.runtime import Runtime

log = logging.getLogger(__name__)

_HANDSHAKE_SECONDS = 0.1
"""Seconds that a handshake which has begun may take: a client far away answers the second of its three packets."""
_FIRST_REQUEST_SECONDS = 1.0
"""Seconds that a connection which has just been accepted may take to begin its request."""
_LOOK_SECONDS = 0.01
_SO_ATTACH_FILTER = 26
_SYN, _ACK = 0x02, 0x10
_FLAGS_AT = 13
"""Place of the flags in the head of a TCP packet."""


class Server(uvicorn.Server):
    """A uvicorn server that drains before it closes.

    Args:
        config: uvicorn's configuration.
        runtime: The live service.
    """

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime
        self._is_ending = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; a connection of TLS is known, and has its place, before its handshake."""
        self._context, self.config.ssl = self.config.ssl, None
        if self._context is not None:
            shake_hands = functools.partial(Handshake, self._context, self._runtime)
            self.config.http_protocol_class = shake_hands  # type: ignore[assignment]
        await super().startup(sockets)

    def _log_started_message(self, listeners: Sequence[socket.SocketType]) -> None:
        self.config.ssl = self._context  # which it names as https
        super()._log_started_message(listeners)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on SIGTERM; close at once on Ctrl-C or a second signal. Accepted requests are answered either way."""
        settings = self._runtime.settings
        delay = settings.drain_seconds if sig == signal.SIGTERM and not self._is_ending else 0.0
        if not self._is_ending:
            self._is_ending = True
            self._runtime.drain()
            log.info("draining for %g s", delay)
            self._end_after(delay + settings.shutdown_seconds)
        # A signal may interrupt the loop anywhere, so the timer is set by the loop itself.
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, delay, self._close)

    def _end_after(self, seconds: float) -> None:
        """End the process after so many seconds whatever it does then: a thread that loads cannot be stopped.

        Nobody waits for what is left: accepted requests have had their time.
        """

        def end() -> None:
            log.warning("not all work ended within %g s of the signal to stop; the rest is left", seconds)
            end_now(self._runtime.exit_status)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()

    def _close(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, wait for the requests of connections that were just accepted, and finish all of them."""
        await self._stop_listening()
        end = time.monotonic() + _FIRST_REQUEST_SECONDS
        while time.monotonic() < end and any(self._is_expected(one) for one in self.server_state.connections):
            await asyncio.sleep(_LOOK_SECONDS)
        self._runtime.close()
        await super().shutdown(sockets)

    async def _stop_listening(self) -> None:
        """Let no more handshakes begin, take in the connections that wait to be accepted, and close."""
        with suppress(OSError):  # a system that has no filters resets a connection now and then
            for listener in self._listeners():
                refuse_handshakes(listener)
        end = time.monotonic() + _HANDSHAKE_SECONDS
        while time.monotonic() < end or select.select([*self._listeners()], [], [], 0)[0]:
            await asyncio.sleep(_LOOK_SECONDS)
        for server in self.servers:
            server.close()

    def _listeners(self) -> Iterator[socket.socket]:
        return (listener for server in self.servers for listener in server.sockets)

    @staticmethod
    def _is_expected(connection: asyncio.Protocol) -> bool:
        return isinstance(connection, ProblemProtocol) and connection.awaits_request


def refuse_handshakes(listener: socket.socket) -> None:
    """Drop the first packet of every further handshake with a listening socket; those that have begun are completed.

    A client whose packet is dropped sends it again a second later, when nobody listens any more.

    Raises:
        OSError: if the system has no such filters, which are Linux's (``SO_ATTACH_FILTER``).
    """
    program = [
        (0x30, 0, 0, _FLAGS_AT),  # load the byte
        (0x54, 0, 0, _SYN | _ACK),  # and with
        (0x15, 0, 1, _SYN),  # unless it is SYN alone, skip one
        (0x06, 0, 0, 0),  # drop the packet
        (0x06, 0, 0, 0xFFFFFFFF),  # keep it
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(code)))


def end_now(code: int = 0) -> None:
    """End the process without waiting for its threads."""
    logging.shutdown()
    os._exit(code)
