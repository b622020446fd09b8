"""The layers that every request passes on its way to a route, and the two lists that state their order.

Each has one concern. To add one (say, authentication), write it in a file of its own and put it into :data:`GUARDS`: to
refuse a request it raises, and :class:`Layers` answers.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping, MutableMapping
from functools import cache
from typing import Any

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import INTERNAL, ClientLeft, HeadTooLargeError, kind_of
from service.http.access.layer import Access
from service.http.audit.middleware import Audited
from service.http.clients import network_of
from service.http.cors import Cors
from service.http.header_lines import PLAIN_ID
from service.http.layer import Layer, Service
from service.http.rates import Rates
from service.http.refusals import refuse
from service.http.request_log import RequestLog
from service.http.tracing.layer import Tracing

log = logging.getLogger(__name__)

_DOCUMENT = "/openapi.json"
"""Path of the framework's own, which sets no route for it."""

_SMALLEST_ANSWER = 32 * 1024
"""Bytes from which an answer is compressed: a millisecond of work then saves more on all but the fastest networks."""

_UNFIT = ("image/*", "application/x-npz", "application/x-npy", "application/octet-stream")
"""Types of answers that compression makes no smaller."""

_CLIENT_LEFT = 499
"""Status of an answer that nobody reads; the metrics show it."""


class RequestId(Layer):
    """Gives every request an id, the client's own if it is a plain one, and names it in the answer.

    The client's address goes on with the request, as ``address`` of its state.
    """

    def enter(self, scope: Scope) -> None:
        given = _header(scope, b"x-request-id")
        # Outcomes are reported by it, so nobody may guess another's: the system's source is as fast as Python's.
        request_id = given.decode() if PLAIN_ID.fullmatch(given) else os.urandom(16).hex()
        address = (scope.get("client") or ("", 0))[0]  # behind a trusted proxy the server has put the client's there
        if ":" in address:
            address = network_of(address)
        scope["state"] = {**scope.get("state", {}), "request_id": request_id, "address": address}

    def begin(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        message["headers"].append((b"x-request-id", scope["state"]["request_id"].encode()))


class Metrics(Layer):
    """Counts every answer under its route and status, before the client can see it, and times every request."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        # A few routes have a few statuses each; finding the series among all others takes longer than counting.
        self._counter = cache(lambda route, status: service.telemetry.requests.labels(route, str(status)))
        self._histogram = cache(service.telemetry.request_seconds.labels)

    def enter(self, scope: Scope) -> None:
        scope["state"]["began"] = time.perf_counter()

    def begin(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        self._counter(_route(scope), message["status"]).inc()

    def leave(self, scope: Scope) -> None:
        route = scope["state"]["route"] = _route(scope)
        self._histogram(route).observe(time.perf_counter() - scope["state"]["began"])


class Draining(Layer):
    """Asks clients, while the service is about to stop, to open their next connection elsewhere."""

    def begin(self, scope: Scope, message: MutableMapping[str, Any]) -> None:
        if self._service.phase in ("draining", "closing"):
            message["headers"].append((b"connection", b"close"))


class HeadLimit(Layer):
    """Refuses a request whose address and header lines are too long together."""

    def enter(self, scope: Scope) -> None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        for name, value in scope["headers"]:
            size += len(name) + len(value)
        limit = self._service.settings.max_header_bytes
        if size > limit:
            raise HeadTooLargeError(f"the address and the header lines have {size} bytes; allowed are {limit}")


ENVELOPE: tuple[type[Layer], ...] = (RequestId, Metrics, Tracing, RequestLog, Draining)
"""Layers that see every request and every answer, refusals too; none of them refuses."""

GUARDS: tuple[type[Layer], ...] = (HeadLimit, Access, Rates)
"""Layers that may refuse a request, in this order: what they raise is counted, has an id, and is answered."""


class Layers:
    """All layers around an application; what is not an HTTP request, such as its start, passes them by.

    A request passes two middlewares of the framework besides, if it needs them: one that compresses long answers, for
    clients that accept gzip, and one for pages of other origins, if the settings name such origins. Within all of them
    is that of the audit, if there is one.

    Args:
        app: The application.
        service: The running service.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        envelope, guards = (
            [layer(service) for layer in layers if layer.is_on(service.settings)] for layers in (ENVELOPE, GUARDS)
        )
        self._notes = _moments(envelope, "enter")
        self._checks = _moments(guards, "enter")
        self._admissions = _moments(guards, "admit")
        self._begins = _moments([*guards, *envelope], "begin")
        self._leaves = _moments([*guards, *envelope], "leave")
        if service.settings.audit_file is not None:
            self._app = Audited(app, service)
        self._answered: ASGIApp = Cors(self._answer, service) if service.settings.cors_origins else self._answer
        self._compressed = GZipMiddleware(
            self._answered, _SMALLEST_ANSWER, compresslevel=1, exclude_content_types=_UNFIT
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see to its answer; HEAD is answered as GET, but for the body of the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        for note in self._notes:
            note(scope)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["state"]["status"] = message["status"]
                message["headers"] = [*message["headers"]]
                for begin in self._begins:
                    begin(scope, message)
            await send(message)

        accepted = _header(scope, b"accept-encoding").replace(b" ", b"")
        # Where gzip is not accepted, an answer that a cache may keep has to say that others would get it packed.
        compressed = b"gzip;q=0" not in accepted if b"gzip" in accepted else scope["method"] == "GET"
        try:
            await (self._compressed if compressed else self._answered)(scope, receive, send_on)
        finally:
            for leave in self._leaves:
                leave(scope)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and every exception; those that are faults of the service are logged."""
        try:
            for check in self._checks:
                check(scope)
            for admit in self._admissions:
                await admit(scope)
            await self._app(scope, receive, send)
        except Exception as error:
            state = scope["state"]
            if "status" in state:  # too late for another status: the server cuts the answer off
                log.exception("request %s failed after its answer had begun", state["request_id"], extra=_about(state))
                return
            await self._refusal(error, state)(scope, receive, send)

    def _refusal(self, error: Exception, state: dict[str, Any]) -> Response:
        if isinstance(error, ClientLeft):
            return Response(status_code=_CLIENT_LEFT)
        kind, request_id = kind_of(error), state["request_id"]
        state["problem"] = kind.code
        if kind is INTERNAL:
            log.error("request %s failed", request_id, exc_info=error, extra=_about(state))
        return refuse(error, request_id, self._service.telemetry)


def _about(state: Mapping[str, Any]) -> dict[str, str]:
    """Return the entries of a log in JSON besides the usual ones."""
    return {name: state[name] for name in ("request_id", "trace_id") if name in state}


def _moments(layers: Iterable[Layer], name: str) -> list[Any]:
    """Return the methods of one moment, of those layers that have one of their own."""
    return [getattr(layer, name) for layer in layers if getattr(type(layer), name) is not getattr(Layer, name)]


def _header(scope: Scope, name: bytes) -> bytes:
    """Return the value of the first header line of a name; nothing if there is none."""
    for given, value in scope["headers"]:
        if given == name:
            return bytes(value)
    return b""


def _without_body(send: Send) -> Send:
    """Return a function that sends an answer's status and headers alone."""

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


def _route(scope: Scope) -> str:
    """Return the template of the route, from a closed set; paths that no route has share one label."""
    if "route" in scope:
        template: str = getattr(scope["route"], "path", "unmatched")
        return template
    return _DOCUMENT if scope["path"] == _DOCUMENT else "unmatched"
