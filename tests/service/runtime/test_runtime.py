"""While models are being loaded, those that are there answer, and nothing is taken for what is still to come."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from patience import PATIENCE, happens
from random_models import digits, save_model

from service.app import create_app
from service.backends.torch_loader import TorchLoader
from service.runtime.registry import Registry
from service.runtime.runtime import Runtime
from service.settings import Settings

pytestmark = pytest.mark.anyio


class SlowRegistry(Registry):
    """A registry that takes long to read all models but one, until it is let go."""

    def __init__(self, store: Path, quick: str) -> None:
        super().__init__(store, TorchLoader("cpu", 2**28))
        self.quick, self.go = quick, threading.Event()

    def read(self, folders: Any) -> Any:
        """Wait, but for the quick one."""
        if self.quick not in {folder.parent.name for folder in folders}:
            assert self.go.wait(PATIENCE)
        return super().read(folders)


class CountingRegistry(Registry):
    """A registry that remembers what it read."""

    def read(self, folders: Any) -> Any:
        """Read them."""
        self.read_folders = [*getattr(self, "read_folders", []), *folders]
        return super().read(folders)


async def test_a_model_answers_as_soon_as_it_is_warm(tmp_path: Path) -> None:
    for name in ("mlp", "mlp", "ensemble", "infogan"):
        save_model(tmp_path, name)
    settings = Settings(store=tmp_path, default_model="", drain_seconds=0.0)
    registry = SlowRegistry(tmp_path, "mlp")  # the smallest of these, so the first
    application = create_app(settings, registry)
    runtime: Runtime = application.state.runtime
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as client,
    ):

        async def ask(path: str) -> tuple[int, str | None]:
            answer = await client.post(path, json={"inputs": digits(1)} if "predict" in path else {"seed": 1})
            return answer.status_code, answer.json().get("type") or answer.json().get("version")

        await happens(lambda: registry.served)
        still_loading = (503, "urn:credence:problem:loading")
        try:
            assert runtime.phase == "loading"
            assert (await client.get("/health/ready")).status_code == 503
            assert await ask("/predict?model=mlp") == (200, "2")
            assert await ask("/predict?model=ensemble") == still_loading
            assert await ask("/predict") == still_loading  # mlp is the only one so far, and not the default
            assert await ask("/generate/infogan") == still_loading
        finally:
            registry.go.set()
        await happens(lambda: runtime.phase == "ready")
        assert await ask("/predict?model=ensemble") == (200, "1")
        assert (await ask("/predict"))[0] == 404
        assert (await ask("/generate/infogan"))[0] == 200


async def test_looks_at_the_store_at_once_load_a_checkpoint_once(tmp_path: Path) -> None:
    registry = CountingRegistry(tmp_path, TorchLoader("cpu", 2**28))
    application = create_app(Settings(store=tmp_path, drain_seconds=0.0), registry)
    runtime: Runtime = application.state.runtime
    async with application.router.lifespan_context(application):
        await happens(lambda: runtime.phase == "ready")
        save_model(tmp_path, "mlp")
        await asyncio.gather(*(runtime.load("mlp", None) for _ in range(5)))
        assert registry.read_folders == [tmp_path / "mlp" / "1"]
