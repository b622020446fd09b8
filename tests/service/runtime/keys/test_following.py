"""Keys in a database: made and revoked by the commands, known to every service, and trusted for a minute without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE, wait_until
from postgres_server import new_database
from random_models import digits
from typer.testing import CliRunner, Result

from service.http.access.exposure import ExposedError, check_access
from service.runtime.keys import following
from service.runtime.keys.command import app as commands
from service.runtime.keys.following import DatabaseKeys
from service.settings import Settings

App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
BODY = {"inputs": digits(1), "samples": 1}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new database of each kind, which the commands know."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path}/keys.sqlite"
    else:
        address = new_database(request.getfixturevalue("postgres_address"))
    monkeypatch.setenv("CREDENCE_DATABASE_URL", address)
    monkeypatch.delenv("CREDENCE_KEY_FILE", raising=False)
    return address


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, [*arguments, "--database"])


async def until(client: httpx.AsyncClient, key: str, status: int) -> httpx.Response:
    async with asyncio.timeout(PATIENCE):
        while (answer := await client.post("/predict", json=BODY, headers={"x-api-key": key})).status_code != status:
            await asyncio.sleep(0.02)
    return answer


@pytest.mark.anyio
async def test_every_service_knows_a_key_and_that_it_was_revoked(app: App, url: str) -> None:
    settings = {"database_url": url, "database_keys": True}
    async with app(**settings) as first, app(**settings) as second:
        made = run("add", "lab", "--scopes", "predict")
        assert made.exit_code == 0, made.stderr
        key = made.stdout.strip()
        for client in (first, second):
            await until(client, key, 200)
            missing = await client.post("/predict", json=BODY)
            assert (missing.status_code, missing.json()["code"]) == (401, "unauthorized")
            scope = await client.get("/metrics", headers={"x-api-key": key})
            assert (scope.status_code, scope.json()["code"]) == (403, "missing-scope")
        assert "there is a valid key of the name lab" in run("add", "lab", "--scopes", "admin").stderr
        assert "lab" in run("list").stdout
        assert key.rpartition("_")[2] not in run("list").stdout
        assert run("revoke", "lab").stdout.endswith("of lab is revoked\n")
        for client in (first, second):
            assert "was revoked" in (await until(client, key, 401)).json()["detail"]


def test_without_the_database_keys_are_good_for_a_minute_and_then_nobody_gets_in(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.errors import KeysUnavailableError

    run("add", "lab", "--scopes", "predict")
    keys = DatabaseKeys(url)
    with pytest.raises(KeysUnavailableError, match="nobody is let in"):
        keys.current()  # they have never been read
    keys.start()
    wait_until(lambda: keys._read_at is not None, pause=0.01)
    keys.close()
    keys._thread.join()
    assert [key.name for key in keys.current()] == ["lab"]
    monkeypatch.setattr(following, "MOST_AGE_SECONDS", 0.0)
    with pytest.raises(KeysUnavailableError, match="nobody is let in"):
        keys.current()


def test_what_is_not_clear_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for settings in ({}, {"database_url": "sqlite:///x", "key_file": tmp_path / "keys.json"}):
        with pytest.raises(ExposedError, match="CREDENCE_DATABASE_KEYS needs the database"):
            check_access(Settings(database_keys=True, **settings))  # type: ignore[arg-type]
    check_access(Settings(database_keys=True, database_url="sqlite:///x", host="0.0.0.0"))
    monkeypatch.delenv("CREDENCE_DATABASE_URL", raising=False)
    assert "name the database by CREDENCE_DATABASE_URL" in run("list").stderr
    monkeypatch.setenv("CREDENCE_DATABASE_URL", f"sqlite:///{tmp_path}/none/keys.sqlite")
    refused = run("list")
    assert (refused.exit_code, refused.stderr.startswith("error: ")) == (2, True)
