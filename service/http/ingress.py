"""The proxies of Ray Serve, which have the clients' connections: in front of each runs what its answers lack.

Serve's proxy passes a request to one replica of the service. If that replica's process or machine dies before it has
answered, the proxy says nothing at all; what it refuses itself is plain text; and it writes an id of its own beside the
replica's. Serve calls :func:`middlewares` in every proxy whose environment names it, see ``docker/ray``.
"""

from __future__ import annotations

import os

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import NoReplicaError
from service.http.header_lines import HEADERS, PLAIN_ID
from service.http.refusals import refuse
from service.telemetry import Telemetry

HOOK = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
"""Variable by which Serve's proxies find :func:`middlewares`."""

_ID = b"x-request-id"
_LINES = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
_ATTEMPTS = 3
"""Replicas that a request is sent to, one after the other, while each of them dies with it."""
_OF_SERVE = "/-/"
"""Beginning of the paths that Serve's proxy answers itself: its health, and its routes."""


def middlewares() -> list[Middleware]:
    """Return what runs in front of a proxy of Ray Serve."""
    return [Middleware(Ingress)]


class Ingress:
    """Completes the answers of Ray Serve's proxy, and sends a request to another replica when its own has died.

    That is safe for every route: a seed decides an answer, and what is written is written under the request's id.

    Args:
        app: Serve's proxy.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._telemetry = Telemetry()  # refusals are counted here; Ray has the metrics of its proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see to its answer."""
        if scope["type"] != "http" or scope["path"].startswith(_OF_SERVE):
            await self._app(scope, receive, send)
            return
        request_id = _choose_id(scope)
        body, answer = _Body(receive), _Answer(send, request_id)
        others = [line for line in scope["headers"] if line[0] != _ID]
        scope = {**scope, "headers": [*others, (_ID, request_id)]}
        for _ in range(_ATTEMPTS):
            await self._app({**scope}, body.read_again(), answer.pass_on)
            if answer.has_begun or answer.is_refused or body.client_left:
                break
        if not (answer.has_begun or body.client_left):
            error = NoReplicaError("no replica of the service could answer; try again")
            await refuse(error, request_id.decode(), self._telemetry)(scope, receive, answer.say)


class _Body:
    """A request's body, which can be read again from its beginning."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: list[Message] = []

    @property
    def client_left(self) -> bool:
        """``True`` if nobody waits for the answer."""
        return bool(self._kept) and self._kept[-1]["type"] == "http.disconnect"

    def read_again(self) -> Receive:
        """Return a function that gives every message from the first one on."""
        place = 0

        async def receive() -> Message:
            nonlocal place
            if place == len(self._kept):
                self._kept.append(await self._receive())
            place += 1
            return self._kept[place - 1]

        return receive


class _Answer:
    """The answer to a request: that of a replica as it is, but for its lines; the proxy's own is kept back."""

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._id = request_id
        self.has_begun = self.is_refused = False

    async def pass_on(self, message: Message) -> None:
        """Send what a replica says. It names its id, and the proxy adds that to each answer: a single id is its own."""
        if message["type"] == "http.response.start":
            self.is_refused = sum(name.lower() == _ID for name, _ in message["headers"]) < 2
        if not self.is_refused:
            await self.say(message)

    async def say(self, message: Message) -> None:
        """Send a message of an answer, with the lines that every answer has."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            others = [line for line in message["headers"] if line[0].lower() != _ID]
            message = {**message, "headers": [*_LINES, *others, (_ID, self._id)]}
        await self._send(message)


def _choose_id(scope: Scope) -> bytes:
    """Return the id that the client has chosen, if it is a plain one, or a new one."""
    given = next((value for name, value in scope["headers"] if name == _ID), b"")
    return given if PLAIN_ID.fullmatch(given) else os.urandom(16).hex().encode()
