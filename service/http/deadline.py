"""Until when a request waits, for its body, for the device, or for its client to stay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from service.errors import ClientLeft, DeadlineError, InvalidRequestError
from service.http import request_body
from service.settings import Settings

R = TypeVar("R")


class Deadline:
    """When a request's time is over: from its admission on, whatever it waits for.

    Raises:
        InvalidRequestError: if the client's own limit is no whole number of milliseconds.
    """

    def __init__(self, request: Request, settings: Settings) -> None:
        self._request = request
        self._seconds = _deadline_seconds(request, settings)
        self._end = time.monotonic() + self._seconds

    async def read_body(self, max_bytes: int) -> bytes:
        """The whole body.

        Raises:
            DeadlineError: if it does not come in time.
        """
        try:
            async with asyncio.timeout(self._end - time.monotonic()):
                return await request_body.read_body(self._request, max_bytes)
        except TimeoutError as error:
            raise self._error() from error

    async def wait_for(self, work: Coroutine[Any, Any, R]) -> R:
        """Await work, until the time is over or the client leaves; then the work is cancelled.

        Raises:
            DeadlineError: after the server's deadline, or the shorter one in ``X-Request-Timeout-Ms``.
            ClientLeft: if the connection was closed.
        """
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_disconnected(self._request))
        try:
            left = max(0.0, self._end - time.monotonic())
            await asyncio.wait({task, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if gone.done():
                raise ClientLeft
            raise self._error()
        finally:
            task.cancel()
            gone.cancel()

    def _error(self) -> DeadlineError:
        return DeadlineError(f"no answer within {self._seconds:g} s; the work was dropped")


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _deadline_seconds(request: Request, settings: Settings) -> float:
    given = request.headers.get("x-request-timeout-ms")
    if given is None:
        return settings.deadline_seconds
    if not (given.isascii() and given.isdecimal() and 0 < len(given) <= 9 and int(given)):
        raise InvalidRequestError("X-Request-Timeout-Ms is not allowed; allowed is a whole number from 1 to 999999999")
    return min(settings.deadline_seconds, int(given) / 1000)
