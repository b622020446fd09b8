"""A store of small real models with random weights, and clients of an app that serves them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import torch
from random_models import SPECS, save_model

from service.app import create_app
from service.backends.bank import DrawBank
from service.registry import Registry
from service.serving import Serving
from service.settings import Settings


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One version of every model of :data:`SPECS`."""
    folder = tmp_path_factory.mktemp("store")
    for name in SPECS:
        save_model(folder, name)
    return folder


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app(store: Path) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """``async with app(setting=...) as client``: a started service; ``client.serving`` is what is behind it."""

    @asynccontextmanager
    async def start(**settings: object) -> AsyncIterator[httpx.AsyncClient]:
        chosen = Settings(**{"store": store, "default_model": "mlp", "drain_seconds": 0.0, **settings})
        registry = Registry(chosen.store, torch.device("cpu"), DrawBank(chosen.bank_bytes), chosen.seed)
        application = create_app(chosen, registry)
        serving: Serving = application.state.serving
        transport = httpx.ASGITransport(application)
        async with (
            application.router.lifespan_context(application),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            while serving.phase == "loading":
                await serving.batcher.on_device(lambda: None)
            client.serving = serving  # type: ignore[attr-defined]
            yield client

    return start


@pytest.fixture
async def client(
    app: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service with its default settings."""
    async with app() as started:
        yield started
