"""Retries of a request while the service is busy or out of reach, until the call's time is over."""

from __future__ import annotations

import time

import httpx

from service.client.errors import UnreachableError, refusal
from service.client.exchange import Exchange, Pause, Send
from service.client.requests import Request

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_BUSY = (429, 503)
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)


def deliver(request: Request, seconds: float) -> Exchange[httpx.Response]:
    """Send a request until it succeeds, no sooner after a refusal than its ``Retry-After`` says.

    The time left travels with every attempt, so that the service never works for somebody who has gone.

    Args:
        request: Request to send.
        seconds: Time for all attempts together.

    Raises:
        RefusedError: if the service refuses the request, or stays busy until the time is over.
        UnreachableError: if no response came.
    """
    attempts = _Attempts(seconds, request.repeatable)
    while True:
        try:
            response = yield Send(request.arguments(attempts.seconds_left()))
        except httpx.TransportError as error:
            pause = attempts.pause_after_failure(error)
        else:
            assert response is not None  # a shell answers what it has sent
            if response.is_success:
                return response
            pause = attempts.pause_after_refusal(response)
        yield Pause(pause)


class _Attempts:
    """The attempts at one request: the time left, and pauses that grow."""

    def __init__(self, seconds: float, repeatable: bool) -> None:
        self._end = time.monotonic() + seconds
        self._next_pause = _FIRST_PAUSE_SECONDS
        self._repeatable = repeatable

    def seconds_left(self) -> float:
        """Return the time left, never zero, so that an attempt can begin."""
        return max(self._end - time.monotonic(), 0.001)

    def pause_after_refusal(self, response: httpx.Response) -> float:
        """Return the seconds to wait before the next attempt, or raise the refusal if there is to be none."""
        pause = max(_decimal(response.headers.get("Retry-After")), self._growing_pause())
        if response.status_code not in _BUSY or time.monotonic() + pause >= self._end:
            raise refusal(response)
        return pause

    def pause_after_failure(self, error: httpx.TransportError) -> float:
        """Return the seconds to wait before the next attempt, or raise if there is to be none."""
        pause = self._growing_pause()
        hopeless = isinstance(error, httpx.UnsupportedProtocol) or time.monotonic() + pause >= self._end
        if hopeless or not (self._repeatable or isinstance(error, _NEVER_SENT)):
            raise UnreachableError(f"no answer from the service: {type(error).__name__}") from error
        return pause

    def _growing_pause(self) -> float:
        pause, self._next_pause = self._next_pause, min(2 * self._next_pause, _LONGEST_PAUSE_SECONDS)
        return pause


def _decimal(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdecimal() else 0.0
