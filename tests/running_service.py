"""A service of real checkpoints in this process, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from service.app import create_app
from service.backends.torch_loader import TorchLoader
from service.runtime.registry import Registry
from service.runtime.runtime import Runtime
from service.settings import Settings


@asynccontextmanager
async def started(**settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a started service; ``client.application`` and its ``client.runtime`` are what is behind it."""
    chosen = Settings(**{"default_model": "mlp", "drain_seconds": 0.0, "max_request_seconds": 1e6, **settings})
    registry = Registry(chosen.store_folder, TorchLoader("cpu", chosen.draw_cache_bytes, chosen.seed))
    application = create_app(chosen, registry)
    runtime: Runtime = application.state.runtime
    transport = httpx.ASGITransport(application)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        while runtime.phase == "loading":
            await asyncio.sleep(0.01)
        client.runtime, client.application = runtime, application  # type: ignore[attr-defined]
        yield client
