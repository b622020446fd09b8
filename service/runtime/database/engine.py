"""A connection to SQLite or PostgreSQL, where a change is durable once committed, and the schema that is made there."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

METADATA = MetaData()
"""All tables; each is defined where it is used, and made by a migration."""
_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x43524544
"""Number of the lock of PostgreSQL that whoever changes the schema, or keys, takes."""
_BUSY_SECONDS = 10
_CONNECT_SECONDS = 5
_STATEMENT_MILLISECONDS = 20_000
_ALLOWED = "allowed are sqlite:////path/of/a/file and postgresql://user:password@host/name"


class UnusableDatabaseError(Exception):
    """The address of the database is none that is supported, its schema is of another release, or its file is gone."""


class Database:
    """A connection to the database; those who use it add statements of their own tables.

    Args:
        url: Address in SQLAlchemy's form, such as ``sqlite:////data/outcomes.sqlite`` or ``postgresql://host/name``.

    Raises:
        UnusableDatabaseError: if the address is none of SQLite or PostgreSQL, or the driver is missing.
    """

    def __init__(self, url: str) -> None:
        parsed = _parsed(url)
        self._is_postgresql = parsed.get_backend_name() == "postgresql"
        patience = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _STATEMENT_MILLISECONDS}
        try:
            self._engine = create_engine(
                parsed,
                pool_pre_ping=True,
                pool_size=1,
                max_overflow=0,
                connect_args=patience if self._is_postgresql else {},
            )
        except ImportError as error:
            raise UnusableDatabaseError("PostgreSQL needs a driver; pip install 'credence[postgres]'") from error
        self.insert: Any = postgresql.insert if self._is_postgresql else sqlite.insert
        if self._is_postgresql:
            event.listen(self._engine, "begin", _bound_statements)
        else:
            event.listen(self._engine, "connect", _set_up)
            event.listen(self._engine, "connect", self._note_file)
            event.listen(self._engine, "begin", _begin_writing)

    def open(self) -> None:
        """Bring the schema to this release; services that start at once do it one after another.

        Raises:
            UnusableDatabaseError: if it is of a newer release.
        """
        from alembic import command  # which the first use of a database pays for, and not every start
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self.begin() as connection:
            self.lock(connection)
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise UnusableDatabaseError(f"its schema is of a newer release: {error}; update the service") from error

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Return a transaction as a context, whose end is its commit.

        Raises:
            UnusableDatabaseError: if the file of SQLite was removed or replaced, and what was written went with it; the
                next transaction opens the file that is there then.
        """
        with self._engine.begin() as connection:
            opened = connection.info.get("file")
            yield connection
        if opened != self._file():
            self._engine.dispose()
            raise UnusableDatabaseError("its file was removed or replaced while it was open")

    def _file(self) -> tuple[int, int] | None:
        """Return what tells the file of SQLite from one that takes its name; ``None`` without one."""
        if self._is_postgresql:
            return None
        with suppress(OSError):
            found = os.stat(self._engine.url.database or "")
            return found.st_dev, found.st_ino
        return None

    def _note_file(self, _connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = self._file()

    def lock(self, connection: Connection) -> None:
        """Let no other service change the schema, or keys, before the end of a transaction."""
        if self._is_postgresql:  # a transaction of SQLite has the only lock that there is
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()


FAILURES = (SQLAlchemyError, OSError, UnusableDatabaseError)
"""What is raised where the database cannot be used at the moment."""


def _parsed(url: str) -> URL:
    """Return an address with the driver that is used for it."""
    try:
        parsed = make_url(re.sub("^postgres:", "postgresql:", url))
    except ArgumentError as error:
        raise UnusableDatabaseError(f"not an address; {_ALLOWED}") from error
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise UnusableDatabaseError(f"{parsed.drivername} is not supported; {_ALLOWED}")
    return parsed


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    """Make a commit of SQLite outlast a loss of power, and let readers of other processes read meanwhile."""
    connection.isolation_level = None  # transactions are begun below, and by nobody else
    for setting in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={1000 * _BUSY_SECONDS}"):
        connection.execute(f"PRAGMA {setting}")


def _bound_statements(connection: Connection) -> None:
    """Let no statement of PostgreSQL take longer than it may."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_STATEMENT_MILLISECONDS}")


def _begin_writing(connection: Connection) -> None:
    """Take SQLite's lock for writing at once, so that a transaction never has to give up halfway."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
