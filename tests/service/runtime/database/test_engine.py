"""The schema: made by migrations, the same as the tables that the code speaks of, from whatever was there before."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from postgres_server import new_database
from sqlalchemy import text

from service.runtime.database.engine import METADATA, Database, UnusableDatabaseError
from service.runtime.jobs.database import JobDatabase
from service.runtime.keys.database import KeyDatabase
from service.runtime.outcomes.database import OutcomeDatabase

OLD = (
    "CREATE TABLE credence_answers (request VARCHAR(128) NOT NULL, row INTEGER NOT NULL, model TEXT NOT NULL,"
    " version INTEGER NOT NULL, answered_at FLOAT NOT NULL, said TEXT NOT NULL, inputs TEXT, outcome TEXT,"
    " reported_at FLOAT, PRIMARY KEY (request, row))",
    "CREATE INDEX credence_answers_by_time ON credence_answers (answered_at)",
    "CREATE TABLE credence_watches (model TEXT NOT NULL, version INTEGER NOT NULL, changed_at FLOAT NOT NULL,"
    " state TEXT NOT NULL, PRIMARY KEY (model, version))",
    "INSERT INTO credence_answers VALUES ('kept', 0, 'mlp', 1, 1e9, '[[0.5, 0.5]]', NULL, NULL, NULL)",
)
"""What services made before there were migrations."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.sqlite"
    return new_database(request.getfixturevalue("postgres_address"))


@pytest.mark.parametrize("before", [(), OLD], ids=["empty", "old"])
def test_the_migrations_make_the_tables_of_the_code(url: str, before: tuple[str, ...]) -> None:
    database = Database(url)
    with database.begin() as connection:
        for statement in before:
            connection.execute(text(statement.replace("row ", '"row" ').replace("row)", '"row")')))
    for _ in range(2):  # the second time nothing is left to do
        database.open()
    with database.begin() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "credence_schema"})
        assert compare_metadata(context, METADATA) == []
        assert {table.name for table in METADATA.sorted_tables} == {
            "credence_answers",
            "credence_watches",
            "credence_jobs",
            "credence_keys",
        }
        kept = connection.execute(text("SELECT count(*) FROM credence_answers")).scalar_one()
        assert kept == bool(before)
    database.close()


def test_services_that_start_at_once_do_it_one_after_another(url: str) -> None:
    databases = [kind(url) for kind in (OutcomeDatabase, JobDatabase, KeyDatabase) * 2]
    failed: list[BaseException] = []

    def open_one(database: Database) -> None:
        try:
            database.open()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open_one, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert failed == []


def test_a_schema_of_a_newer_release_is_refused(url: str) -> None:
    database = Database(url)
    database.open()
    with database.begin() as connection:
        connection.execute(text("UPDATE credence_schema SET version_num = '9999'"))
    with pytest.raises(UnusableDatabaseError, match=r"of a newer release: .*; update the service"):
        database.open()
    database.close()


@pytest.mark.parametrize("restored", [False, True])
def test_what_is_written_to_a_file_that_is_gone_is_not_taken_for_kept(tmp_path: Path, restored: bool) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.sqlite")
    write = text("INSERT INTO credence_keys VALUES ('one', 'key')")
    database.open()
    if restored:
        shutil.copy(tmp_path / "new.sqlite", tmp_path / "backup")
    for file in tmp_path.glob("new.sqlite*"):
        file.unlink()
    if restored:
        shutil.move(tmp_path / "backup", tmp_path / "new.sqlite")
    with pytest.raises(UnusableDatabaseError, match="removed or replaced"), database.begin() as connection:
        connection.execute(write)
    database.open()
    with database.begin() as connection:
        connection.execute(write)
    database.close()
    other = Database(f"sqlite:///{tmp_path}/new.sqlite")
    with other.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM credence_keys")).scalar_one() == 1
    other.close()
