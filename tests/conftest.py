"""What tests of several rooms need: the starter models, trained once, and what to do where a tool is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from bundled_store import fill
from server_process import Server

REQUIRED = os.environ.get("CREDENCE_TEST_TOOLS", "").split()
"""Programs that may not be missing (.ci/run names them all); the tests of others that are missing are skipped."""


def tool(*names: str) -> str:
    """Path of the first of these programs that is there; without any, the test is skipped and says so."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or missing(names[0], f"{' or '.join(names)} is not installed")


def missing(name: str, why: str) -> NoReturn:
    """Leave a test out, or fail it where nothing may be left out."""
    if name in REQUIRED:
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the starter models, trained from nothing as ``make serve`` does."""
    store = tmp_path_factory.mktemp("starter")
    command = [sys.executable, "-m", "training", "demo", "--starter", "--out", str(store)]
    trained = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "140"})
    assert trained.returncode == 0, trained.stderr
    return store


@pytest.fixture(scope="session")
def bundled_url(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server, a process of its own, with every bundled model: the starter set trained."""
    store = tmp_path_factory.mktemp("bundled")
    fill(store, starter)
    server = Server(store)
    server.wait_ready()
    yield server.url
    assert server.stop() == 0
