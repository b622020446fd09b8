"""The two clients: thin shells that do the IO of the calls. ::

    with Client("http://localhost:8000") as credence:
        answer = credence.predict(rows, model="digits-mlp-mc_dropout", samples=50)
        answer.mean, answer.mutual_information, answer.decision

Every method that asks the service something is in :class:`~service.client.calls.Calls`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, Self, TypeVar

import httpx

from service.client.calls import Calls
from service.client.exchange import Dialogue, Exchange, Send, Step

T = TypeVar("T")
Http = TypeVar("Http")
Transport = TypeVar("Transport")


class Shell(Calls, Generic[Http, Transport]):
    """Base of both clients, which say how they connect."""

    _connect: Callable[..., Any]
    _http: Http

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        timeout: float = 30.0,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Prepare the connections; the first call opens one.

        Args:
            url: Address of the service.
            timeout: Seconds that one call may take, all its attempts together.
            key: API key; that of the environment variable ``CREDENCE_API_KEY`` if left out, or none.
            headers: Header lines sent with every request.
            transport: Transport of httpx, in place of its own.
        """
        self.timeout = timeout
        key = os.environ.get("CREDENCE_API_KEY") if key is None else key
        authorization = {"Authorization": f"Bearer {key.strip()}"} if key else {}
        self._http = self._connect(base_url=url, headers={**authorization, **(headers or {})}, transport=transport)


class Client(Shell[httpx.Client, httpx.BaseTransport]):
    """A client that waits for its answers."""

    _connect = httpx.Client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def run(self, exchange: Exchange[T]) -> T:
        """Carry out an exchange, and return its answer."""
        dialogue = Dialogue(exchange)
        while dialogue.step:
            with dialogue:
                dialogue.result = self._carry_out(dialogue.step)
        return dialogue.answer

    def _carry_out(self, step: Step) -> httpx.Response | None:
        if isinstance(step, Send):
            return self._http.request(**step.arguments)
        time.sleep(step.seconds)
        return None


class AsyncClient(Shell[httpx.AsyncClient, httpx.AsyncBaseTransport]):
    """A client for asyncio, whose calls are awaited."""

    _connect = httpx.AsyncClient

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def run(self, exchange: Exchange[T]) -> T:
        """Carry out an exchange, and return its answer."""
        dialogue = Dialogue(exchange)
        while dialogue.step:
            with dialogue:
                carried_out = self._carry_out(dialogue.step)
                # A task that is cancelled once more while it cleans up shall not leave its job behind.
                dialogue.result = await (asyncio.shield(carried_out) if dialogue.interrupted else carried_out)
        return dialogue.answer

    async def _carry_out(self, step: Step) -> httpx.Response | None:
        if isinstance(step, Send):
            return await self._http.request(**step.arguments)
        await asyncio.sleep(step.seconds)
        return None
