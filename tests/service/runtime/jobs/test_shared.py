"""Jobs that services share: told by any, taken up by another, and a process that comes back too late lets go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from endless_search import Endless
from layered import Layered
from patience import PATIENCE, happens
from postgres_server import new_database

from service.runtime.jobs import shared
from service.runtime.jobs.database import JobDatabase

pytestmark = pytest.mark.anyio

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
IMAGE = {"inputs": [[1.0] * 64]}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shared.sqlite"
    return new_database(request.getfixturevalue("postgres_address"))


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Endless:
    search = Endless()
    monkeypatch.setattr(Layered, "projection", lambda model, pixels: search(model, pixels))
    monkeypatch.setattr(shared, "BEAT_SECONDS", 0.02)
    return search


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def begun(client: httpx.AsyncClient) -> str:
    response = await client.post("/project/layered", json=IMAGE)
    assert response.status_code == 202, response.text
    return response.json()["id"]


async def until(client: httpx.AsyncClient, job_id: str, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while (answer := (await client.get(f"/jobs/{job_id}")).json()).get("state") not in states:
            await asyncio.sleep(0.01)
    return answer


async def test_a_job_is_told_by_any_service_and_outlasts_the_one_that_ran_it(
    images_app: App, endless: Endless, url: str
) -> None:
    async with images_app(database_url=url) as second:
        async with images_app(database_url=url) as first:
            job = await begun(first)
            told = await until(second, job, "running")
            assert (told["id"], told["family"], told["w"]) == (job, "layered", None)
            async with asyncio.timeout(PATIENCE):
                while (await second.get(f"/jobs/{job}")).json()["progress"] != 0.5:
                    await asyncio.sleep(0.01)
            endless.go.set()
            done = await until(first, job, "done")
            assert done["w"] == [1.0] * 4
            assert await until(second, job, "done") == done
        assert (await second.get(f"/jobs/{job}")).json() == done
        assert (await second.delete(f"/jobs/{job}")).json() == done  # one that has ended stays as it is
        assert (await second.get("/jobs/another")).status_code == 404


async def test_a_job_is_cancelled_by_any_service(images_app: App, endless: Endless, url: str) -> None:
    async with images_app(database_url=url) as first, images_app(database_url=url) as second:
        job = await begun(first)
        await until(first, job, "running")
        assert (await second.delete(f"/jobs/{job}")).json()["state"] == "cancelled"
        assert (await until(first, job, "cancelled"))["w"] is None
        await happens(lambda: not first.runtime.jobs._tasks)  # type: ignore[attr-defined]
        endless.go.set()
        assert (await until(second, await begun(first), "done"))["progress"] == 1.0


async def test_a_service_that_ends_hands_its_jobs_over(
    images_app: App, endless: Endless, url: str, stack: AsyncExitStack
) -> None:
    async with images_app(database_url=url) as first:
        jobs = [await begun(first), await begun(first)]
        await until(first, jobs[0], "running")
    second = await stack.enter_async_context(images_app(database_url=url))
    assert (await second.get(f"/jobs/{jobs[0]}")).json()["state"] in ("queued", "running")
    endless.go.set()
    for job in jobs:
        assert (await until(second, job, "done"))["w"] == [1.0] * 4


async def test_a_silent_owner_loses_its_job_and_lets_go_when_it_is_back(
    images_app: App, endless: Endless, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LEASE_SECONDS", 0.5)
    async with images_app(database_url=url) as first, images_app(database_url=url) as second:
        jobs = first.runtime.jobs  # type: ignore[attr-defined]
        job = await begun(first)
        await until(first, job, "running")
        jobs._beating.cancel()  # as if the process were stopped for a while
        await happens(lambda: second.runtime.jobs._tasks)  # type: ignore[attr-defined]
        await until(second, job, "running")
        assert jobs._tasks
        await jobs.start()  # it goes on
        await happens(lambda: not jobs._tasks)
        endless.go.set()
        done = await until(second, job, "done")
        assert await until(first, job, "done") == done


async def test_a_job_that_ends_its_processes_is_given_up(
    images_app: App, endless: Endless, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with images_app(database_url=url) as first:
        job = await begun(first)
        first.runtime.jobs._beating.cancel()  # type: ignore[attr-defined]
        database = JobDatabase(url)
        with database.begin() as connection:
            for number in range(shared.MOST_ATTEMPTS - 1):
                (found,) = database.find_open(connection)
                assert database.take(connection, found, f"process {number}")
                assert database.take(connection, found, "one that was slower") is None
        database.close()
        monkeypatch.setattr(shared, "LEASE_SECONDS", 0.1)
        async with images_app(database_url=url) as second:
            told = await until(second, job, "failed")
        assert told["detail"] == "the 3 processes that ran it ended before it did"


async def test_without_the_database_a_job_is_refused_and_predictions_go_on(
    images_app: App, endless: Endless, tmp_path: Path
) -> None:
    async with images_app(database_url=f"sqlite:///{tmp_path}/none/shared.sqlite") as client:
        for refused in (
            await client.post("/project/layered", json=IMAGE),
            await client.get("/jobs/7"),
            await client.delete("/jobs/7"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (503, "jobs-unavailable")
            assert str(tmp_path) not in refused.text
        assert not client.runtime.jobs._tasks  # type: ignore[attr-defined]
        assert (await client.post("/generate/vae", json={"seed": 1})).status_code == 200
        (tmp_path / "none").mkdir()
        endless.go.set()
        assert (await until(client, await begun(client), "done"))["progress"] == 1.0


async def test_what_has_ended_long_ago_is_forgotten_everywhere(images_app: App, endless: Endless, url: str) -> None:
    endless.go.set()
    bounds = {"database_url": url, "max_kept_jobs": 2}
    async with images_app(**bounds) as first, images_app(**bounds) as second:
        jobs = []
        for _ in range(3):
            jobs.append(await begun(first))
            await until(first, jobs[-1], "done")
        async with asyncio.timeout(PATIENCE):
            while (await second.get(f"/jobs/{jobs[0]}")).status_code != 404:
                await asyncio.sleep(0.01)
        assert [(await second.get(f"/jobs/{job}")).status_code for job in jobs[1:]] == [200, 200]
        second.runtime.jobs._keep_seconds = 0.0  # type: ignore[attr-defined]
        assert (await second.get(f"/jobs/{jobs[2]}")).status_code == 404
