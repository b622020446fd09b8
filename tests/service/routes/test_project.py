"""A search goes on after its request was answered, between the other requests."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from endless_search import Endless
from layered import Layered
from patience import PATIENCE, happens
from PIL import Image

from models.generation.style import Projection

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

SLICES = 5.0
"""Seconds that a request may wait for the slice of a search before it: a search without slices would never end."""

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fresh(images_app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A service of its own, for tests that leave jobs behind."""
    async with images_app(max_jobs=4, max_kept_jobs=3) as client:
        yield client


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Endless:
    search = Endless()
    monkeypatch.setattr(Layered, "projection", lambda model, pixels: search(model, pixels))
    return search


async def target(client: httpx.AsyncClient, w: list[float]) -> list[Any]:
    response = await client.post("/generate/layered", json={"w": w, "format": "json"})
    return (np.array(response.json()["images"]) * 16).tolist()


async def begun(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.post("/project/layered", json={"inputs": [[1.0] * 64]})
    assert response.status_code == 202, response.text
    return response.json()


async def until(client: httpx.AsyncClient, job_id: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while (answer := (await client.get(f"/jobs/{job_id}")).json())["state"] not in states:
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.01)
    return answer


async def test_the_w_of_an_image_is_found(images: httpx.AsyncClient) -> None:
    w = [0.8, -0.5, 0.3, 0.0]
    wanted = await target(images, w)
    response = await images.post("/project/layered", json={"inputs": wanted})
    answer = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/jobs/{answer['id']}"
    assert (answer["family"], answer["w"], answer["image"]) == ("layered", None, None)
    answer = await until(images, answer["id"], "done")
    assert answer["progress"] == 1.0
    assert answer["loss"] < 1e-3
    found = np.array(await target(images, answer["w"]))
    assert np.abs(found - wanted).mean() < 0.5
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["image"]))))
    np.testing.assert_allclose(picture / 255 * 16, found[0, 0], atol=0.5)


async def test_a_picture_may_be_sent(images: httpx.AsyncClient) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(file, "PNG")
    headers = {"content-type": "image/png"}
    response = await images.post("/project/layered", content=file.getvalue(), headers=headers)
    assert (await until(images, response.json()["id"], "done"))["progress"] == 1.0


async def test_requests_are_answered_between_the_slices(fresh: httpx.AsyncClient, endless: Endless) -> None:
    job = await begun(fresh)
    running = await until(fresh, job["id"], "running")
    while running["loss"] is None:
        running = await until(fresh, job["id"], "running")
    before = endless.steps
    times = []
    for seed in range(5):
        start = time.monotonic()
        assert (await fresh.post("/generate/vae", json={"seed": seed})).status_code == 200
        times.append(time.monotonic() - start)
    await happens(lambda: endless.steps > before)
    assert min(times) < SLICES
    endless.go.set()
    assert (await until(fresh, job["id"], "done"))["w"] == [1.0] * 4


async def test_one_runs_the_others_wait_and_more_are_refused(fresh: httpx.AsyncClient, endless: Endless) -> None:
    first, second = await begun(fresh), await begun(fresh)
    assert first["id"] != second["id"]
    await until(fresh, first["id"], "running")
    assert (await fresh.get(f"/jobs/{second['id']}")).json()["state"] == "queued"
    refused = await fresh.post("/project/layered", json={"inputs": [[1.0] * 64]})
    assert (refused.status_code, refused.json()["code"]) == (503, "jobs-full")
    assert int(refused.headers["retry-after"]) >= 1
    endless.go.set()
    assert (await until(fresh, second["id"], "done"))["progress"] == 1.0


async def test_a_cancelled_job_ends_and_frees_its_place(fresh: httpx.AsyncClient, endless: Endless) -> None:
    first, second = await begun(fresh), await begun(fresh)
    await until(fresh, first["id"], "running")
    for job in (second, first):
        assert (await fresh.delete(f"/jobs/{job['id']}")).json()["state"] == "cancelled"
    seen = [-1]

    def over() -> bool:
        seen.append(endless.steps)
        return seen[-1] == seen[-2]

    await happens(over, pause=0.2)
    endless.go.set()
    third = await begun(fresh)
    assert (await until(fresh, third["id"], "done"))["state"] == "done"
    assert (await fresh.delete(f"/jobs/{third['id']}")).json()["state"] == "done"
    assert (await fresh.get(f"/jobs/{first['id']}")).json()["state"] == "cancelled"


async def test_the_oldest_results_are_forgotten(fresh: httpx.AsyncClient, endless: Endless) -> None:
    endless.go.set()
    ids = []
    for _ in range(5):
        ids.append((await begun(fresh))["id"])
        await until(fresh, ids[-1], "done")
    assert [(await fresh.get(f"/jobs/{job_id}")).status_code for job_id in ids] == [404, 404, 200, 200, 200]
    fresh.runtime.jobs._keep_seconds = 0.0
    response = await fresh.get(f"/jobs/{ids[-1]}")
    assert (response.status_code, response.json()["code"]) == (404, "unknown-job")


@pytest.mark.parametrize("fault", [RuntimeError("out of memory at 0xdeadbeef"), None, float("nan")])
async def test_a_job_that_fails_says_so_and_leaks_nothing(
    fresh: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    def projection(_model: Layered, pixels: torch.Tensor) -> Iterator[Projection]:
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            yield Projection(torch.zeros(4), pixels, fault, 1, 1)

    monkeypatch.setattr(Layered, "projection", projection)
    answer = await until(fresh, (await begun(fresh))["id"], "failed")
    assert answer["detail"]
    assert "0xdeadbeef" not in str(answer)
    assert answer["w"] is None
    assert (await fresh.get("/health/ready")).status_code == 200


async def test_a_full_queue_puts_a_search_off(fresh: httpx.AsyncClient, endless: Endless) -> None:
    batcher, held = fresh.runtime.batcher, threading.Event()
    busy = asyncio.ensure_future(batcher.run_on_device(lambda: held.wait(30)))
    while not batcher.is_busy:
        await asyncio.sleep(0.001)
    allowed, batcher._max_queue_seconds = batcher._max_queue_seconds, -1.0
    job = await begun(fresh)
    await asyncio.sleep(0.3)
    assert (endless.steps, batcher.waiting) == (0, 0)
    batcher._max_queue_seconds = allowed
    held.set()
    await busy
    endless.go.set()
    await until(fresh, job["id"], "done")


async def test_the_end_of_the_service_cancels_its_jobs(images_app: App, endless: Endless) -> None:
    async with images_app() as client:
        job, waiting = await begun(client), await begun(client)
        await until(client, job["id"], "running")
        client.runtime.drain()
        refused = await client.post("/project/layered", json={"inputs": [[1.0] * 64]})
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        jobs = [await client.runtime.jobs.find(j["id"]) for j in (job, waiting)]
    assert [j.state for j in jobs] == ["cancelled", "cancelled"]


async def test_ids_cannot_be_guessed(fresh: httpx.AsyncClient, endless: Endless) -> None:
    first, second = (await begun(fresh))["id"], (await begun(fresh))["id"]
    assert min(len(first), len(second)) >= 22  # 128 bits
    for guess in ("1", "%00", "%2e%2e", first[:-1], first.swapcase(), "a" * 5000):
        assert (await fresh.get(f"/jobs/{guess}")).status_code == 404
        assert (await fresh.delete(f"/jobs/{guess}")).status_code == 404
    assert (await fresh.get(f"/jobs/{first}")).status_code == 200


REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "a family without": ("/project/vae", {"inputs": [[0] * 64]}, 422, "families that can: layered"),
    "two images": ("/project/layered", {"inputs": [[0] * 64] * 2}, 422, "allowed is one"),
    "no image": ("/project/layered", {}, 422, '"inputs"'),
    "out of range": ("/project/layered", {"inputs": [[99] * 64]}, 422, "0 to 16"),
    "an unknown option": ("/project/layered", {"inputs": [[0] * 64], "steps": 5}, 422, "options are"),
    "no such family": ("/project/nope", {"inputs": [[0] * 64]}, 404, "families are"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_fit_is_refused_and_says_what_does(images: httpx.AsyncClient, case: str) -> None:
    path, body, status, allowed = REFUSED[case]
    response = await images.post(path, json=body)
    assert response.status_code == status
    assert allowed in response.json()["detail"]
