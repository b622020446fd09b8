"""Services that share a Redis share a client's rate; without it each counts for itself, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import httpx
import pytest
from free_port import free_port
from patience import PATIENCE
from pydantic import ValidationError
from redis_server import redis

from service.http import rate_counts
from service.settings import Settings

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def test_services_share_a_rate_and_go_on_without_redis(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_counts, "_PATIENCE_SECONDS", 3.0)  # on a busy machine an answer may take long
    port = free_port()
    settings = {"rate_limit": "6/hour", "rate_store": f"redis://127.0.0.1:{port}/0"}
    async with AsyncExitStack() as stack:
        with redis(port):
            clients = [await stack.enter_async_context(app(**settings)) for _ in range(2)]
            answers = [await clients[i % 2].get("/models") for i in range(6)]
            assert [one.status_code for one in answers] == [200] * 6
            left = [one.headers["RateLimit"].partition(";t=")[0] for one in answers]
            assert left == [f'"requests";r={number}' for number in (5, 4, 3, 2, 1, 0)]
            for client in clients:
                refused = await client.get("/models")
                assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
                assert "credence_rates_broken 0.0" in (await client.get("/metrics")).text
        alone = [(await clients[0].get("/models")).status_code for _ in range(7)]
        assert alone == [200] * 6 + [429]
        assert "credence_rates_broken 1.0" in (await clients[0].get("/metrics")).text
        with redis(port):
            async with asyncio.timeout(PATIENCE):
                while (await clients[0].get("/models")).status_code != 200:
                    await asyncio.sleep(0.1)
            assert "credence_rates_broken 0.0" in (await clients[0].get("/metrics")).text


def test_an_address_that_is_none_is_refused() -> None:
    for address in ("memcached://host", "redis", "http://host", "redis:// host"):
        with pytest.raises(ValidationError):
            Settings(rate_store=address)
