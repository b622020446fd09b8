"""The application: routes, layers, and the start and stop of the runtime behind them."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp

from service import VERSION
from service.http.access.origins import Origins
from service.http.direct import Direct
from service.http.layers import Layers
from service.routes import (
    acquire,
    calibrated,
    encode,
    generate,
    interpolate,
    kserve_v1,
    mix,
    models,
    open_inference,
    operations,
    outcomes,
    playground,
    predict,
    project,
    reference,
    traverse,
)
from service.runtime.registry import Registry
from service.runtime.runtime import Runtime
from service.settings import Settings

log = logging.getLogger(__name__)

ROUTES = (
    predict,
    calibrated,
    acquire,
    outcomes,
    generate,
    traverse,
    interpolate,
    mix,
    encode,
    project,
    models,
    open_inference,
    kserve_v1,
    operations,
    playground,
    reference,
)
"""Groups of routes, in the order of the documentation."""


def create_app(settings: Settings, registry: Registry, fresh_seed: int | None = None) -> FastAPI:
    """Return the service for the models of a registry.

    Nothing is loaded until the app starts; from then on it is live, and ready once the models are loaded.

    Args:
        settings: Settings of the service.
        registry: Models that it serves.
        fresh_seed: Seed of requests for a random one, for a replay; ``None`` draws one for each.
    """
    runtime = Runtime(settings, registry, fresh_seed)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(runtime.start())
        loading.add_done_callback(functools.partial(_end_if_failed, runtime))
        yield
        loading.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await loading
        await runtime.stop()

    app = _Application(
        title="Credence",
        summary="Predictions that say how sure they are, and generative models under control",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,  # the framework's pages load their scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # looked for anew in every request, if not off
        redirect_slashes=False,  # such a redirect would go to whatever host the client names
    )
    app.state.runtime, app.state.origins = runtime, Origins(settings)
    for group in ROUTES:
        app.include_router(group.router)
    app.add_exception_handler(HTTPException, _pass_on)
    app.add_middleware(Layers, service=runtime)
    return app


class _Application(FastAPI):
    """The framework's application, with a short way past it."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return what a request passes: the service's layers, and within them a route, or the framework before that."""
        (route,) = predict.router.routes
        assert isinstance(route, APIRoute)
        return Direct(super().build_middleware_stack(), route, Layers(predict.answer, self.state.runtime))


async def _pass_on(request: Request, error: Exception) -> Response:
    """Leave the framework's own refusals to the layer of errors, with a detail that says what to do."""
    assert isinstance(error, HTTPException)  # it is registered for this class
    phrase = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # Starlette names the methods of one route of several
        headers["Allow"] = ", ".join(_methods(request))
    raise HTTPException(error.status_code, f"{phrase}; /docs lists the routes and their methods", headers) from error


def _methods(request: Request) -> list[str]:
    """Return the methods that the request's path takes."""
    tried = {method: {**request.scope, "method": method} for method in ("DELETE", "GET", "POST")}
    routes = request.app.routes
    taken = [m for m, scope in tried.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]
    return sorted([*taken, "HEAD"]) if "GET" in taken else taken  # the layers answer HEAD as GET


def _end_if_failed(runtime: Runtime, loading: asyncio.Task[None]) -> None:
    """A service that can never be ready ends, so that whoever started it starts it again."""
    if not loading.cancelled() and loading.exception():
        log.critical("loading the models failed", exc_info=loading.exception())
        runtime.phase, runtime.exit_status = "failed", 1
        runtime.end()
