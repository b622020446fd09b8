"""Entry point of the service: ``python -m service`` or ``credence-serve``. Settings come from the environment.

With a command it does that: ``python -m service predict FILE ...`` predicts a whole file by the same code.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

# Set before torch loads OpenMP, so that its threads sleep while they wait for each other and do not spin. On cores that
# are shared, if only with the event loop, spinning made one pass of a LeNet take 70 ms instead of 1.2.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if __name__ == "__main__" and len(sys.argv) == 1:  # until there is a server: nothing has been accepted yet
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))

import httpx
import uvicorn
from fastapi import FastAPI

from models.checkpoints.signatures import KeyFileError
from models.errors import CredenceError, ObjectStoreError, did_you_mean
from service.app import create_app
from service.backends.onnx_loader import loader_of
from service.backends.torch_loader import configure_torch
from service.client import AsyncClient, ClientError
from service.http.access.exposure import ExposedError, check_access, check_proxies, is_loopback
from service.http.access.key_file import UnusableKeyFileError
from service.http.header_lines import HEADERS
from service.http.protocol import ProblemProtocol
from service.http.rate_counts import UnusableRateStoreError
from service.http.tls import UnusableCertificateError, check_certificate
from service.http.tracing.start import UnusableTracingError
from service.runtime.audit.file import UnusableAuditFileError
from service.runtime.database.engine import UnusableDatabaseError
from service.runtime.descriptors import raise_limit
from service.runtime.logs import configure_logs
from service.runtime.registry import Registry
from service.runtime.server import Server, end_now
from service.runtime.store import names_in, reader_of
from service.settings import Settings, read_settings

log = logging.getLogger("service")

_KEEP_ALIVE_SECONDS = 75
"""Seconds that an idle connection is kept: longer than clients do, so that it is they who close it."""
_LOADING_SECONDS = 0.02
_SWITCH_SECONDS = 0.001
"""Seconds after which a thread that reads a long body, or loads a model, lets the event loop go on.

Python's own are 5 ms, and a batch that the loop runs itself waits several times.
"""
_LETTING_GO_SECONDS = 1
"""Seconds of the time to shut down that are left for what is not a request."""


def main() -> None:
    """Serve; or carry out the command that the arguments name."""
    if len(sys.argv) == 1:
        serve()
        return
    from service.client.command import app  # which reads and writes files of many kinds
    from service.runtime.audit.command import replaying
    from service.runtime.keys import command as keys
    from service.runtime.pretrained import add_pretrained

    app.add_typer(keys.app, name="keys")
    app.command("replay")(replaying(running))
    app.command("add-pretrained")(add_pretrained)
    app(obj=connect, prog_name="python -m service")


@asynccontextmanager
async def connect(
    store: Path | str | None, model: str, seconds: float, cluster: str = ""
) -> AsyncIterator[AsyncClient]:
    """Serve one model to a client of its own, in this process without a network, or in those of a cluster of Ray.

    Args:
        store: Folder of checkpoints, or the address of an object store; that of the settings if left out.
        model: Name of the model.
        seconds: Seconds that a request may take.
        cluster: Address of a cluster of Ray; empty for this process.
    """
    if cluster:
        try:
            from service.ray_predict import on_cluster
        except ModuleNotFoundError as error:
            raise ClientError(
                "--ray needs Ray; install the extra: pip install -c constraints.txt -e '.[ray]'"
            ) from error
        async with on_cluster(in_process, cluster, store, model, seconds) as client:
            yield client
        return
    async with in_process(store, model, seconds) as app:
        transport = httpx.ASGITransport(app)
        async with AsyncClient("http://in-process", key="", timeout=seconds, transport=transport) as client:
            yield client


@asynccontextmanager
async def in_process(store: Path | str | None, model: str, seconds: float) -> AsyncIterator[FastAPI]:
    """Serve one model in this process, without a network.

    Requests never share a batch, so that an answer does not depend on what else is under way.

    Args:
        store: Folder of checkpoints, or the address of an object store; that of the settings if left out.
        model: Name of the model.
        seconds: Seconds that a request may take.

    Raises:
        ClientError: if the settings are wrong, or the model is not there, was refused or cannot be brought.
    """
    try:
        settings = read_settings(
            key_file=None,
            database_keys=False,
            audit_file=None,
            max_batch_work=1,
            max_request_seconds=1e9,
            deadline_seconds=seconds,
            outcomes="off",
            tracing=False,
            log_requests=False,
            database_url="",
            **({} if store is None else {"store": store}),
        )
    except ValueError as error:
        raise ClientError(str(error)) from error
    async with running(settings, model) as app:
        registry = app.state.runtime.registry
        if not registry.served:
            try:
                names = await asyncio.to_thread(names_in, settings)
            except ObjectStoreError as error:
                raise ClientError(f"{settings.store}: {error}") from error
            there = f"there are: {', '.join(names) or 'none'}{did_you_mean(model, names)}"
            reasons = [one.reason for one in registry.refused] or [there]
            raise ClientError(f"{settings.store} has no model {model!r} that can be served; {reasons[0]}")
        yield app


@asynccontextmanager
async def running(settings: Settings, only: str, fresh_seed: int | None = None) -> AsyncIterator[FastAPI]:
    """Start a service in this process, without a network, and wait until its models are loaded.

    Args:
        settings: Settings of the service.
        only: Name of the one model that it loads, or its ``name/version``.
        fresh_seed: Seed of requests for a random one; ``None`` draws one for each.

    Raises:
        ClientError: if the settings cannot be carried out, or the object store cannot be read and the model has not
            been brought from it before.
    """
    configure_torch(settings.threads)
    try:
        registry = Registry(settings.store_folder, loader_of(settings), only=only, read=reader_of(settings))
        app = create_app(settings, registry, fresh_seed)
    except (ValueError, CredenceError) as error:
        raise ClientError(str(error)) from error
    async with app.router.lifespan_context(app):
        while app.state.runtime.phase == "loading":
            await asyncio.sleep(_LOADING_SECONDS)
        follower = app.state.runtime.follower
        if follower is not None and follower.fault and not registry.served:
            raise ClientError(f"{settings.store}: {follower.fault}")
        yield app


def serve() -> None:
    """Read the settings, load the store and serve until a signal."""
    try:
        settings = read_settings()
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(2)
    try:
        check_access(settings)
        check_proxies(os.environ.get("FORWARDED_ALLOW_IPS", ""))
        check_certificate(settings)
    except (UnusableKeyFileError, ExposedError, UnusableCertificateError) as error:
        sys.exit(f"error: {error}")
    configure_logs(settings)
    raise_limit()
    if settings.has_keys and settings.tls_certificate is None and not is_loopback(settings.host):
        log.warning("keys travel unencrypted unless a proxy in front speaks HTTPS; CREDENCE_TLS_CERTIFICATE does too")
    configure_torch(settings.threads)
    try:
        loader = loader_of(settings)
    except ValueError as error:
        sys.exit(f"CREDENCE_DEVICE: {error}")
    try:
        registry = Registry(settings.store_folder, loader, read=reader_of(settings))
    except KeyFileError as error:
        sys.exit(f"CREDENCE_PUBLIC_KEY: {error}")
    try:
        app = create_app(settings, registry)
    except ObjectStoreError as error:
        sys.exit(f"CREDENCE_STORE: {error}")
    except UnusableRateStoreError as error:
        sys.exit(f"CREDENCE_RATE_STORE: {error}")
    except UnusableDatabaseError as error:
        sys.exit(f"CREDENCE_DATABASE_URL: {error}")
    except UnusableAuditFileError as error:
        sys.exit(f"CREDENCE_AUDIT_FILE: {error}")
    except UnusableTracingError as error:
        sys.exit(f"CREDENCE_TRACING: {error}")
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,  # its entries go where all others do
        log_level=settings.log_level,
        http=ProblemProtocol,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=max(1, settings.shutdown_seconds - _LETTING_GO_SECONDS),
        server_header=False,
        proxy_headers="FORWARDED_ALLOW_IPS" in os.environ,  # else anyone on this machine might call himself another
        headers=HEADERS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # or the search for garbage goes through all modules again and again, for 100 ms each time
    Server(config, app.state.runtime).run()
    end_now(app.state.runtime.exit_status)


if __name__ == "__main__":
    main()
