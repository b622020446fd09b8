"""Retries of the Python client, against a made-up service with the faults that a real one cannot be made to have."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import numpy as np
import pytest

from service.client import Client, ClientError, RefusedError, UnreachableError

Handler = Callable[[httpx.Request], httpx.Response]


def pretended(handler: Handler, timeout: float = 5.0) -> Client:
    return Client("http://pretended", timeout=timeout, transport=httpx.MockTransport(handler))


def busy(retry_after: str = "1") -> httpx.Response:
    return httpx.Response(
        503, json={"code": "overloaded", "detail": "the queue is full"}, headers={"Retry-After": retry_after}
    )


def test_a_busy_service_is_asked_again_when_it_said_and_with_the_time_that_is_left() -> None:
    seen: list[tuple[float, int]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((time.monotonic(), int(request.headers["X-Request-Timeout-Ms"])))
        return busy() if len(seen) == 1 else httpx.Response(200, json={"models": []})

    assert pretended(handler, timeout=60.0).models() == []
    (first, whole), (second, rest) = seen
    assert second - first >= 1
    assert 30_000 < whole <= 60_000
    assert rest <= whole - 1000


def test_who_would_have_to_wait_too_long_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(RefusedError, match="the queue is full"):
        pretended(lambda request: busy("60")).models()
    assert waits == []


@pytest.mark.parametrize("status", [400, 404, 422, 500, 504])
def test_what_would_fail_again_is_asked_once(status: int) -> None:
    calls: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        return httpx.Response(status, text="<html>a proxy</html>")

    with pytest.raises(RefusedError, match=str(status)):
        pretended(handler).models()
    assert len(calls) == 1


def test_a_lost_connection_is_tried_again_but_no_search_is_begun_twice() -> None:
    calls: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        if len(calls) == 1:
            raise httpx.ReadError("lost")
        return httpx.Response(200, json={"models": []})

    assert pretended(handler).models() == []
    calls.clear()
    with pytest.raises(UnreachableError):
        pretended(handler).project("stylegan", np.zeros((1, 8, 8)))
    assert calls == ["/project/stylegan"]


def test_nobody_there_is_an_error_of_this_client_within_its_time() -> None:
    start = time.monotonic()
    with Client("http://127.0.0.1:9", timeout=0.5) as lost, pytest.raises(ClientError, match="no answer"):
        lost.models()
    assert time.monotonic() - start < 10  # a client without a limit of its own would take 30 s
