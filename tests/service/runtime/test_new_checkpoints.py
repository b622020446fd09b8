"""A model that is written into the store while the service runs is served without a restart."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from patience import happens
from random_models import digits, save_model

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
ROWS = {"inputs": digits(1)}


async def test_a_new_model_is_found_by_itself(app: App, tmp_path: Path) -> None:
    save_model(tmp_path, "mlp")
    async with app(store=tmp_path, poll_seconds=0.01) as client:
        assert (await client.post("/predict?model=convnet", json=ROWS)).status_code == 404
        save_model(tmp_path, "convnet")
        served = client.runtime.registry  # type: ignore[attr-defined]
        await happens(lambda: ("convnet", 1) in served.served)
        assert (await client.post("/predict?model=convnet", json=ROWS)).status_code == 200
        save_model(tmp_path, "mlp")
        await happens(lambda: ("mlp", 2) in served.served)
        assert (await client.post("/predict", json=ROWS)).json()["version"] == "2"
        assert (await client.post("/predict?version=1", json=ROWS)).json()["version"] == "1"
        assert (
            'credence_model_info{backend="torch",device="cpu",method="mc_dropout",model="mlp",speedup="",'
            'version="2"} 1.0' in (await client.get("/metrics")).text
        )


@pytest.mark.parametrize("path", ["/models/convnet/load", "/v2/repository/models/convnet/load"])
async def test_a_call_does_not_wait_for_the_next_look(app: App, tmp_path: Path, path: str) -> None:
    save_model(tmp_path, "mlp")
    async with app(store=tmp_path, poll_seconds=3600) as client:
        missing = await client.post(path)
        assert missing.status_code == 404
        assert "there are: mlp" in missing.json()["detail"]
        save_model(tmp_path, "convnet")
        assert (await client.post(path)).status_code == 200
        assert (await client.post("/predict?model=convnet", json=ROWS)).status_code == 200
        assert (await client.post(path)).status_code == 200  # nothing is new, and nothing happens


async def test_a_damaged_checkpoint_is_refused_and_tried_again_once_it_is_mended(app: App, tmp_path: Path) -> None:
    save_model(tmp_path, "mlp")
    async with app(store=tmp_path, poll_seconds=3600) as client:
        folder, kept = save_model(tmp_path, "convnet"), tmp_path / ".kept"
        shutil.copytree(folder, kept)
        (folder / "weights.safetensors").write_bytes(b"no weights")
        refused = await client.post("/models/convnet/load")
        assert refused.status_code == 503
        assert "SHA-256" in refused.json()["detail"]
        assert (await client.post("/predict", json=ROWS)).status_code == 200
        assert len((await client.get("/models")).json()["refused"]) == 1
        shutil.copy(kept / "weights.safetensors", folder)  # the last file of a copy comes late
        assert (await client.post("/models/convnet/load")).status_code == 200
        assert (await client.get("/models")).json()["refused"] == []


async def test_a_pinned_store_says_how_to_unpin_it(app: App, tmp_path: Path) -> None:
    save_model(tmp_path, "mlp")
    async with app(store=tmp_path, poll_seconds=0) as client:
        save_model(tmp_path, "convnet")
        answer = await client.post("/models/convnet/load")
        assert answer.status_code == 403
        assert "CREDENCE_POLL_SECONDS" in answer.json()["detail"]


async def test_a_configuration_in_a_call_of_triton_is_refused(app: App, tmp_path: Path) -> None:
    save_model(tmp_path, "mlp")
    async with app(store=tmp_path) as client:
        path = "/v2/repository/models/mlp/load"
        assert (await client.post(path, json={})).status_code == 200
        answer = await client.post(path, json={"parameters": {"config": "{}"}})
        assert answer.status_code == 422
        assert "leave config and files out" in answer.json()["detail"]
