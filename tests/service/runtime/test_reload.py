"""A model is loaded, replaced, pinned and unloaded while requests for it go on."""

from __future__ import annotations

import asyncio
import shutil
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest
from random_models import digits, save_model

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
ROWS = {"inputs": digits(2)}
RELOADS = 12


def damage(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes()[:-1] + b"?")


async def version_of_an_answer(client: httpx.AsyncClient) -> str:
    answer = await client.post("/predict?model=mlp", json=ROWS)
    assert answer.status_code == 200, answer.text
    version: str = answer.json()["version"]
    return version


async def test_versions_are_pinned_rolled_back_and_unloaded(app: App, tmp_path: Path) -> None:
    for _ in range(3):
        save_model(tmp_path, "mlp")
    async with app(store=tmp_path, poll_seconds=3600) as client:

        async def change(what: str) -> int:
            return (await client.post(f"/models/mlp/{what}")).status_code

        assert await version_of_an_answer(client) == "3"
        assert await change("load?version=1") == 200
        assert await version_of_an_answer(client) == "1"
        save_model(tmp_path, "mlp")  # a newer one does not answer for a pinned one
        assert await change("reload?version=2") == 200
        assert await version_of_an_answer(client) == "2"
        told = (await client.get("/models/mlp")).json()
        assert (told["version"], told["pinned"], told["versions"]) == ("2", 2, ["1", "2", "3", "4"])
        assert await change("load") == 200
        assert await version_of_an_answer(client) == "4"
        assert await change("unload?version=4") == 200
        assert await version_of_an_answer(client) == "3"
        assert await change("unload?version=4") == 404
        assert await change("load?version=9") == 404
        assert await change("unload") == 200
        assert (await client.post("/predict?model=mlp", json=ROWS)).status_code == 404
        assert (await client.get("/health/ready")).status_code == 503
        assert await change("load?version=4") == 200
        assert await version_of_an_answer(client) == "4"
        metrics = (await client.get("/metrics")).text
        assert 'credence_loads_total{result="unloaded"} 4.0' in metrics
        assert metrics.count("credence_model_info{") == 1


async def test_a_refused_one_leaves_the_old_and_says_why(app: App, tmp_path: Path) -> None:
    save_model(tmp_path, "mlp")
    async with app(store=tmp_path, poll_seconds=3600) as client:
        damage(save_model(tmp_path, "mlp"))
        for path in ("/models/mlp/load", "/models/mlp/load?version=2", "/v2/repository/models/mlp/load"):
            answer = await client.post(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "model-refused"), path
            assert "version 2 was refused: weights.safetensors does not have" in answer.json()["detail"]
            assert "version 1 answers as before" in answer.json()["detail"]
        assert await version_of_an_answer(client) == "1"
        assert (await client.get("/models/mlp")).json()["refused"][0]["version"] == "2"
        assert 'credence_loads_total{result="refused"} 3.0' in (await client.get("/metrics")).text
        assert (await client.get("/health/ready")).status_code == 200
        damage(tmp_path / "mlp" / "1")  # in its place, while it is served
        assert (await client.post("/models/mlp/load?version=1")).status_code == 503
        assert await version_of_an_answer(client) == "1"


async def test_a_refused_version_that_newer_ones_or_its_owner_have_replaced_hinders_nothing(
    app: App, tmp_path: Path
) -> None:
    save_model(tmp_path, "mlp")
    async with app(store=tmp_path, poll_seconds=3600) as client:
        bad = save_model(tmp_path, "mlp")
        damage(bad)
        save_model(tmp_path, "mlp")
        assert (await client.post("/models/mlp/load?version=1")).status_code == 200
        unpinned = await client.post("/models/mlp/load")
        assert (unpinned.status_code, unpinned.json()["version"]) == (200, "3")
        assert await version_of_an_answer(client) == "3"
        shutil.move(bad, tmp_path / ".away")
        assert (await client.post("/models/mlp/load")).status_code == 200
        assert (await client.get("/models")).json()["refused"] == []
        assert "credence_models_refused 0.0" in (await client.get("/metrics")).text
        shutil.move(tmp_path / ".away", bad)
        assert (await client.post("/models/mlp/load?version=2")).status_code == 503


async def test_what_is_no_more_in_the_store_is_not_loaded_and_still_answers(app: App, tmp_path: Path) -> None:
    store, away = tmp_path / "store", tmp_path / "away"
    for _ in range(2):
        save_model(store, "mlp")
    async with app(store=store, poll_seconds=3600) as client:
        shutil.move(store / "mlp" / "2", away)
        for path in ("/models/mlp/load", "/models/mlp/reload?version=2", "/v2/repository/models/mlp/load"):
            answer = await client.post(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown-model"), path
            assert "version 2 of this model is in the store no more" in answer.json()["detail"]
        assert await version_of_an_answer(client) == "2"
        shutil.move(away, store / "mlp" / "2")
        assert (await client.post("/models/mlp/load")).status_code == 200
        shutil.move(store, away)
        answer = await client.post("/models/mlp/load?version=1")
        assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
        assert await version_of_an_answer(client) == "2"


async def test_no_request_fails_while_good_and_bad_versions_come(app: App, tmp_path: Path) -> None:
    good = save_model(tmp_path / "kept", "mlp")
    bad = shutil.copytree(good, tmp_path / "kept" / "bad")
    damage(bad)
    store = tmp_path / "store"
    shutil.copytree(good, store / "mlp" / "1")
    async with app(store=store, poll_seconds=3600) as client:
        statuses: Counter[int] = Counter()
        first = (await client.post("/predict?model=mlp", json=ROWS)).json()
        old = weakref.ref(client.runtime.registry.served["mlp", 1].backend)  # type: ignore[attr-defined]
        done = asyncio.Event()

        async def ask() -> None:
            while not done.is_set():
                answer = await client.post("/predict?model=mlp", json=ROWS)
                statuses[answer.status_code] += 1
                assert np.allclose(answer.json()["mean"], first["mean"], atol=1e-5)

        asking = [asyncio.create_task(ask()) for _ in range(3)]
        for turn in range(RELOADS):
            for file in (bad if turn % 2 else good).iterdir():
                shutil.copy(file, store / "mlp" / "1")
            answer = await client.post("/models/mlp/load")
            assert answer.status_code == (503 if turn % 2 else 200), answer.text
        done.set()
        await asyncio.gather(*asking)
        assert statuses.keys() == {200}
        assert statuses[200] > RELOADS
        assert old() is None  # nothing keeps what was replaced, nor does it keep itself
        assert len({key[0] for key in client.runtime.registry.loader.cache.blocks}) <= 2  # type: ignore[attr-defined]
