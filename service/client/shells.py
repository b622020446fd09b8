"""The two clients: thin shells that do the IO of the calls. ::

with Client("http://localhost:8000") as credence:
    answer = credence.predict(rows, model="digits-mlp-mc_dropout", samples=50)
    answer.mean, answer.mutual_information, answer.decision
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Self, TypeVar

import httpx

from service.client.calls import Calls
from service.client.exchange import Dialogue, Exchange, Send, Step

T = TypeVar("T")

_URL = "http://localhost:8000"
_TIMEOUT_SECONDS = 30.0


class Client(Calls):
    """A client that waits for its answers.

    Args:
        url: Address of the service.
        timeout: Seconds that one call may take, all its attempts together.
        headers: Header lines sent with every request.
        transport: Transport of httpx, in place of its own.
    """

    def __init__(
        self,
        url: str = _URL,
        *,
        timeout: float = _TIMEOUT_SECONDS,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.timeout = timeout
        self._http = httpx.Client(base_url=url, headers=headers, transport=transport)

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


class AsyncClient(Calls):
    """A client for asyncio, whose calls are awaited.

    Args:
        url: Address of the service.
        timeout: Seconds that one call may take, all its attempts together.
        headers: Header lines sent with every request.
        transport: Transport of httpx, in place of its own.
    """

    def __init__(
        self,
        url: str = _URL,
        *,
        timeout: float = _TIMEOUT_SECONDS,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.timeout = timeout
        self._http = httpx.AsyncClient(base_url=url, headers=headers, transport=transport)

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
