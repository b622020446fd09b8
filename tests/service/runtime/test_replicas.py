"""Two services, processes of their own, that share a PostgreSQL: what one knows the other does, also after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from patience import PATIENCE, wait_until
from postgres_server import new_database
from random_models import DIGITS, SPECS, digits, save_model
from server_process import Server

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec

STYLEGAN = GeneratorSpec(Component("stylegan", {"noise": 6, "style": 5, "depth": 2, "width": 48}), DIGITS)
"""Large enough that a search takes seconds: there is time to kill the process that runs it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replicas") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SPECS, "stylegan", STYLEGAN)
        for name in ("mlp", "stylegan"):
            save_model(folder, name)
    return folder


@pytest.fixture(scope="module")
def url(postgres_address: str) -> str:
    return new_database(postgres_address)


def keys(url: str, *arguments: str) -> str:
    environment = os.environ | {"CREDENCE_DATABASE_URL": url, "CREDENCE_DATABASE_KEYS": "true"}
    command = [sys.executable, "-m", "service", "keys", *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def replicas(store: Path, url: str) -> Iterator[list[Server]]:
    settings = {"database_url": url, "database_keys": "true", "default_model": "mlp", "threads": "1"}
    servers = [Server(store, **settings) for _ in range(2)]
    for server in servers:
        server.wait_ready()
    yield servers
    for server in servers:
        if server.process.poll() is None:
            assert server.stop() == 0
        else:
            server.exit_code()


@pytest.fixture(scope="module")
def clients(replicas: list[Server], url: str) -> Iterator[list[httpx.Client]]:
    key = keys(url, "add", "lab", "--scopes", "predict,generate")
    with (
        httpx.Client(base_url=replicas[0].url, headers={"x-api-key": key}, timeout=PATIENCE) as first,
        httpx.Client(base_url=replicas[1].url, headers={"x-api-key": key}, timeout=PATIENCE) as second,
    ):
        for client in (first, second):
            wait_until(lambda client=client: client.get("/models").status_code == 200)  # type: ignore[misc]
        yield [first, second]


def test_outcomes_that_both_are_told_count_once(clients: list[httpx.Client]) -> None:
    answer = clients[0].post("/predict?record=true", json={"inputs": digits(20)})
    request = answer.headers["x-request-id"]
    items = [{"request": request, "row": row, "outcome": str(row % 10)} for row in range(20)]
    wait_until(lambda: clients[1].post("/outcomes", json={"outcomes": items}).status_code == 200, pause=0.05)
    again = clients[0].post("/outcomes", json={"outcomes": items}).json()
    assert again == {"recorded": 0, "repeated": 20, "skipped": 0}
    for client in clients:
        wait_until(lambda client=client: shown(client) == 20)  # type: ignore[misc]


def shown(client: httpx.Client) -> int:
    answer: dict[str, Any] = client.get("/outcomes/mlp").json()
    return answer["streams"][0]["rows"] if answer.get("streams") else 0


def test_a_key_that_is_revoked_is_refused_by_both(clients: list[httpx.Client], url: str) -> None:
    key = {"x-api-key": keys(url, "add", "guest", "--scopes", "predict")}
    for client in clients:
        wait_until(lambda client=client: client.get("/models", headers=key).status_code == 200, 0.05)  # type: ignore[misc]
    keys(url, "revoke", "guest")
    for client in clients:
        wait_until(lambda client=client: client.get("/models", headers=key).status_code == 401, 0.05)  # type: ignore[misc]
        assert client.get("/models").status_code == 200


def test_a_job_whose_process_is_killed_is_done_by_the_other(
    clients: list[httpx.Client], replicas: list[Server]
) -> None:
    image = {"inputs": [[8.0] * 64]}
    undisturbed = clients[1].post("/project/stylegan", json=image).json()["id"]
    wait_until(lambda: clients[0].get(f"/jobs/{undisturbed}").json()["state"] == "done")
    for _ in range(20):  # a slow machine may look at a job when it is done
        job = clients[0].post("/project/stylegan", json=image).json()["id"]
        wait_until(lambda job=job: clients[1].get(f"/jobs/{job}").json()["progress"] > 0, pause=0.02)  # type: ignore[misc]
        replicas[0].process.send_signal(signal.SIGSTOP)
        if clients[1].get(f"/jobs/{job}").json()["state"] == "running":
            break
        replicas[0].process.send_signal(signal.SIGCONT)
    else:
        pytest.fail("no job was stopped in the midst of it")
    replicas[0].process.send_signal(signal.SIGKILL)
    wait_until(lambda: clients[1].get(f"/jobs/{job}").json()["state"] == "done")
    first, second = (clients[1].get(f"/jobs/{one}").json() for one in (undisturbed, job))
    assert first["w"] == second["w"]
    assert first["image"] == second["image"]
