"""What was acknowledged is kept: in SQLite and PostgreSQL, over a kill, beside other services, as long as is set."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest
from calibrated import calibrated
from patience import PATIENCE
from postgres_server import new_database
from random_models import digits, save_model
from running_service import started
from server_process import Server

from service.errors import OverloadedError
from service.runtime.database.engine import UnusableDatabaseError
from service.runtime.outcomes.answer_rows import AnswerRow, Said
from service.runtime.outcomes.database import OutcomeDatabase
from service.runtime.outcomes.ledger import Ledger
from service.runtime.outcomes.reporting import Report
from service.settings import Settings
from service.telemetry import Telemetry

SCORES = np.linspace(0, 1, 200).tolist()


@pytest.fixture(scope="module")
def one_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of one calibrated classifier."""
    folder = tmp_path_factory.mktemp("one") / "store"
    save_model(folder, "mlp", calibrated([0.0] * 200, SCORES))
    return folder


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('db')}/outcomes.sqlite"
    else:
        yield new_database(request.getfixturevalue("postgres_address"))


def row(request: str, number: int = 0, at: float = 1e9, mean: float = 0.5) -> AnswerRow:
    return AnswerRow(request, number, "mlp", 1, at, Said([mean, 1 - mean]))


@pytest.mark.anyio
async def test_services_share_what_they_know(one_model: Path, url: str) -> None:
    """An answer of one service gets its outcome at the other, and both tell of it; so does one that starts later."""
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(started(store=one_model, database_url=url)) for _ in range(2)]
        await second.post("/outcomes", json={"inputs": digits(1), "outcomes": ["1"]})
        for client in (first, second):
            answer = await client.post("/predict?record=true", json={"inputs": digits(20)})
            request = answer.headers["x-request-id"]
            items = [{"request": request, "row": i, "outcome": str(i % 10)} for i in range(20)]
            other = second if client is first else first
            async with asyncio.timeout(PATIENCE):
                while (reply := await other.post("/outcomes", json={"outcomes": items})).status_code != 200:
                    assert reply.status_code == 422, reply.text  # the answer is written soon after it was given
                    await asyncio.sleep(0.02)
            assert reply.json()["recorded"] == 20
        shown = (await first.get("/outcomes/mlp")).json()
        assert shown["streams"][0]["rows"] == 41
    async with started(store=one_model, database_url=url) as client:
        async with asyncio.timeout(PATIENCE):
            while (again := (await client.get("/outcomes/mlp")).json()) != shown:
                await asyncio.sleep(0.02)
        assert again["streams"][0]["coverage"] is not None


def test_the_later_answer_counts_until_an_outcome_is_known_and_old_ones_expire(url: str) -> None:
    database = OutcomeDatabase(url)
    database.open()
    with database.begin() as connection:
        database.add(connection, [row("a"), row("a", 1), row("old", at=1.0)])
        database.add(connection, [row("a", mean=0.25), row("a", 1)])
    with database.begin() as connection:
        found = database.find(connection, [("a", 0), ("a", 1), ("b", 0)])
        assert {key: one.said.mean[0] for key, one in found.items()} == {("a", 0): 0.25, ("a", 1): 0.5}
        database.add_outcomes(connection, [(("a", 0), "7")], at=2e9)
        database.add(connection, [row("a", mean=0.75)])
        assert database.find(connection, [("a", 0)])["a", 0].said.mean[0] == 0.25
        assert database.find(connection, [("a", 0)])["a", 0].outcome == "7"
        assert database.expire(connection, before=1e8) == 1
        assert database.find(connection, [("old", 0)]) == {}
        assert len(database.find(connection, [("a", number) for number in range(1000)])) == 2
    with database.begin() as connection:
        nested = connection.begin_nested()
        database.add(connection, [row("undone")])
        nested.rollback()
    with database.begin() as connection:
        assert database.find(connection, [("undone", 0)]) == {}
    database.close()


@pytest.mark.parametrize("address", ["mysql://a/b", "not an address", "sqlite://", "sqlite:///:memory:", "http://a"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UnusableDatabaseError, match=r"allowed are sqlite:////path/of/a/file and postgresql://"):
        OutcomeDatabase(address)


def test_nothing_that_was_acknowledged_is_lost_by_a_kill(one_model: Path) -> None:
    """The file is beside the store; a service that was killed between two outcomes goes on where it was."""
    acknowledged = 0
    for _ in range(2):
        server = Server(one_model, default_model="mlp", outcomes="all")
        server.wait_ready()
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
            for _ in range(5):
                request = client.post("/predict", json={"inputs": digits(4)}).headers["x-request-id"]
                items = [{"request": request, "row": i, "outcome": "3"} for i in range(4)]
                assert client.post("/outcomes", json={"outcomes": items}).json()["recorded"] == 4
                acknowledged += 4
            server.process.send_signal(signal.SIGKILL)
        server.exit_code()
    assert (one_model.parent / "store.outcomes.sqlite").exists()
    database = OutcomeDatabase(f"sqlite:///{one_model.parent}/store.outcomes.sqlite")
    with database.begin() as connection:
        watch = database.lock_watch(connection, "mlp", 1)
    database.close()
    assert sum(stream.whole.rows for stream in watch.streams.values()) == acknowledged == 40


@pytest.mark.anyio
async def test_what_waits_is_bounded_and_what_is_dropped_is_counted(tmp_path: Path) -> None:
    """While the database is busy answers are dropped in the end, and never waited for; an outcome is refused."""
    telemetry = Telemetry()
    ledger = Ledger(Settings(database_url=f"sqlite:///{tmp_path}/o.sqlite"), telemetry)
    blocked, free = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def block() -> list[AnswerRow]:
        loop.call_soon_threadsafe(blocked.set)
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result()
        return [row("first")]

    ledger.remember(block)
    await blocked.wait()
    for number in range(1100):
        ledger.remember(lambda number=number: [row("many", number)])
    with pytest.raises(OverloadedError):
        await ledger.report(Report([]), lambda model, version: None)  # type: ignore[arg-type,return-value]
    free.set()
    await asyncio.to_thread(ledger.close)
    text = telemetry.exposition().decode()
    assert "credence_answers_dropped_total 76.0" in text
    database = OutcomeDatabase(f"sqlite:///{tmp_path}/o.sqlite")
    with database.begin() as connection:
        assert len(database.find(connection, [("many", number) for number in range(1100)])) == 1024
    database.close()
