"""The service on Ray Serve (extra ``ray``): every replica is the whole application, on a device of its own.

Batches are made in the replica, where the device is, and its queue is the only one: Serve's proxies pass each request
on at once. ``serve run docker/ray/serve.yaml`` serves it, and :mod:`service.http.ingress` runs in the proxies.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.registry import Collector
from ray import serve
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.app import create_app
from service.backends.onnx_loader import loader_of
from service.backends.torch_loader import configure_torch
from service.http.access.exposure import check_access, is_loopback
from service.http.access.origins import Origins
from service.http.ingress import HOOK, middlewares
from service.http.protocol import SEVERAL_TYPES
from service.http.refusals import refuse
from service.runtime.logs import configure_logs
from service.runtime.registry import Registry
from service.runtime.runtime import Runtime
from service.runtime.store import reader_of
from service.settings import Settings, read_settings

_OF_PROXIES = {
    HOOK: f"{middlewares.__module__}:{middlewares.__name__}",
    "RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING": "0",  # else a proxy asks the replicas on its own machine alone
}
"""Variables in the environment of every node, for Serve's proxies; ``docker/ray/nodes.env`` has them."""
_OF_ONE_PROCESS = {
    "port",
    "tls_certificate",
    "tls_key",
    "max_connections",
    "stall_seconds",
    "transfer_seconds",
    "drain_seconds",
    "shutdown_seconds",
}
"""Settings of the server of one process; Serve's own are in its configuration."""
_OPEN = HTTPException(
    HTTPStatus.FORBIDDEN,
    "the service has no keys, so it answers on this machine alone: name a file of keys with CREDENCE_KEY_FILE, or set"
    " CREDENCE_ALLOW_ANYONE=true",
)
_MOST_ONGOING = 10_000
"""Requests in a replica above which Serve keeps more back: more than its queue takes, which refuses with a reason."""
_LOADING_SECONDS = 0.02
_SCRAPE_SECONDS = 5.0


def application(_arguments: Mapping[str, str]) -> serve.Application:
    """Return the application for ``serve run``, which the configuration names ``service.ray_app:application``."""
    return deployment().bind()


def deployment() -> serve.Deployment:
    """Return the deployment of replicas, whose numbers and devices the configuration says.

    Raises:
        ValueError: if the settings are wrong, or the proxies would run without what they need.
        ExposedError: if the service would be open to anyone who reaches its port.
    """
    _read_ray_settings()
    if lacking := [f"{name}={value}" for name, value in _OF_PROXIES.items() if os.environ.get(name) != value]:
        raise ValueError(
            f"Serve's proxies need {' and '.join(lacking)} in the environment of every node, before `ray start` or"
            " `serve run`; docker/ray/nodes.env has what they need"
        )
    return serve.deployment(
        serve.ingress(create_guarded)(Replica),
        name="Credence",
        max_ongoing_requests=_MOST_ONGOING,
        health_check_period_s=2,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=60,
    )


def _read_ray_settings() -> Settings:
    settings = read_settings()
    if idle := sorted(_OF_ONE_PROCESS & settings.model_fields_set):
        names = ", ".join(f"CREDENCE_{name.upper()}" for name in idle)
        raise ValueError(f"{names}: Ray Serve has the connections here; leave these out, and see docs/ray.md")
    check_access(settings)
    return settings


def create_guarded() -> Guarded:
    """Return the application of a replica; Serve calls this there."""
    settings = _read_ray_settings()
    configure_logs(settings)
    configure_torch(settings.threads)
    app = create_app(settings, Registry(settings.store_folder, loader_of(settings), read=reader_of(settings)))
    app.router.routes.insert(0, APIRoute("/metrics", scrape, include_in_schema=False))  # before that of one process
    return Guarded(app)


class Guarded:
    """The application behind Serve's proxy, which passes on what the server of one process would refuse.

    Args:
        app: The application.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._origins: Origins = app.state.origins
        self.runtime: Runtime = app.state.runtime
        settings = self.runtime.settings
        self._is_open = not settings.has_keys and not settings.allow_anyone
        self.runtime.end = lambda: None  # Serve ends a replica that is not healthy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            scope = _without_prefix(scope)
            try:
                self._check(scope)
            except HTTPException as error:
                await self._refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raise for a caller who could not have reached a single process, or a page that may not ask."""
        if self._is_open and not is_loopback(scope["server"][0]):
            raise _OPEN
        if [name for name, _ in scope["headers"]].count(b"content-type") > 1:
            raise SEVERAL_TYPES
        self._origins.check(scope["method"].encode(), scope["raw_path"], dict(scope["headers"]))

    async def _refuse(self, error: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
        telemetry = self.runtime.telemetry
        request_id = dict(scope["headers"])[b"x-request-id"].decode()  # the proxy has chosen one
        response = refuse(error, request_id, telemetry)
        response.headers["x-request-id"] = request_id
        telemetry.requests.labels("unmatched", str(response.status_code)).inc()
        await response(scope, receive, send)


def _without_prefix(scope: Scope) -> Scope:
    """Return a request as if the application had the whole address space, and not what follows its ``route_prefix``."""
    prefix = scope["root_path"]
    path, raw_path = scope["path"].removeprefix(prefix), scope["raw_path"].removeprefix(prefix.encode())
    return {**scope, "root_path": "", "path": path or "/", "raw_path": raw_path or b"/"}


class Replica:
    """A process with the application, as Serve sees it."""

    app: Guarded

    async def check_health(self) -> None:
        """Wait until the models are loaded, before which Serve sends nothing here.

        Raises:
            RuntimeError: if only a new process can help.
        """
        runtime = self.app.runtime
        while runtime.phase == "loading":
            await asyncio.sleep(_LOADING_SECONDS)
        if runtime.exit_status:
            raise RuntimeError("the models could not be loaded, or the device is lost; the log of this replica has it")

    def metrics(self) -> tuple[str, list[Metric]]:
        """Return the id of this replica, and its metrics."""
        runtime = self.app.runtime
        runtime.telemetry.ready.set(runtime.unready_reason() is None)
        return serve.get_replica_context().replica_id.unique_id, [*runtime.telemetry.registry.collect()]


async def scrape() -> Response:
    """Return the metrics of all replicas: one alone would answer with its own, and the next scrape with another's."""
    context = serve.get_replica_context()
    handle = serve.get_deployment_handle(context.deployment, context.app_name)
    results = await handle.broadcast("metrics").results_async(timeout_s=_SCRAPE_SECONDS, return_exceptions=True)
    of_replicas = dict(one for one in results if not isinstance(one, BaseException))  # some may be about to end
    return Response(generate_latest(_Labelled(of_replicas)), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Labelled(Collector):
    """Metrics of several replicas, each value with its replica's id."""

    def __init__(self, of_replicas: Mapping[str, Iterable[Metric]]) -> None:
        self._of_replicas = of_replicas

    def collect(self) -> Iterable[Metric]:
        """Return each metric once, with the values of all replicas."""
        found: dict[str, Metric] = {}
        for replica, metrics in self._of_replicas.items():
            for metric in metrics:
                whole = found.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                whole.samples += [one._replace(labels={**one.labels, "replica": replica}) for one in metric.samples]
        return found.values()
