"""What tests of several rooms need: the starter models, trained once, and what to do where a tool is missing."""

from __future__ import annotations

import functools
import inspect
import os
import secrets
import shutil
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar

import pytest
import torch
from bundled_store import fill
from hypothesis import HealthCheck, settings
from server_process import Server
from starter_store import trained_store

from service.runtime.pretrained import add_missing

if TYPE_CHECKING:
    from s3_server import Bucket, Proxy  # which ask for tools, and so for this file

P, T = ParamSpec("P"), TypeVar("T")

REQUIRED = os.environ.get("CREDENCE_TEST_TOOLS", "").split()
"""Programs that may not be missing (.ci/run names them all); the tests of others that are missing are skipped."""

# The same examples in every run, however long a busy machine takes to make them.
settings.register_profile("tests", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def once_for_a_file(create: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    """Make a client's TLS context once for each file of certificates."""
    known = functools.cache(create)
    return lambda *args, **kwargs: (create if args or [*kwargs] != ["cafile"] else known)(*args, **kwargs)


def uncounted(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function during which no lines are counted: the work of a library, which is none of ours."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(tracer)

    return call


# Python calls the counter of branches for every line of every library. Of a graph's export that is half the time.
torch.export.export = uncounted(torch.export.export)
torch.onnx.export = uncounted(torch.onnx.export)

# Every graph that torch exports reads the sources of 500 operators, half a second, and every client of httpx reads 150
# certificates, 50 ms: minutes of the whole suite.
inspect.getsource = functools.cache(inspect.getsource)
ssl.create_default_context = once_for_a_file(ssl.create_default_context)


LONGEST = ("test_compose.py", "test_ray_app.py", "test_recipes.py")
"""Files of minutes: begun last, they would leave one of two workers without work."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Start the networks that a file of tests makes as it is imported from one seed, whatever was imported before."""
    if isinstance(collector, pytest.Module):
        torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Start every test, and the fixtures made for it, from one seed, whatever ran before."""
    torch.manual_seed(0)


def tool(*names: str) -> str:
    """Path of the first of these programs that is there; without any, the test is skipped and says so."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or missing(names[0], f"{' or '.join(names)} is not installed")


def missing(name: str, why: str) -> NoReturn:
    """Leave a test out, or fail it where nothing may be left out."""
    if name in REQUIRED:
        pytest.fail(why)
    pytest.skip(why)


PRETRAINED = Path(__file__).parents[1] / "pretrained"


@pytest.fixture(scope="session")
def pretrained_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server, a process of its own, with what ``make serve`` brings and nothing else."""
    store = tmp_path_factory.mktemp("pretrained")
    assert list(add_missing(PRETRAINED, store))
    server = Server(store)
    server.wait_ready()
    yield server.url
    assert server.stop() == 0


@pytest.fixture(scope="session")
def bundled_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server, a process of its own, with every bundled model: the starter set trained."""
    store = tmp_path_factory.mktemp("bundled")
    fill(store, trained_store())
    server = Server(store, default_model="digits-mlp-mc_dropout")
    server.wait_ready()
    yield server.url
    assert server.stop() == 0


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of a real S3 server, the same for all tests."""
    from s3_server import s3_server

    with s3_server() as port:
        yield port


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy in front of it, which spoils nothing until a test says so, and to which ``s3://`` leads."""
    from s3_server import ENVIRONMENT, proxy_of

    with proxy_of(s3_port) as proxy:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": proxy.url}.items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def bucket(s3: Proxy) -> Bucket:
    """A new and empty bucket."""
    from s3_server import Bucket

    return Bucket(s3.behind, f"models-{secrets.token_hex(4)}")
