"""A store of small real models with random weights, and clients of an app that serves them."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from layered import Layered
from postgres_server import postgres
from random_models import DIGITS, SPECS, save_model
from running_service import started
from table_models import save_tables

from models.catalogue import Component
from models.checkpoints.checkpoint import GeneratorSpec
from models.generators import GENERATORS

NAMES = tuple(SPECS)
"""The models that every store of these tests has; :func:`generators` adds one to :data:`SPECS` for a while."""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One version of every model of :data:`NAMES`."""
    folder = tmp_path_factory.mktemp("store")
    for name in NAMES:
        save_model(folder, name)
    return folder


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """The address of a PostgreSQL, the same for all tests; :func:`new_database` makes one of it for a test alone."""
    with postgres() as address:
        yield address


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store of generators alone: the two that are small, and one that the tests have made up."""
    folder = tmp_path_factory.mktemp("generators")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GENERATORS, "layered", Layered)
        patch.setitem(SPECS, "layered", GeneratorSpec(Component("layered"), DIGITS))
        for name in ("vae", "infogan", "layered"):
            save_model(folder, name)
        yield folder


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def app(store: Path) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """``async with app(setting=...) as client``: a started service of all models."""
    return functools.partial(started, store=store)


@pytest.fixture(scope="module")
async def client(
    app: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with its default settings, the same for all tests of a file."""
    async with app() as client:
        yield client


@pytest.fixture
async def new_client(
    app: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
) -> AsyncIterator[httpx.AsyncClient]:
    """Likewise, of a service that no other test uses: for those that change it, or count what it does."""
    async with app() as client:
        yield client


@pytest.fixture(scope="module")
def images_app(generators: Path) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """Likewise, of generators alone."""
    return functools.partial(started, store=generators)


@pytest.fixture(scope="module")
async def images(
    images_app: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of generators alone, the same for all tests of a file."""
    async with images_app() as client:
        yield client


@pytest.fixture(scope="session")
def table_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of models of tables."""
    folder = tmp_path_factory.mktemp("tables")
    save_tables(folder)
    return folder


@pytest.fixture(scope="module")
async def tables(table_store: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service of tables alone, the same for all tests of a file."""
    async with started(store=table_store, default_model="houses") as client:
        yield client
