"""The application: routes, errors and the start and stop of what is behind them."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import signal
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import CredenceError
from service.errors import (
    ClientLeft,
    HeadTooLargeError,
    ServiceError,
    kind_of,
    kind_of_status,
    problem,
    problem_of,
)
from service.routes import (
    encode,
    generate,
    interpolate,
    mix,
    models,
    open_inference,
    operations,
    playground,
    predict,
    project,
    traverse,
)
from service.runtime.registry import Registry
from service.runtime.runtime import Runtime
from service.settings import Settings

log = logging.getLogger(__name__)

_PAGES = ("/docs", "/redoc", "/openapi.json")
"""Of the framework, which sets no route for them."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def create_app(settings: Settings, registry: Registry) -> FastAPI:
    """The service over some models. Nothing is loaded until the app starts; until then it is live but not ready."""
    runtime = Runtime(settings, registry)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(runtime.start())
        loading.add_done_callback(functools.partial(_end_if_failed, runtime))
        yield
        with suppress(Exception):
            await loading
        await runtime.stop()

    app = FastAPI(
        title="Credence",
        summary="Predictions that say how sure they are, and generative models under control",
        version="0.1.0",
        lifespan=lifespan,
        redirect_slashes=False,  # such a redirect would go to whatever host the client names
    )
    app.state.runtime = runtime
    for group in (
        predict,
        generate,
        traverse,
        interpolate,
        mix,
        encode,
        project,
        models,
        open_inference,
        operations,
        playground,
    ):
        app.include_router(group.router)
    for error in (CredenceError, ServiceError, HTTPException, ClientLeft):
        app.add_exception_handler(error, _refuse)
    app.add_middleware(Gate, runtime=runtime)
    return app


class Gate:
    """Outermost layer: every request has an id, is counted under its route, and ends in an answer."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime
        self._telemetry = runtime.telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        start = time.perf_counter()
        answered = False

        async def counted_send(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *self._farewell()]
                # Counted before the client can see the answer, so that its tally and ours never differ.
                self._telemetry.requests.labels(_route(scope), str(message["status"])).inc()
            await send(message)

        try:
            self._check_head(scope)
            await self._app(scope, receive, counted_send)
        except Exception as error:
            if not isinstance(error, HeadTooLargeError):
                log.exception("request %s failed", request_id)
            if not answered:
                self._telemetry.rejections.labels(kind_of(error).code).inc()
                await problem_of(error, request_id)(scope, receive, counted_send)
        finally:
            self._telemetry.request_seconds.labels(_route(scope)).observe(time.perf_counter() - start)

    def _check_head(self, scope: Scope) -> None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        limit = self._runtime.settings.max_header_bytes
        if size > limit:
            raise HeadTooLargeError(f"the address and the header lines have {size} bytes; allowed are {limit}")

    def _farewell(self) -> list[tuple[bytes, bytes]]:
        """While draining, clients are asked to open their next connection elsewhere."""
        return [(b"connection", b"close")] if self._runtime.phase in ("draining", "closing") else []


async def _refuse(request: Request, error: Exception) -> Response:
    """Any refusal as problem+json."""
    request_id = request.state.request_id
    if isinstance(error, ClientLeft):
        return Response(status_code=499)  # nobody reads it; the metrics show it
    if isinstance(error, HTTPException):
        kind = kind_of_status(error.status_code)
        response = problem(kind, f"{kind.title}; /docs lists the routes and their methods", request_id)
        response.headers.update(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # Starlette names the methods of one route of several
            response.headers["Allow"] = ", ".join(_methods(request))
    else:
        kind = kind_of(error)
        response = problem_of(error, request_id)
    runtime: Runtime = request.app.state.runtime
    runtime.telemetry.rejections.labels(kind.code).inc()
    return response


def _methods(request: Request) -> list[str]:
    """That the request's path takes."""
    tried = {method: {**request.scope, "method": method} for method in ("DELETE", "GET", "POST")}
    routes = request.app.routes
    return [m for m, scope in tried.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]


def _request_id(scope: Scope) -> str:
    """The client's, if it is a plain one; else a fresh one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _route(scope: Scope) -> str:
    """The template of the route, from a closed set; paths that no route has are one label."""
    page = next((page for page in _PAGES if page == scope["path"]), "unmatched")
    route: str = getattr(scope.get("route"), "path", page)
    return route


def _end_if_failed(runtime: Runtime, loading: asyncio.Task[None]) -> None:
    """A service that can never be ready ends, so that whoever started it starts it again."""
    if not loading.cancelled() and loading.exception():
        log.critical("loading the models failed", exc_info=loading.exception())
        runtime.phase, runtime.failed = "failed", True
        signal.raise_signal(signal.SIGINT)
