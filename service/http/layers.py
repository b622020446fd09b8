"""The layers that every request passes on its way to a route, and the one list that states their order.

Each is a small ASGI middleware with one concern. To add one (say, authentication), write it in a file of its own and
put it into :data:`LAYERS`: to refuse a request it raises, and the layer of errors answers.
"""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import INTERNAL, ClientLeft, HeadTooLargeError, kind_of
from service.http.access.layer import Access
from service.http.cors import Cors
from service.http.layer import Layer, Service
from service.http.refusals import refuse

log = logging.getLogger(__name__)

_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_DOCUMENT = "/openapi.json"
"""Path of the framework's own, which sets no route for it."""

_SMALLEST_ANSWER = 32 * 1024
"""Bytes from which an answer is compressed: a millisecond of work then saves more on all but the fastest networks."""

_UNFIT = ("image/*", "application/x-npz", "application/x-npy", "application/octet-stream")
"""Types of answers that compression makes no smaller."""

_CLIENT_LEFT = 499
"""Status of an answer that nobody reads; the metrics show it."""


class RequestId(Layer):
    """Gives every request an id, the client's own if it is a plain one, and names it in the answer."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _PLAIN_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        await self._app(scope, receive, send_with_id)


class Metrics(Layer):
    """Counts every answer under its route and status, before the client can see it, and times every request."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        telemetry = self._service.telemetry
        start = time.perf_counter()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                telemetry.requests.labels(_route(scope), str(message["status"])).inc()
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            telemetry.request_seconds.labels(_route(scope)).observe(time.perf_counter() - start)


class Draining(Layer):
    """Asks clients, while the service is about to stop, to open their next connection elsewhere."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_farewell(message: Message) -> None:
            if message["type"] == "http.response.start" and self._service.phase in ("draining", "closing"):
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_with_farewell)


class Compression(Layer):
    """Compresses long answers of numbers and text for clients that accept gzip."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        super().__init__(app, service)
        self._gzip = GZipMiddleware(app, _SMALLEST_ANSWER, compresslevel=1, exclude_content_types=_UNFIT)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = Headers(scope=scope).get("accept-encoding", "").replace(" ", "")
        await (self._app if "gzip;q=0" in accepted else self._gzip)(scope, receive, send)


class Errors(Layer):
    """Answers every exception from further in; those that are faults of the service are logged."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def send_noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:
            if answered:  # too late for another status: the server cuts the answer off
                log.exception("request %s failed after its answer had begun", scope["state"]["request_id"])
                return
            await self._answer(error, scope["state"]["request_id"])(scope, receive, send)

    def _answer(self, error: Exception, request_id: str) -> Response:
        if isinstance(error, ClientLeft):
            return Response(status_code=_CLIENT_LEFT)
        if kind_of(error) is INTERNAL:
            log.error("request %s failed", request_id, exc_info=error)
        return refuse(error, request_id, self._service.telemetry)


class HeadLimit(Layer):
    """Refuses a request whose address and header lines are too long together."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in scope["headers"])
        limit = self._service.settings.max_header_bytes
        if size > limit:
            raise HeadTooLargeError(f"the address and the header lines have {size} bytes; allowed are {limit}")
        await self._app(scope, receive, send)


LAYERS: tuple[type[Layer], ...] = (RequestId, Metrics, Draining, Compression, Cors, Errors, HeadLimit, Access)
"""All layers, the outermost first: what stands further in is counted, has an id, and may raise."""


class Layers:
    """All layers of the list around an application; what is not an HTTP request, such as its start, passes them by.

    Args:
        app: The application.
        service: The running service.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = self._outermost = app
        for layer in reversed(LAYERS):
            self._outermost = layer.around(self._outermost, service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the outermost layer; HEAD is answered as GET, but for the body of the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._outermost({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await self._outermost(scope, receive, send)


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
