"""A real PostgreSQL for the tests, in a folder of its own, reached by a socket in it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import tool
from sqlalchemy import create_engine, text

_OWNER = "postgres"


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty database of a new server, which refuses to be root's: it is the package's user's then."""
    programs = Path(tool("initdb")).resolve().parent
    as_owner = ["runuser", "-u", _OWNER, "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path is short
    try:
        if as_owner:
            shutil.chown(folder, _OWNER)
        data = folder / "data"
        initialise = [programs / "initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync"]
        subprocess.run([*as_owner, *initialise], check=True, capture_output=True, cwd=folder)
        options = f"-k {folder} -c listen_addresses="
        control = [*as_owner, programs / "pg_ctl", "-D", data, "-w"]
        start = [*control, "-o", options, "-l", folder / "log", "start"]
        subprocess.run(start, check=True, capture_output=True, cwd=folder)
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(address: str) -> str:
    """The address of a new and empty database of a server, of which another address is given."""
    name = f"new_{secrets.token_hex(4)}"
    engine = create_engine(address.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return address.replace("/postgres?", f"/{name}?")
